/**
 * The steps of a document's erase, after its delete and the operation that follows it were
 * published.
 *
 *   ED1  nothing is removed before the delete is in cold for good: the chain of records then begins
 *        at the confirmed position, as after retention, and no reader needs what lies below;
 *   ED2  the operations go last: the first of them alone says which document it is, so what is cut
 *        off can be repeated until all else is gone;
 *        Until the receipt they are held against retention, which may be a matter of minutes. An
 *        erase that ends leaves what another one holds, and it waits for those of earlier
 *        operations, which it would take away from them;
 *   ED3  objects and letters of a version above the delete belong to a document that was published
 *        anew: they stay.
 */

import { createHash } from "node:crypto";
import type {
  DocumentBegun,
  EraseBounds,
  EraseDocumentInput,
  EraseDocumentRequest,
  FinishDocumentRequest,
} from "../../src/contract/erase.ts";
import { isNothing, nothingLeft } from "../../src/contract/erase.ts";
import { FreshetError } from "../../src/contract/errors.ts";
import {
  type DocumentId,
  isDocumentId,
  lastBefore,
  nextAfter,
  type Position,
  type TenantId,
  type Version,
} from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { confirmedTo, emptyManifest } from "../../src/contract/manifest.ts";
import { type ErasureCounts, type SignedReceipt } from "../../src/contract/receipt.ts";
import { checkServed } from "../../src/contract/tenant-life.ts";
import { holdsOf, type TenantPrivacy, withHolds } from "../../src/contract/tenant-privacy.ts";
import { changeLife } from "../../src/log/lives.ts";
import { changePrivacy } from "../../src/log/privacy.ts";
import { backoffMs } from "../../src/runtime/backoff.ts";
import { isLive, otherNames, positionOf } from "./generations.ts";
import { type ErasePorts, notCovered } from "./tenant.ts";

const pauses = { backoffMinMs: limits.erasePauseMinMs, backoffMaxMs: limits.erasePauseMaxMs };

/**
 * ED1.
 * @throws FreshetError not_found (the delete is not in the log), not_ready (it is to be asked
 * again), tenant_erased, …
 */
export async function awaitConfirmed(
  ports: ErasePorts,
  request: EraseDocumentInput,
): Promise<DocumentBegun> {
  const { log, clock } = ports;
  const { tenant, version, through } = request;
  const atMs = clock.nowMs();
  checkServed((await log.lives.get(tenant)).life);
  const documentId = await documentOf(ports, request);
  if (documentId === undefined) {
    // Another erase may have taken the operation while this one waited: later ones wait for holds.
    await letGo(ports, request);
    throw new FreshetError("not_found");
  }
  let end: Position | undefined;
  for (let look = 0; ; look += 1) {
    const last = await log.chunks.last(tenant);
    if (end === undefined && last !== null && last.version >= through) end = last.position;
    const manifest = (await log.manifests.get(tenant))?.manifest ?? emptyManifest;
    const isGone = !(await isLive(log, tenant));
    if (isGone) end ??= last?.position;
    const isHere = end !== undefined && (isGone || confirmedTo(manifest) >= end);
    // At each look: an earlier one may have begun later.
    const isFirst = holdsOf(await hold(ports, request)).every((held) => held >= version);
    if (isHere && isFirst && end !== undefined && (await areConfirmed(ports, request))) {
      const below = { docs: nextAfter(version), chunks: end };
      const found = await countsOf(ports, { request, documentId, below });
      const documentSha256 = createHash("sha256").update(documentId, "utf8").digest("hex");
      return { atMs, found, below, documentSha256 };
    }
    if (!isHere && end !== undefined && manifest.to < end) await ports.requestMerge(tenant);
    if (look + 1 >= (ports.looksMax ?? Number.POSITIVE_INFINITY))
      throw new FreshetError("not_ready");
    ports.heartbeat({ done: look, total: look });
    await clock.sleep(backoffMs(pauses, look), ports.signal());
    ports.signal()?.throwIfAborted();
  }
}

