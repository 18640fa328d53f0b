/**
 * Whether the best that was found is about the question at all. Scores of a ranking cannot say it:
 * the best of nothing has 1, too. Two signals can, and each sees what the other one misses: how
 * near the best chunk's meaning is, and how much of the question's words, rare ones first, it
 * holds. A logistic function of both, fitted on questions whose answer is in the documents against
 * questions whose subject is not (ops/decisions/0053-scores-that-mean-something.md).
 *
 * It tells "nothing here is about that" and no more: that a passage is about the subject and still
 * does not say what is asked is for whatever reads the passage to find out.
 */

import type { Candidate } from "../contract/candidate.ts";

export interface RelevanceSignals {
  /** Of the best chunk and the question, -1…1. */
  readonly cosine: number;
  /** Share of the question's terms that the best chunk holds, weighted by their rarity, 0…1. */
  readonly coverage: number;
}

/** Fitted for the cosines of all-MiniLM-L6-v2: those of another model lie elsewhere. */
const weights = { constant: -9.82, cosine: 17.45, coverage: 7.34 } as const;

/** The model for whose cosines it was fitted: the end of the name that it gives itself. */
export const relevanceFittedFor = "all-minilm-l6-v2";

/**
 * Below it nothing is relevant. Where one in a hundred of the answerable questions of squad-a is
 * declined, and none of cranfield.
 */
export const relevanceThreshold = 0.05;

/** 0…1, comparable between questions. */
export function relevanceOf({ cosine, coverage }: RelevanceSignals): number {
  const evidence = weights.constant + weights.cosine * cosine + weights.coverage * coverage;
  return 1 / (1 + Math.exp(-evidence));
}

/** @param best undefined: nothing was found */
export function relevanceSignals(
  best: { readonly candidate: Candidate; readonly cosine: number } | undefined,
  rarities: readonly number[],
): RelevanceSignals {
  if (best === undefined) return { cosine: -1, coverage: 0 };
  const { frequencies } = best.candidate.lexical;
  let all = 0;
  let held = 0;
  for (const [index, rarity] of rarities.entries()) {
    all += rarity;
    if ((frequencies[index] ?? 0) > 0) held += rarity;
  }
  // A question without any word (`?`, an emoji) has no evidence in words: its meaning decides.
  return { cosine: best.cosine, coverage: all === 0 ? 0 : held / all };
}
