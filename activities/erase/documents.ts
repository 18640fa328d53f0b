/**
 * The steps of an erase of documents, after their deletes and the operation that follows them were
 * published.
 *
 *   ED1  nothing is removed before the deletes are in cold for good: the chain of records then
 *        begins at the confirmed position, as after retention, and no reader needs what lies below;
 *   ED2  the operations go last: a delete alone says which document it is of, so what is cut off
 *        can be repeated until all else is gone. Until the receipt they are held against retention,
 *        which may be a matter of minutes, and against other erases, which leave what is held. So
 *        erases of one tenant need not wait for each other, but where a later one is of the same
 *        document: it would not find all of it gone;
 *   ED3  objects and letters of a version above the delete belong to a document that was published
 *        anew: they stay;
 *   ED4  one of those that wait asks for a merge, and it serves all of them.
 */

import type { EraseDocumentsRequest, FinishDocumentsRequest } from "../../src/contract/erase.ts";
import { isNothing } from "../../src/contract/erase.ts";
import { FreshetError } from "../../src/contract/errors.ts";
import type { ErasureCounts, SignedReceipt } from "../../src/contract/receipt.ts";
import { heldByOthers, letGo } from "../../src/log/holds.ts";
import { changeLife } from "../../src/log/lives.ts";
import { liveOthers, positionOf } from "./generations.ts";
import { type ErasePorts, notCovered } from "./tenant.ts";
import { countsOf, type Documents, documentsOf, lettersOf, removeObjects } from "./traces.ts";

export async function removeDocuments(
  ports: ErasePorts,
  request: EraseDocumentsRequest,
): Promise<void> {
  const documents = await documentsOf(ports, request);
  if (documents.size > 0) await removeTraces(ports, request, documents);
  await removeOperations(ports, request);
}

/** ED2: all but the operations. */
async function removeTraces(
  ports: ErasePorts,
  request: EraseDocumentsRequest,
  documents: Documents,
): Promise<void> {
  const { log, clock } = ports;
  const { tenant, below, through } = request;
  const signal = ports.signal();
  const onProgress = (done: number): void => ports.heartbeat({ done, total: done });
  await removeObjects(ports, tenant, documents);
  for (const letter of await lettersOf(ports, tenant, documents)) {
    await log.erasure.remove({ tenant, of: "letters", version: letter });
  }
  await log.erasure.remove({ tenant, of: "records", below: below.chunks, signal, onProgress });
  for (const name of await liveOthers(log, tenant)) {
    await removeObjects(ports, name, documents);
    const end = await positionOf(ports, name, through);
    const removed = { tenant: name, of: "records", below: end, signal, onProgress } as const;
    if (end !== undefined) await log.erasure.remove(removed);
  }
  const left = await countsOf(ports, request, { documents, isOfOperations: false });
  if (!isNothing(left)) throw new FreshetError("cold_unavailable", "objects are still there");
  // Nodes forget what they keep for equal questions.
  await changeLife(log.lives, tenant, (life) =>
    life.state === "active" ? { ...life, forgetAtMs: clock.nowMs() } : undefined,
  );
}

/** ED2. */
async function removeOperations(ports: ErasePorts, request: EraseDocumentsRequest): Promise<void> {
  const { tenant, below } = request;
  const onProgress = (done: number): void => ports.heartbeat({ done, total: done });
  await ports.log.erasure.remove({
    ...{ tenant, of: "operations", below: below.docs, signal: ports.signal(), onProgress },
    except: await heldByOthers(ports.log.privacy, request),
  });
}

export async function lookForDocuments(
  ports: ErasePorts,
  request: EraseDocumentsRequest,
): Promise<ErasureCounts> {
  const documents = await documentsOf(ports, request);
  const except = await heldByOthers(ports.log.privacy, request);
  return countsOf(ports, request, { documents, except });
}

export async function finishDocuments(
  ports: ErasePorts,
  request: FinishDocumentsRequest,
): Promise<SignedReceipt> {
  const { tenant, begun, below, versions } = request;
  // What another erase held at the look, and did not get to remove.
  await removeOperations(ports, request);
  const left = await lookForDocuments(ports, request);
  if (!isNothing(left)) throw new FreshetError("log_unavailable", "something is still there");
  await letGo(ports.log.privacy, request);
  const [only] = begun.documentsSha256;
  const isOne = versions.length === 1;
  return ports.sign({
    format: 1,
    kind: "document",
    tenant,
    ...(isOne ? { document_sha256: only } : { documents_sha256: [...begun.documentsSha256] }),
    deployment: ports.log.deployment,
    begun_at: new Date(begun.atMs).toISOString(),
    ended_at: new Date(ports.clock.nowMs()).toISOString(),
    found: begun.found,
    left,
    below,
    not_covered: [
      ...notCovered,
      ...notCoveredOfDocuments,
      ...(begun.isShared ? [laterDeletes] : []),
    ],
  });
}

const notCoveredOfDocuments = [
  "older pieces of heads, which hold a fingerprint of the id, until a merge is cleaned up after",
  "feedback, which may name the document or quote it: it is kept for 180 days, or until its " +
    "tenant is erased",
  "segments and write-ahead logs of Weaviate, until it compacts them",
];

const laterDeletes =
  "deletes of the same documents that erases which began later still hold: their receipts cover them";
