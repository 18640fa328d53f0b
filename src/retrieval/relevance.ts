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
import { terms } from "../text/lexical.ts";

export interface RelevanceSignals {
  /** Of the best chunk and the question, -1…1. */
  readonly cosine: number;
  /**
   * Share of the question's terms that the best chunk holds, weighted by their rarity, 0…1; without
   * words that only ask, and of a question with codes at least the share of those.
   */
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

/**
 * Words that say what is asked of a subject, and not what the subject is. A passage that answers
 * "What happened on …?" seldom says "happened": that it does not is no evidence. English, as stop
 * words are: in another language its other small words are left, and say nothing either.
 */
const askingWords: ReadonlySet<string> = new Set(
  terms(
    "happen occur called named mean means anybody anyone anything somebody someone something " +
      "everybody everyone nobody must may might shall many much long often kind type sort " +
      "tell know explain describe show list give find please exactly currently",
  ),
);

/** As a rank knows them (signals.ts), but none that is as well an amount, a time or a score. */
const namingPattern = /^(?=\P{L}*\p{L}.*\p{N})[^:/]+$|^\p{N}{5,}|\p{N}\.\p{N}+\.\p{N}/u;

/** @param queried the question's terms, each with its rarity among the nearest */
export function relevanceSignals(
  best: { readonly candidate: Candidate; readonly cosine: number } | undefined,
  queried: readonly { readonly term: string; readonly rarity: number }[],
): RelevanceSignals {
  if (best === undefined) return { cosine: -1, coverage: 0 };
  const { frequencies } = best.candidate.lexical;
  const words = { all: 0, held: 0 };
  const codes = { all: 0, held: 0 };
  for (const [index, { term, rarity }] of queried.entries()) {
    const isHeld = (frequencies[index] ?? 0) > 0;
    const groups = namingPattern.test(term) ? [words, codes] : [words];
    if (!isHeld && askingWords.has(term)) continue;
    for (const group of groups) {
      group.all += rarity;
      if (isHeld) group.held += rarity;
    }
  }
  // A question without any word (`?`, an emoji) has no evidence in words: its meaning decides.
  const share = ({ all, held }: typeof words): number => (all === 0 ? 0 : held / all);
  return { cosine: best.cosine, coverage: Math.max(share(words), share(codes)) };
}
