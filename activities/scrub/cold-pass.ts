/**
 * The half of a scrub that walks the cold shard, all of it, by its cursor. Never deletes but by
 * explicit id.
 *
 *   SC1  what is deleted can never count again, and no owner that answers can still show it
 *        (`judgeEntry`);
 *   SC2  a document whose record the log no longer holds is complete only if every chunk that its
 *        objects speak of is found by a search;
 *   SC3  memory is the heads (24 bytes a document, as in every merge) and one page; a window
 *        repeated is harmless;
 *   SC4  a live object whose terms an earlier Freshet made gets those of today, from its own text:
 *        also where the log holds its record no more.
 */

import { objectId } from "../../src/cold/object-id.ts";
import type { ColdEntry } from "../../src/cold/port.ts";
import type { TenantId, Version } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import type { ScrubColdRequest, ScrubColdResult } from "../../src/contract/scrub.ts";
import { fingerprintOf } from "../../src/heads/fingerprint.ts";
import type { MergePorts } from "../context.ts";
import { readScrubbed } from "./standing.ts";

/** One window. @throws FreshetError cold_unavailable, log_unavailable, log_identity */
export async function scrubCold(
  ports: MergePorts,
  request: ScrubColdRequest,
): Promise<ScrubColdResult> {
  const { tenant, settledVersion, heldFrom } = request;
  const { heads, manifest, revision } = await readScrubbed(ports, tenant);
  const standing = { tenant, settledVersion, watermarkVersion: manifest.version };
  const counts = { walked: 0, live: 0, waiting: 0, deleted: 0, complete: 0 };
  let { after } = request;
  const limit = limits.coldIdsPerRequestMax;
  while (counts.walked < limits.scrubWindowObjects) {
    ports.signal()?.throwIfAborted();
    const page = await ports.cold.walk(tenant, { after, limit });
    after = page.at(-1)?.id ?? null;
    if (after === null) break;
    const orphans: string[] = [];
    const old: ColdEntry[] = [];
    const oldTerms: string[] = [];
    for (const entry of page) {
      const head = heads.get(fingerprintOf(tenant, entry.documentId));
      const verdict = judgeEntry(entry, head, standing);
      if (verdict === "live") counts.live += 1;
      if (verdict === "live" && entry.hasOldTerms === true) oldTerms.push(entry.id);
      if (verdict === "waiting") counts.waiting += 1;
      if (verdict === "orphan") orphans.push(entry.id);
      // Each document is looked at once: at its first chunk.
      if (verdict === "live" && entry.version < heldFrom && entry.chunk === 0) old.push(entry);
    }
    if (orphans.length > 0) await ports.cold.deleteIds(tenant, orphans);
    if (oldTerms.length > 0) await ports.cold.renewTerms(tenant, oldTerms);
    counts.walked += page.length;
    counts.deleted += orphans.length;
    counts.complete += await countComplete(ports, tenant, old);
    ports.heartbeat({ done: counts.walked, total: limits.scrubWindowObjects });
  }
  return { ...counts, revision, after };
}

/** SC2. How many of the documents, given by their first chunks, have all their chunks. */
async function countComplete(
  { cold }: MergePorts,
  tenant: TenantId,
  old: readonly ColdEntry[],
): Promise<number> {
  const known = old.filter(({ chunkCount }) => chunkCount > 0);
  const idsOf = ({ documentId, version, chunkCount }: ColdEntry): string[] =>
    Array.from({ length: chunkCount }, (_, chunk) =>
      objectId({ tenant, documentId, version, chunk }),
    );
  const ids = known.flatMap(idsOf);
  if (ids.length === 0) return 0;
  const found = await cold.versions(tenant, ids);
  return known.filter((entry) => idsOf(entry).every((id) => found.get(id) === entry.version))
    .length;
}

// --- one object --------------------------------------------------------------------------------

/**
 * `live`: counts. `orphan`: can never count again, and no owner can still need it. `waiting`: an
 * unfinished merge wrote it ahead of the watermark, or what supersedes it is so young that an owner
 * may not have seen it yet.
 */
export type ScrubVerdict = "live" | "orphan" | "waiting";

export interface ScrubStanding {
  readonly tenant: TenantId;
  /** Of the manifest: everything up to it is decided by the heads. */
  readonly watermarkVersion: Version;
  /**
   * Records up to it landed long enough ago for every owner that answers to have folded them (CS2).
   */
  readonly settledVersion: Version;
}

/**
 * Ahead of the watermark nothing is an orphan: a merge that was cut off wrote it, and the next one,
 * which may have begun to rely on it by reading it back, decides. What that one does not need lies
 * below the watermark afterwards.
 */
export function judgeEntry(
  entry: ColdEntry,
  head: Version | undefined,
  { tenant, watermarkVersion, settledVersion }: ScrubStanding,
): ScrubVerdict {
  const { version } = entry;
  if (version > watermarkVersion) return "waiting";
  // An object under another id than its own would be shown beside it: nothing of ours wrote it.
  if (entry.id !== objectId({ ...entry, tenant })) return "orphan";
  if (head === version) return "live";
  // Without a head the document is deleted, so no owner needs the object. Under a newer head one
  // may still show it.
  if (head === undefined || head <= settledVersion) return "orphan";
  return "waiting";
}
