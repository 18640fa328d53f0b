/** The order that a reranker's scores make of a fused list. */

import type { Candidate } from "../contract/candidate.ts";
import type { Fused } from "./fusion.ts";

/**
 * Those that it scored, best first, and behind them in their order those that it was not asked
 * about, whose score is 0. Equal scores keep the fused order. Scores of rerankers have no common
 * range, so here the best becomes 1 and the last of them 0.
 */
export function inOrderOf(
  fused: readonly Fused[],
  scores: readonly number[],
): { readonly fused: readonly Fused[]; readonly scores: ReadonlyMap<Candidate, number> } {
  const scored = fused
    .slice(0, scores.length)
    .map((each, index) => ({ each, own: scores[index] as number }))
    .sort((left, right) => right.own - left.own);
  const high = scored[0]?.own ?? 0;
  const low = scored.at(-1)?.own ?? 0;
  const inUnits = (own: number): number => (high === low ? 1 : (own - low) / (high - low));
  const behind = fused.slice(scores.length).map((each) => ({ ...each, score: 0 }));
  return {
    fused: [...scored.map(({ each, own }) => ({ ...each, score: inUnits(own) })), ...behind],
    scores: new Map(scored.map(({ each, own }) => [each.candidate, own])),
  };
}
