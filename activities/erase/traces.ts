/**
 * What is there of documents that are erased, beside the records and operations of their tenant,
 * which go as a whole: objects of cold and dead letters.
 */

import type { EraseDocumentsInput, EraseDocumentsRequest } from "../../src/contract/erase.ts";
import { nothingLeft } from "../../src/contract/erase.ts";
import { FreshetError } from "../../src/contract/errors.ts";
import {
  type DocumentId,
  isDocumentId,
  lastBefore,
  type TenantId,
  type Version,
} from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import type { ErasureCounts } from "../../src/contract/receipt.ts";
import { letGo } from "../../src/log/holds.ts";
import { forEachAtMost } from "../../src/runtime/for-each.ts";
import { liveOthers, positionOf } from "./generations.ts";
import type { ErasePorts } from "./tenant.ts";

/** By their deletes, in their order. */
export type Documents = ReadonlyMap<Version, DocumentId>;

/** Of those deletes that DOCS holds still. */
export async function documentsOf(
  { log }: Pick<ErasePorts, "log">,
  { tenant, versions }: Pick<EraseDocumentsInput, "tenant" | "versions">,
): Promise<Documents> {
  const wanted = new Set(versions);
  const found = new Map<Version, DocumentId>();
  for (let at = 0; at < versions.length; ) {
    const after = lastBefore(versions[at] as Version);
    const max = Math.min(limits.eraseReadPage, versions.length - at);
    const page = await log.docs.readTenant({ tenant, after, max });
    for (const operation of page) {
      if (!wanted.has(operation.version)) continue;
      const id = idIn(await log.docs.open(operation));
      if (id !== undefined) found.set(operation.version, id);
    }
    const read = page.at(-1)?.version;
    if (read === undefined) break;
    while (at < versions.length && (versions[at] as Version) <= read) at += 1;
  }
  return found;
}

/**
 * Of all of those deletes.
 * @throws FreshetError not_found (one is gone; nothing is held any more)
 */
export async function allDocuments(
  ports: Pick<ErasePorts, "log">,
  request: Pick<EraseDocumentsInput, "tenant" | "versions">,
): Promise<Documents> {
  const documents = await documentsOf(ports, request);
  if (documents.size === request.versions.length) return documents;
  await letGo(ports.log.privacy, request);
  throw new FreshetError("not_found", "a delete is no longer in the log: erase it again");
}

function idIn(payload: Uint8Array): DocumentId | undefined {
  const { id } = JSON.parse(new TextDecoder().decode(payload)) as { readonly id?: unknown };
  return typeof id === "string" && isDocumentId(id) ? id : undefined;
}

/** What is there, in every store; with `isOfOperations: false` all but those. */
export async function countsOf(
  ports: ErasePorts,
  { tenant, through, below }: EraseDocumentsRequest,
  {
    documents,
    except,
    isOfOperations = true,
  }: {
    readonly documents: Documents;
    readonly except?: ReadonlySet<Version> | undefined;
    readonly isOfOperations?: boolean;
  },
): Promise<ErasureCounts> {
  const { erasure } = ports.log;
  const others = { records: 0, cold: 0 };
  for (const name of await liveOthers(ports.log, tenant)) {
    const end = await positionOf(ports, name, through);
    others.records += await erasure.count({ tenant: name, of: "records", below: end ?? 0 });
    others.cold += await countObjects(ports, name, documents);
  }
  const operations = { tenant, of: "operations", below: below.docs, except } as const;
  return {
    ...nothingLeft,
    operations: isOfOperations ? await erasure.count(operations) : 0,
    records: others.records + (await erasure.count({ tenant, of: "records", below: below.chunks })),
    letters: documents.size === 0 ? 0 : (await lettersOf(ports, tenant, documents)).length,
    cold: others.cold + (await countObjects(ports, tenant, documents)),
  };
}

/** ED3: how many objects each of them has, of which nothing was published anew. */
async function countObjects(
  ports: ErasePorts,
  tenant: TenantId,
  documents: Documents,
): Promise<number> {
  let count = 0;
  await eachDocument(ports, documents, async (documentId, version) => {
    count += (await objectsOf(ports, { tenant, documentId, version })).length;
  });
  return count;
}

/** Those that are left are counted by who looks afterwards. */
export async function removeObjects(
  ports: ErasePorts,
  tenant: TenantId,
  documents: Documents,
): Promise<void> {
  await eachDocument(ports, documents, async (documentId, version) => {
    const objects = await objectsOf(ports, { tenant, documentId, version });
    if (objects.length > 0) await ports.cold.deleteIds(tenant, objects);
  });
}

async function eachDocument(
  ports: ErasePorts,
  documents: Documents,
  run: (documentId: DocumentId, version: Version) => Promise<void>,
): Promise<void> {
  let done = 0;
  await forEachAtMost(documents, limits.eraseLookUpsMax, async ([version, documentId]) => {
    ports.signal()?.throwIfAborted();
    await run(documentId, version);
    done += 1;
    ports.heartbeat({ done, total: documents.size });
  });
}

/** ED3. */
async function objectsOf(
  { cold }: ErasePorts,
  of: { readonly tenant: TenantId; readonly documentId: DocumentId; readonly version: Version },
): Promise<readonly string[]> {
  const { tenant, documentId, version } = of;
  const ids = await cold.staleIds(tenant, { documentId, keep: null });
  const old: string[] = [];
  for (let at = 0; at < ids.length; at += limits.loadPageObjects) {
    const stored = await cold.stored(tenant, ids.slice(at, at + limits.loadPageObjects));
    old.push(...stored.filter((object) => object.version < version).map(({ id }) => id));
  }
  return old;
}

/** ED3: one pass for all documents. */
export async function lettersOf(
  { log }: ErasePorts,
  tenant: TenantId,
  documents: Documents,
): Promise<readonly Version[]> {
  const deletedBy = new Map([...documents].map(([version, id]) => [id, version]));
  const found: Version[] = [];
  for (let after = 0 as Version; ; ) {
    const page = await log.deadLetters.list(tenant, limits.pullMax, after);
    const last = page.at(-1);
    if (last === undefined) return found;
    for (const { documentId, version } of page) {
      const deleted = documentId === null ? undefined : deletedBy.get(documentId);
      if (deleted !== undefined && version < deleted) found.push(version);
    }
    after = last.version;
  }
}
