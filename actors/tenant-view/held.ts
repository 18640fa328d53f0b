/** What hot holds, told apart: what lies in cold for good, and what does not. */

import type { Candidate } from "../../src/contract/candidate.ts";
import { toFreshetError } from "../../src/contract/errors.ts";
import type { Version } from "../../src/contract/ids.ts";
import type { HotDocument, HotShard, HotStats } from "../../src/hot/port.ts";

/**
 * Hits of hot that stand beside those of cold: what is merged (up to the version `mergedTo`) lies
 * in cold for good and is named so, and counts once where cold has found it as well.
 */
export function beside(
  cold: readonly Candidate[],
  hot: readonly Candidate[],
  mergedTo: Version,
): readonly Candidate[] {
  const found = new Set(cold.map(placeOf));
  const shown: Candidate[] = [];
  for (const hit of hot) {
    if (hit.version > mergedTo) shown.push(hit);
    else if (found.size === 0 || !found.has(placeOf(hit))) shown.push(inCold(hit));
  }
  return shown;
}

/** Field by field: a spread of each of a hundred hits is a tenth of their search. */
function inCold(hit: Candidate): Candidate {
  return {
    shard: "cold",
    documentId: hit.documentId,
    version: hit.version,
    chunk: hit.chunk,
    text: hit.text,
    heading: hit.heading,
    range: hit.range,
    info: hit.info,
    cosine: hit.cosine,
    lexical: hit.lexical,
    sparse: hit.sparse,
    vector: hit.vector,
    siblings: hit.siblings,
  };
}

/** Ids hold no control characters. */
function placeOf({ documentId, version, chunk }: Candidate): string {
  return `${documentId}\n${version}\n${chunk}`;
}

/** Only what is not kept counts as hot: the rest may go at any time. */
export function withoutKept({ kept, ...all }: HotStats): {
  readonly hot: Omit<HotStats, "kept">;
  readonly kept: HotStats["kept"];
} {
  const hot = {
    documents: all.documents - kept.documents,
    chunks: all.chunks - kept.chunks,
    bytes: all.bytes - kept.bytes,
  };
  return { hot, kept };
}

/** False where hot refuses it: what cold holds may be malformed, and is then left there. */
export function tryHold(hot: HotShard, document: HotDocument): boolean {
  try {
    hot.upsert(document);
    return true;
  } catch (thrown) {
    if (toFreshetError(thrown).code === "internal") return false;
    throw thrown;
  }
}
