/**
 * The signals that fusion weighs, each measured among the nearest: those are the same in every
 * placement (F2). Pure.
 */

import type { Candidate, LexicalMatch } from "../contract/candidate.ts";
import { type SparseVector, sparseProduct } from "../contract/sparse.ts";
import { shownText } from "../text/chunk-terms.ts";
import { daysIn, isOfDay } from "../text/days.ts";
import { bm25Constants, bm25Max, bm25Of, type TermWeights, termWeights } from "../text/lexical.ts";
import { askingShare, onlyAsks } from "./asking-words.ts";
import { lacksSparse, type Pooled } from "./pool.ts";

/**
 * How much a chunk's length weighs in its words here, `b` of BM25: less than where candidates are
 * found, among all chunks. Measured (0084).
 */
const lengthWeight = 0.6;

/**
 * What of a hybrid rank the sparse signal takes from the other two, which keep their proportion.
 * Measured. Only the nearest have it, which are the same in every placement: what words alone found
 * may stand in the list of one shard and not in that of another, and must not rise by it (F2). One
 * of the nearest that was stored without it keeps the rank that the other two make.
 */
const sparseWeight = 0.4;

/** Where fewer of the nearest have it, ranks are better without: half of them cost 0.02 nDCG@10. */
const sparseShareMin = 0.8;

/**
 * The best of the nearest is 1, the last of them 0, and what only words found lies below. Where
 * they are all alike, or there is one, they are all best: there is nothing to tell them apart.
 */
export function nearness(nearest: readonly Pooled[]): (cosine: number) => number {
  const high = nearest[0]?.cosine ?? 0;
  const low = nearest.at(-1)?.cosine ?? 0;
  if (high === low) return (cosine) => (cosine < low ? 0 : 1);
  return (cosine) => (cosine - low) / (high - low);
}

interface WordScorer {
  bm25(candidate: Candidate): number;
  /** Of what a chunk would have that is full of every term of the question. */
  share(candidate: Candidate): number;
  readonly rarities: readonly number[];
}

/**
 * With the statistics of the nearest chunks, wherever they are: those of the whole pool, and the
 * best score in it, depend on where the lists of words were cut, and that on what else is in a
 * shard (F2).
 */
export function wordScorer(
  queried: readonly string[],
  nearest: readonly Pooled[],
  question: string,
): WordScorer {
  const isOnDay = namesDayOf(question);
  const holding = new Map(queried.map((term, index) => [term, countHolding(nearest, index)]));
  const lengths = nearest.reduce((sum, { candidate }) => sum + candidate.lexical.length, 0);
  const weights = termWeights(queried, {
    documents: nearest.length,
    averageLength: lengths / (nearest.length || 1),
    documentFrequency: (term) => holding.get(term) ?? 0,
  });
  // A passage that says "means" of something else is no better an answer to "What does 429 mean?".
  // What none of them holds keeps a part: without any the order would be left to nearness.
  const asked: TermWeights = {
    ...weights,
    rarities: weights.rarities.map((rarity, index) =>
      onlyAsks(queried[index] ?? "") ? askingShare * rarity : rarity,
    ),
  };
  const full = bm25Max(asked);
  const codes = queried.flatMap((term, index) => (codePattern.test(term) ? [index] : []));
  return {
    bm25: ({ lexical }) => bm25Of(lexical, weights, lengthWeight),
    share: (candidate) => {
      const { frequencies } = candidate.lexical;
      const isThatDay = isOnDay(candidate);
      const named = codes.filter(
        (index) => (frequencies[index] ?? 0) > 0 || (isThatDay && isOfDay(queried[index] ?? "")),
      );
      return full === 0 ? 0 : withCodes(candidate.lexical, named, asked) / full;
    },
    rarities: weights.rarities,
  };
}

/**
 * `ops2137`, `1.10.2`, `4006381333931`: what names one thing. Not `5kg`, `19th`, `1960s` or a year.
 */
const codePattern = /^\P{L}*\p{L}.*\p{N}|\p{N}[.:/-]\p{N}|^\p{N}{5,}/u;

/**
 * A passage that names a code once is about it; one that names it more often, or is shorter, is not
 * more so. Else a passage with the code lies behind all that are a little nearer, since models see
 * no difference between codes (0090).
 */
function withCodes(match: LexicalMatch, named: readonly number[], weights: TermWeights): number {
  if (named.length === 0) return bm25Of(match, weights, lengthWeight);
  const frequencies = Array.from(match.frequencies, (count, index) =>
    named.includes(index) ? 0 : count,
  );
  const whole = named.reduce((sum, index) => sum + (weights.rarities[index] ?? 0), 0);
  const words = bm25Of({ frequencies, length: match.length }, weights, lengthWeight);
  return words + whole * (bm25Constants.k1 + 1);
}

/** Whether a passage names a day that the question names: `2026-03-04` is `4 March 2026`. */
export function namesDayOf(question: string): (candidate: Candidate) => boolean {
  const asked = daysIn(question);
  if (asked.size === 0) return () => false;
  return (candidate) => {
    const named = daysIn(shownText(candidate));
    return [...asked].some((day) => named.has(day));
  };
}

/** Chunks that hold the term of this number. */
function countHolding(nearest: readonly Pooled[], index: number): number {
  let count = 0;
  for (const { candidate } of nearest) {
    if ((candidate.lexical.frequencies[index] ?? 0) > 0) count += 1;
  }
  return count;
}

interface SparseScorer {
  readonly weight: number;
  /** Whether it is one of those that have a share, or would have one. */
  isScored(each: Pooled): boolean;
  /** Undefined where the chunk has no sparse vector, or none plays a part. */
  share(each: Pooled): number | undefined;
}

/**
 * As a share of the question's product with itself, which depends on nothing else in a shard (F2),
 * and is about what words reach as a share: so chunks with and without it can stand in one list.
 */
export function sparseScorer(
  question: SparseVector | undefined,
  nearest: readonly Pooled[],
): SparseScorer {
  const full = question === undefined ? 0 : sparseProduct(question, question);
  const scored = new Set(nearest);
  const isScored = (each: Pooled): boolean => scored.has(each);
  const having = nearest.filter((each) => !lacksSparse(each)).length;
  if (full === 0 || having < sparseShareMin * nearest.length) {
    return { weight: 0, isScored, share: () => undefined };
  }
  const share = (each: Pooled): number | undefined => {
    const { sparse } = each.candidate;
    return sparse === undefined || !isScored(each) ? undefined : Math.min(1, sparse / full);
  };
  return { weight: sparseWeight, isScored, share };
}
