/** Pure: what a scrub makes of an object that it finds in cold. */

import { objectId } from "../../src/cold/object-id.ts";
import type { ColdEntry } from "../../src/cold/port.ts";
import type { TenantId, Version } from "../../src/contract/ids.ts";

/**
 * `live`: counts. `orphan`: can never count again, and nobody can still need it. `waiting`: an unfinished merge
 * wrote it ahead of the watermark, or what supersedes it is so young that an owner may not have seen it yet.
 */
export type ScrubVerdict = "live" | "orphan" | "waiting";

export interface ScrubStanding {
  readonly tenant: TenantId;
  /** Of the manifest: everything up to it is decided by the heads. */
  readonly watermarkVersion: Version;
  /** Records up to it landed long enough ago for every owner that answers to have folded them (CS2). */
  readonly settledVersion: Version;
}

/**
 * Ahead of the watermark nothing is an orphan: a merge that was cut off wrote it, and the next one, which may have
 * begun to rely on it by reading it back, decides. What that one does not need is behind the watermark afterwards.
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
  // Without a head the document is deleted: that no owner needs. Behind a newer head it may still be shown.
  if (head === undefined || head <= settledVersion) return "orphan";
  return "waiting";
}
