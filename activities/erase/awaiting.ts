/**
 * What an erase of documents waits for before it removes anything (ED1, ED4 of `documents.ts`).
 */

import { createHash } from "node:crypto";
import type { DocumentsBegun, EraseDocumentsInput } from "../../src/contract/erase.ts";
import { FreshetError } from "../../src/contract/errors.ts";
import {
  type DocumentId,
  lastBefore,
  nextAfter,
  type Position,
  type TenantId,
} from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { confirmedTo, emptyManifest } from "../../src/contract/manifest.ts";
import { checkServed } from "../../src/contract/tenant-life.ts";
import { firstOf, type HeldDeletes, lastOf, othersOf } from "../../src/contract/tenant-privacy.ts";
import { hold } from "../../src/log/holds.ts";
import { backoffMs } from "../../src/runtime/backoff.ts";
import { isLive, liveOthers, positionOf } from "./generations.ts";
import { asksForMerge } from "./holds.ts";
import type { ErasePorts } from "./tenant.ts";
import { allDocuments, countsOf, type Documents, documentsOf } from "./traces.ts";
import { isRepaired } from "./whole.ts";

const pauses = { backoffMinMs: limits.erasePauseMinMs, backoffMaxMs: limits.erasePauseMaxMs };

/**
 * ED1.
 * @throws FreshetError not_found (a delete is not in the log), not_ready (it is to be asked again),
 * tenant_erased, …
 */
export async function awaitDeletes(
  ports: ErasePorts,
  request: EraseDocumentsInput,
): Promise<DocumentsBegun> {
  const { log, clock } = ports;
  const { tenant, versions } = request;
  const atMs = clock.nowMs();
  checkServed((await log.lives.get(tenant)).life);
  await allDocuments(ports, request);
  for (let look = 0, end: Position | undefined; ; look += 1) {
    // At each look: it may have been lost, and others have begun.
    const held = await hold(log.privacy, request);
    end ??= await endOf(ports, request);
    const isMerged = await areConfirmed(ports, { ...request, end, held: held ?? [] });
    const isNext = isMerged && end !== undefined && held !== undefined;
    // Once more, as they are held now: another erase may have been taking what it saw nobody hold.
    const documents = isNext ? await allDocuments(ports, request) : undefined;
    const shared = documents && held && (await sharedBy(ports, { request, documents, held }));
    if (documents !== undefined && end !== undefined && shared !== "earlier") {
      const below = { docs: nextAfter(lastOf(versions)), chunks: end };
      const found = await countsOf(ports, { ...request, below }, { documents });
      const documentsSha256 = [...documents.values()].map(digestOfId);
      return { atMs, found, below, documentsSha256, isShared: shared === "later" };
    }
    if (look + 1 >= (ports.looksMax ?? Number.POSITIVE_INFINITY))
      throw new FreshetError("not_ready");
    ports.heartbeat({ done: look, total: look });
    await clock.sleep(backoffMs(pauses, look), ports.signal());
    ports.signal()?.throwIfAborted();
  }
}

function digestOfId(id: string): string {
  return createHash("sha256").update(id, "utf8").digest("hex");
}

/** The newest record, once the operation after the deletes has one. */
async function endOf(
  { log }: ErasePorts,
  { tenant, through }: EraseDocumentsInput,
): Promise<Position | undefined> {
  const last = await log.chunks.last(tenant);
  const isHere = last !== null && (last.version >= through || !(await isLive(log, tenant)));
  return isHere ? last.position : undefined;
}

interface Awaited extends EraseDocumentsInput {
  readonly end: Position | undefined;
  readonly held: readonly HeldDeletes[];
}

/** EG2, EG3: whether every generation has the deletes in cold for good. ED4. */
async function areConfirmed(
  ports: ErasePorts,
  { tenant, versions, through, end, held }: Awaited,
): Promise<boolean> {
  const { log } = ports;
  const isConfirmed = async (name: TenantId, at: Position | undefined): Promise<boolean> => {
    const manifest = (await log.manifests.get(name))?.manifest ?? emptyManifest;
    if (at === undefined) return false;
    if (confirmedTo(manifest) >= at) return isRepaired(ports, name, at);
    if (manifest.to >= at) return false;
    const isFirst = asksForMerge(held, versions, manifest.version);
    if (isFirst || (await isOverdue(ports, { tenant, versions }))) await ports.requestMerge(name);
    return false;
  };
  const isGone = !(await isLive(log, tenant));
  let areAll = isGone ? end !== undefined : await isConfirmed(tenant, end);
  // EG3.
  if ((await log.generations.get(tenant)).generations.released.length > 0) return false;
  for (const name of await liveOthers(log, tenant)) {
    const isHere = await isConfirmed(name, await positionOf(ports, name, through));
    areAll &&= isHere;
  }
  return areAll;
}

/** ED4: whoever should have asked for the merge may be held up itself. */
async function isOverdue(
  { log, clock }: ErasePorts,
  { tenant, versions }: Pick<EraseDocumentsInput, "tenant" | "versions">,
): Promise<boolean> {
  const after = lastBefore(lastOf(versions));
  const [last] = await log.docs.readTenant({ tenant, after, max: 1 });
  return last !== undefined && clock.nowMs() - last.atMs >= limits.eraseMergePatienceMs;
}

/**
 * Whether another erase holds a delete of one of these documents, below the last of these: one that
 * began earlier has to end first, and one that began later stays behind this one's receipt.
 */
async function sharedBy(
  ports: ErasePorts,
  {
    request: { tenant, versions },
    documents,
    held,
  }: {
    readonly request: EraseDocumentsInput;
    readonly documents: Documents;
    readonly held: readonly HeldDeletes[];
  },
): Promise<"nobody" | "earlier" | "later"> {
  const ids = new Set(documents.values());
  const others = othersOf(held, versions);
  const below = others.flat().filter((version) => version < lastOf(versions));
  // One pass for all of them: there may be hundreds.
  const found = await documentsOf(ports, { tenant, versions: below.sort((a, b) => a - b) });
  const sharing = others.filter((other) =>
    other.some((version) => ids.has(found.get(version) as DocumentId)),
  );
  if (sharing.length === 0) return "nobody";
  return sharing.some((other) => firstOf(other) < firstOf(versions)) ? "earlier" : "later";
}