/** EG2, EG3: whether the other generations have the delete in cold for good, too. */
async function areConfirmed(
  ports: ErasePorts,
  { tenant, through }: EraseDocumentInput,
): Promise<boolean> {
  const { log } = ports;
  // EG3.
  if ((await log.generations.get(tenant)).generations.released.length > 0) return false;
  let areAll = true;
  for (const name of await liveOthers(log, tenant)) {
    const end = await positionOf(ports, name, through);
    const manifest = (await log.manifests.get(name))?.manifest ?? emptyManifest;
    if (end !== undefined && confirmedTo(manifest) >= end) continue;
    areAll = false;
    if (end !== undefined && manifest.to < end) await ports.requestMerge(name);
  }
  return areAll;
}

async function liveOthers(log: ErasePorts["log"], tenant: TenantId): Promise<readonly TenantId[]> {
  const live: TenantId[] = [];
  for (const name of await otherNames(log, tenant)) {
    if (await isLive(log, name)) live.push(name);
  }
  return live;
}

/** ED2. */
function hold(
  { log }: ErasePorts,
  { tenant, version }: EraseDocumentInput,
): Promise<TenantPrivacy> {
  return changePrivacy(log.privacy, tenant, (now) => {
    const holds = holdsOf(now);
    if (holds.includes(version)) return undefined;
    if (holds.length >= limits.erasesPerTenantMax) {
      throw new FreshetError("log_unavailable", "so many erases of this tenant are under way");
    }
    return withHolds(now, [...holds, version]);
  });
}

async function letGo({ log }: ErasePorts, { tenant, version }: EraseDocumentInput): Promise<void> {
  await changePrivacy(log.privacy, tenant, (now) => {
    const left = holdsOf(now).filter((held) => held !== version);
    return left.length === holdsOf(now).length ? undefined : withHolds(now, left);
  });
}

/** ED2: undefined when the operations are gone, so everything is. */
async function documentOf(
  { log }: ErasePorts,
  { tenant, version }: EraseDocumentInput,
): Promise<DocumentId | undefined> {
  const [found] = await log.docs.readTenant({ tenant, after: lastBefore(version), max: 1 });
  if (found?.version !== version) return undefined;
  const text = new TextDecoder().decode(await log.docs.open(found));
  const { id } = JSON.parse(text) as { readonly id?: unknown };
  return typeof id === "string" && isDocumentId(id) ? id : undefined;
}

export async function removeDocument(
  ports: ErasePorts,
  request: EraseDocumentRequest,
): Promise<void> {
  const { log, cold, clock } = ports;
  const { tenant, version, below } = request;
  const signal = ports.signal();
  const onProgress = (done: number): void => ports.heartbeat({ done, total: done });
  const documentId = await documentOf(ports, request);
  if (documentId !== undefined) {
    const document = { tenant, documentId, version };
    await cold.deleteIds(tenant, await objectsOf(ports, document));
    for (const letter of await lettersOf(ports, document)) {
      await log.erasure.remove({ tenant, of: "letters", version: letter });
    }
    const left = (await objectsOf(ports, document)).length;
    if (left > 0) throw new FreshetError("cold_unavailable", "objects are still there");
    await log.erasure.remove({ tenant, of: "records", below: below.chunks, signal, onProgress });
    for (const name of await liveOthers(log, tenant)) {
      const other = { ...document, tenant: name };
      await cold.deleteIds(name, await objectsOf(ports, other));
      const end = await positionOf(ports, name, request.through);
      const removed = { tenant: name, of: "records", below: end, signal, onProgress } as const;
      if (end !== undefined) await log.erasure.remove(removed);
      if ((await objectsOf(ports, other)).length > 0) {
        throw new FreshetError("cold_unavailable", "objects are still there");
      }
    }
    // Nodes forget what they keep for equal questions.
    await changeLife(log.lives, tenant, (life) =>
      life.state === "active" ? { state: "active", forgetAtMs: clock.nowMs() } : undefined,
    );
  }
  await log.erasure.remove({ tenant, of: "operations", below: below.docs, signal, onProgress });
}

