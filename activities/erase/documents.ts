/**
 * The steps of an erase of documents, after their deletes and the operation that follows them were
 * published.
 *
 *   ED1  nothing is removed before the deletes are in cold for good: the chain of records then
 *        begins at the confirmed position, as after retention, and no reader needs what lies below;
 *   ED2  the operations go last: a delete alone says which document it is of, so what is cut off
 *        can be repeated until all else is gone. The deletes of a list go with its receipt: one
 *        that is gone before was taken by another erase, and its document might be left, so the
 *        list ends without a receipt. Until then they are held against retention,
 *        which may be a matter of minutes, and against other erases, which leave what is held. So
 *        erases of one tenant need not wait for each other, but where a later one is of the same
 *        document: it would not find all of it gone;
 *   ED3  objects and letters of a version above the delete belong to a document that was published
 *        anew: they stay;
 *   ED4  one of those that wait asks for a merge, and it serves all of them;
 *   ED5  records go only while cold says itself that it holds what they made, as in retention: what
 *        it lost after it was confirmed is merged again out of them. So the erase waits for that
 *        merge; where the log does not hold all of what was lost, what it holds is written first.
 */

import type {
  EraseDocumentsInput,
  EraseDocumentsRequest,
  FinishDocumentsRequest,
} from "../../src/contract/erase.ts";
import { isNothing } from "../../src/contract/erase.ts";
import { FreshetError } from "../../src/contract/errors.ts";
import type { Version } from "../../src/contract/ids.ts";
import type { ErasureCounts, SignedReceipt } from "../../src/contract/receipt.ts";
import { isErased } from "../../src/contract/tenant-life.ts";
import { heldByOthers, hold, letGo } from "../../src/log/holds.ts";
import { changeLife } from "../../src/log/lives.ts";
import { payDeadLetters } from "../merge/dead-letters.ts";
import { liveOthers, positionOf } from "./generations.ts";
import { type ErasePorts, notCovered } from "./tenant.ts";
import {
  allDocuments,
  countsOf,
  type Documents,
  documentsOf,
  lettersOf,
  removeObjects,
} from "./traces.ts";
import { awaitWhole } from "./whole.ts";

export async function removeDocuments(
  ports: ErasePorts,
  request: EraseDocumentsRequest,
): Promise<void> {
  const { life } = await ports.log.lives.get(request.tenant);
  // Again: a node of an earlier release leaves no more than the first of a list in the record. Of
  // an erased tenant nothing is written any more.
  if (!isErased(life)) await hold(ports.log.privacy, request);
  const documents = await ownDocuments(ports, request);
  if (documents.size > 0) await removeTraces(ports, request, documents);
  await removeOperations(ports, request, await keptBy(ports, request));
}

/** ED2. A run of one document has removed its delete by then, in every release. */
function ownDocuments(ports: ErasePorts, request: EraseDocumentsInput): Promise<Documents> {
  return isList(request) ? allDocuments(ports, request) : documentsOf(ports, request);
}

/** ED2: what stays until the receipt. */
async function keptBy(
  { log }: ErasePorts,
  request: EraseDocumentsInput,
): Promise<ReadonlySet<Version>> {
  const others = await heldByOthers(log.privacy, request);
  return isList(request) ? new Set([...others, ...request.versions]) : others;
}

const isList = ({ versions }: EraseDocumentsInput): boolean => versions.length > 1;

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
  // Of the other documents: they are written from the records that go. Theirs go with the others.
  for (const name of [tenant, ...(await liveOthers(log, tenant))]) {
    await payDeadLetters(ports, name);
  }
  await removeObjects(ports, tenant, documents);
  for (const letter of await lettersOf(ports, tenant, documents)) {
    await log.erasure.remove({ tenant, of: "letters", version: letter });
  }
  await awaitWhole(ports, tenant, below.chunks);
  await log.erasure.remove({ tenant, of: "records", below: below.chunks, signal, onProgress });
  for (const name of await liveOthers(log, tenant)) {
    await removeObjects(ports, name, documents);
    const end = await positionOf(ports, name, through);
    if (end === undefined) continue;
    await awaitWhole(ports, name, end);
    await log.erasure.remove({ tenant: name, of: "records", below: end, signal, onProgress });
  }
  const left = await countsOf(ports, request, { documents, isOfOperations: false });
  if (!isNothing(left)) throw new FreshetError("cold_unavailable", "objects are still there");
  // Nodes forget what they keep for equal questions.
  await changeLife(log.lives, tenant, (life) =>
    life.state === "active" ? { ...life, forgetAtMs: clock.nowMs() } : undefined,
  );
}

/** ED2. */
async function removeOperations(
  ports: ErasePorts,
  { tenant, below }: EraseDocumentsRequest,
  except: ReadonlySet<Version>,
): Promise<void> {
  const onProgress = (done: number): void => ports.heartbeat({ done, total: done });
  await ports.log.erasure.remove({
    ...{ tenant, of: "operations", below: below.docs, except },
    ...{ signal: ports.signal(), onProgress },
  });
}

export async function lookForDocuments(
  ports: ErasePorts,
  request: EraseDocumentsRequest,
): Promise<ErasureCounts> {
  const documents = await ownDocuments(ports, request);
  const except = await keptBy(ports, request);
  return countsOf(ports, request, { documents, except });
}

export async function finishDocuments(
  ports: ErasePorts,
  request: FinishDocumentsRequest,
): Promise<SignedReceipt> {
  const { tenant, begun, below, versions } = request;
  const except = await heldByOthers(ports.log.privacy, request);
  // The deletes of a list, and what another erase held at the look and did not get to remove.
  await removeOperations(ports, request, except);
  const documents = await documentsOf(ports, request);
  const left = await countsOf(ports, request, { documents, except });
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
