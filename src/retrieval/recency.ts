/**
 * Newer before older: what a document's age leaves of its relevance. Exponential decay multiplied
 * into the score, as Milvus' decay ranker and Elasticsearch's `function_score` do: added to the
 * score it would lift what is new and does not match.
 */

import type { Recency } from "../contract/query.ts";
import type { DocumentInfo } from "../contract/record.ts";

export interface RecencyAt {
  readonly recency: Recency;
  /** The time of the question, unix milliseconds. */
  readonly nowMs: number;
}

/**
 * 1 - weight … 1. What lies in the future has no age; what has no time, also none of publication,
 * counts as infinitely old.
 */
export function recencyFactor(
  info: Pick<DocumentInfo, "timestamp" | "publishedAtMs">,
  { recency, nowMs }: RecencyAt,
): number {
  const { timestamp, publishedAtMs } = info;
  const dated = recency.field === "timestamp" ? (timestamp ?? publishedAtMs) : publishedAtMs;
  const ageSeconds =
    dated === undefined ? Number.POSITIVE_INFINITY : Math.max(0, nowMs - dated) / 1000;
  const fresh = 0.5 ** (ageSeconds / recency.half_life_s);
  return 1 - recency.weight * (1 - fresh);
}