export async function lookForDocument(
  ports: ErasePorts,
  request: EraseDocumentRequest,
): Promise<ErasureCounts> {
  const { below } = request;
  return countsOf(ports, { request, below, documentId: await documentOf(ports, request) });
}

interface Document {
  readonly tenant: TenantId;
  readonly documentId: DocumentId;
  readonly version: Version;
}

async function countsOf(
  ports: ErasePorts,
  {
    request: { tenant, version, through },
    documentId,
    below,
  }: {
    readonly request: EraseDocumentInput;
    readonly documentId: DocumentId | undefined;
    readonly below: EraseBounds;
  },
): Promise<ErasureCounts> {
  const { erasure } = ports.log;
  const document = documentId === undefined ? undefined : { tenant, documentId, version };
  const others = { records: 0, cold: 0 };
  for (const name of await liveOthers(ports.log, tenant)) {
    const end = await positionOf(ports, name, through);
    others.records += await erasure.count({ tenant: name, of: "records", below: end ?? 0 });
    if (document === undefined) continue;
    others.cold += (await objectsOf(ports, { ...document, tenant: name })).length;
  }
  return {
    ...nothingLeft,
    operations: await erasure.count({ tenant, of: "operations", below: below.docs }),
    records: others.records + (await erasure.count({ tenant, of: "records", below: below.chunks })),
    letters: document === undefined ? 0 : (await lettersOf(ports, document)).length,
    cold: others.cold + (document === undefined ? 0 : (await objectsOf(ports, document)).length),
  };
}

/** ED3. */
async function objectsOf(
  { cold }: ErasePorts,
  { tenant, documentId, version }: Document,
): Promise<readonly string[]> {
  const ids = await cold.staleIds(tenant, { documentId, keep: null });
  const old: string[] = [];
  for (let at = 0; at < ids.length; at += limits.loadPageObjects) {
    const stored = await cold.stored(tenant, ids.slice(at, at + limits.loadPageObjects));
    old.push(...stored.filter((object) => object.version < version).map(({ id }) => id));
  }
  return old;
}

/** ED3. */
async function lettersOf(
  { log }: ErasePorts,
  { tenant, documentId, version }: Document,
): Promise<readonly Version[]> {
  const found: Version[] = [];
  for (let after = 0 as Version; ; ) {
    const page = await log.deadLetters.list(tenant, limits.pullMax, after);
    const last = page.at(-1);
    if (last === undefined) return found;
    for (const letter of page) {
      if (letter.documentId === documentId && letter.version < version) found.push(letter.version);
    }
    after = last.version;
  }
}

export async function finishDocument(
  ports: ErasePorts,
  request: FinishDocumentRequest,
): Promise<SignedReceipt> {
  const { tenant, begun, below } = request;
  const left = await lookForDocument(ports, request);
  if (!isNothing(left)) throw new FreshetError("log_unavailable", "something is still there");
  await letGo(ports, request);
  return ports.sign({
    format: 1,
    kind: "document",
    tenant,
    document_sha256: begun.documentSha256,
    deployment: ports.log.deployment,
    begun_at: new Date(begun.atMs).toISOString(),
    ended_at: new Date(ports.clock.nowMs()).toISOString(),
    found: begun.found,
    left,
    below,
    not_covered: [
      ...notCovered,
      "older pieces of heads, which hold a fingerprint of the id, until a merge is cleaned up after",
      "feedback, which may name the document or quote it: it is kept for 180 days, or until its " +
        "tenant is erased",
      "segments and write-ahead logs of Weaviate, until it compacts them",
    ],
  });
}
