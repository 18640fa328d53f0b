/**
 * Deletes what a merge made obsolete in cold. Correctness never waits for it: the heads mask all of
 * it.
 *
 *   CS1  only objects older than their document's newest operation in the merged range are deleted.
 *        They can never count again, so a clean-up that wakes up late cannot take away what a later
 *        merge wrote.
 *   CS2  only objects whose successor is at least `settleMs` old are deleted: until then an owner
 *        may not have seen it, would not show it, and the older version must not go away either
 *        (I5). After it there is no such owner: between landing in the log and the fold lies the
 *        writer's ack, which comes, or is read back, or ends its tenancy within `appendAttemptsMax`
 *        times two requests; an owner that is slower than that, because it is paused or cut off,
 *        has lost its lease meanwhile and answers nothing (I6). A delete needs no such wait: that
 *        the document is gone is what it says. What is too young is left to the scrub;
 *   CS3  an object of a document that has expired is deleted once the heads do not name it: no
 *        owner shows it, and a scrub does not take it for lost.
 */

import { FreshetError } from "../../src/contract/errors.ts";
import { walkPieces } from "../../src/contract/generation.ts";
import { type DocumentId, generationOf, type Version } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import type {
  CleanRequest,
  CleanResult,
  SweepHeadsRequest,
} from "../../src/contract/merge-steps.ts";
import { fingerprintOf } from "../../src/heads/fingerprint.ts";
import type { Heads } from "../../src/heads/heads.ts";
import { readHeads } from "../../src/heads/read-heads.ts";
import { forEachAtMost } from "../../src/runtime/for-each.ts";
import { logNowMs, type MergePorts } from "../context.ts";
import { type NewestOperation, newestByDocument, readHeaders } from "./range.ts";

/** @throws FreshetError broken_chain, cold_unavailable, log_unavailable */
export async function cleanSuperseded(
  ports: MergePorts,
  request: CleanRequest,
): Promise<CleanResult> {
  const { tenant } = request;
  const before = await headsBefore(ports, request);
  const oldBeforeMs = (await logNowMs(ports)) - request.settleMs;
  const touched = [...newestByDocument(await readHeaders(ports, request))].filter(
    ([documentId, { kind, atMs }]) =>
      (kind === "delete" || atMs <= oldBeforeMs) &&
      (before === null || before.get(fingerprintOf(tenant, documentId)) !== undefined),
  );
  let done = 0;
  let deleted = 0;
  await forEachAtMost(touched, limits.mergePagesInFlight, async (entry) => {
    ports.signal()?.throwIfAborted();
    const count = await cleanDocument(ports, request, entry);
    deleted += count;
    done += 1;
    ports.heartbeat({ done, total: touched.length });
  });
  deleted += await cleanExpired(ports, request);
  return { documents: touched.length, deleted };
}

/** CS3. What the heads name still is left to the merge that takes it out of them. */
async function cleanExpired(
  { cold, log }: MergePorts,
  { tenant, expiredAtMs }: CleanRequest,
): Promise<number> {
  if (expiredAtMs === undefined) return 0;
  const page = { atMs: expiredAtMs, limit: limits.mergeExpiredMax };
  const expired = await cold.expired(tenant, page);
  if (expired.length === 0) return 0;
  const stored = await log.manifests.get(tenant);
  const heads = await readHeads(log.manifests, tenant, stored?.manifest.pieces ?? []);
  const ids = expired
    .filter(({ documentId, version }) => heads.get(fingerprintOf(tenant, documentId)) !== version)
    .map(({ id }) => id);
  if (ids.length > 0) await cold.deleteIds(tenant, ids);
  return ids.length;
}

/** Null when the old pieces were swept already: then every document of the range is looked at. */
async function headsBefore(
  { log }: MergePorts,
  { tenant, piecesBefore }: CleanRequest,
): Promise<Heads | null> {
  // The plan names digests in the manifest's order and no runs. That each overrides those before it
  // is all that counts.
  const pieces = piecesBefore.map((digest, run) => ({ digest, run }));
  try {
    return await readHeads(log.manifests, tenant, pieces);
  } catch (error) {
    if (error instanceof FreshetError && error.code === "log_identity") return null;
    throw error;
  }
}

async function cleanDocument(
  { cold }: MergePorts,
  { tenant }: CleanRequest,
  [documentId, newest]: readonly [DocumentId, NewestOperation],
): Promise<number> {
  const keep = newest.kind === "upsert" ? newest.version : null;
  const stale = await cold.staleIds(tenant, { documentId, keep });
  if (stale.length === 0) return 0;
  const versions = await cold.versions(tenant, stale);
  const older = stale.filter((id) => isOlder(versions.get(id), newest.version));
  if (older.length > 0) await cold.deleteIds(tenant, older);
  return older.length;
}

function isOlder(found: Version | undefined, newest: Version): boolean {
  return found !== undefined && found < newest;
}

/** Deletes the heads pieces that the manifest no longer names, of merges up to `through`. */
export async function sweepHeads(
  { log }: MergePorts,
  { tenant, through }: SweepHeadsRequest,
): Promise<void> {
  const stored = await log.manifests.get(tenant);
  if (stored === null) return;
  const { generations } = await log.generations.get(tenant);
  const keep = [
    ...stored.manifest.pieces.map(({ digest }) => digest),
    ...walkPieces(generations, generationOf(tenant)),
  ];
  await log.manifests.sweepPieces(tenant, { keep, through });
}
