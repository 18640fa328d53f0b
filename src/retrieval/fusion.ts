/**
 * Fusion of what both shards found into one ranking. Why relative scores, and why BM25 is computed
 * again here: ops/decisions/0010-fusion.md; what a source's own scores mean: 0053; the sparse
 * signal: 0063; the weights, and what likeness adds: 0084.
 *
 *   F1  a chunk appears once, and only the newest version of a document;
 *   F2  order and scores depend on what the shards hold together: not on the order of candidates,
 *       nor on the shard that each is in, nor on which of two shards filled its lists with what the
 *       other one would have kept out;
 *   F3  scores are in 0…1 and fall along the list; ties are broken by document id, then chunk.
 */

import type { Candidate } from "../contract/candidate.ts";
import type { RankBy } from "../contract/ranking.ts";
import type { SparseVector } from "../contract/sparse.ts";
import { queryTerms } from "../text/lexical.ts";
import { liftsOf } from "./likeness.ts";
import {
  compareIdentity,
  compareNearness,
  lacksSparse,
  newestOnce,
  type Pooled,
  pooled,
} from "./pool.ts";
import { type RecencyAt, recencyFactor } from "./recency.ts";
import { type RelevanceSignals, relevanceSignals } from "./relevance.ts";
import { nearness, sparseScorer, wordScorer } from "./signals.ts";

export interface Fused {
  readonly candidate: Candidate;
  /** 0…1, comparable within one reply only. */
  readonly score: number;
  /** Before it was scaled to the best of the list. */
  readonly raw: number;
  readonly signals: CandidateSignals;
}

/** What a candidate is judged by. Of a chunk the same wherever it lies (F2). */
export interface CandidateSignals {
  /** With the question's vector, in steps: comparable between questions. */
  readonly cosine: number;
  /** With the statistics of the nearest chunks: comparable within one reply. */
  readonly bm25: number;
  /** The cosine from that of the last of the nearest, 0, to that of the first, 1. */
  readonly near: number;
  /** `bm25` as a share of what a chunk full of every term would have. */
  readonly words: number;
  /** Product of its sparse vector with the question's; undefined where one of them is not there. */
  readonly sparse?: number | undefined;
  /** That as a share of what the question's would have with itself, where it counts. */
  readonly terms?: number | undefined;
  /** What better passages that it is like added (likeness.ts); 0 where none did. */
  readonly lift: number;
  /** What age left of all together; 1 without `recency`. */
  readonly freshness: number;
}

export interface FuseOptions {
  readonly question: string;
  readonly hot: readonly Candidate[];
  readonly cold: readonly Candidate[];
  readonly limit: number;
  /** Candidates that each list of each shard was asked for. */
  readonly perList: number;
  /** Absent: age plays no part. */
  readonly recency?: RecencyAt | undefined;
  /** The question's, by which its candidates were scored; absent: that signal plays no part. */
  readonly sparse?: SparseVector | undefined;
  /** By default both meaning and words. */
  readonly rankBy?: RankBy | undefined;
  /** Chunks below it are left out; what is left ranks as it would with them. */
  readonly minCosine?: number | undefined;
}

export interface Ranking {
  /** The best, at most as many as asked for. */
  readonly fused: readonly Fused[];
  /**
   * Of the best by meaning and words, whatever the order is by and however old it is: whether
   * anything is about the question at all (relevance.ts).
   */
  readonly relevance: RelevanceSignals;
  readonly counts: RankingCounts;
  /** The question's terms and what each weighs. */
  readonly terms: readonly { readonly term: string; readonly rarity: number }[];
  readonly weights: {
    readonly nearness: number;
    readonly words: number;
    /** Undefined where that signal plays no part. */
    readonly sparse: number | undefined;
  };
  /** Places of candidates in each list, from 1; made when they are asked for. */
  readonly places: () => (candidate: Candidate) => ListPlaces;
}

export interface ListPlaces {
  readonly dense: number;
  /** Undefined where no word matches. */
  readonly lexical: number | undefined;
  /** Undefined where no weighted term matches, or that signal plays no part. */
  readonly sparse: number | undefined;
}

export interface RankingCounts {
  /** Different chunks of newest versions. */
  readonly pool: number;
  /** Left out because a newer version of the document was found, or the chunk a second time. */
  readonly repeated: number;
  readonly belowMinCosine: number;
  /** Without a word of the question, where only words count; or not among the nearest. */
  readonly unmatched: number;
  /** Of the nearest: stored without a sparse vector. */
  readonly withoutSparse: number;
}

/**
 * Weight of nearness; the rest is that of words, which seldom reach half of what a question could
 * have. Measured.
 */
const nearnessWeights: Readonly<Record<RankBy, number>> = { hybrid: 0.25, dense: 1, lexical: 0 };

export function fuse(options: FuseOptions): readonly Fused[] {
  return rank(options).fused;
}

export function rank(options: FuseOptions): Ranking {
  const { rankBy = "hybrid", minCosine = -1, recency } = options;
  // Hot first: of a chunk that both shards have, the reply names the one that is sure to be
  // current.
  const found = [...options.hot, ...options.cold];
  const pool = newestOnce(found).map(pooled);
  const byNearness = pool.toSorted(compareNearness);
  const nearest = byNearness.slice(0, options.perList);
  const queried = queryTerms(options.question);
  const words = wordScorer(queried, nearest, options.question);
  const near = nearness(nearest);
  const alpha = nearnessWeights[rankBy];
  const sparse = sparseScorer(rankBy === "hybrid" ? options.sparse : undefined, nearest);
  const judge = (each: Pooled): Judged => {
    const { candidate, cosine } = each;
    const bm25 = words.bm25(candidate);
    const share = words.share(candidate);
    const close = near(cosine);
    const both = alpha * close + (1 - alpha) * share;
    const terms = sparse.share(each);
    const third = terms ?? (sparse.isScored(each) ? both : 0);
    const worth = sparse.weight === 0 ? both : both + sparse.weight * (third - both);
    const measured = { cosine, bm25, near: close, words: share };
    return { candidate, worth, signals: { ...measured, sparse: candidate.sparse, terms } };
  };
  const judged = (rankBy === "dense" ? nearest : pool).map(judge);
  const lifts = rankBy === "hybrid" ? liftsAmong(nearest, judged) : noLifts;
  const score = ({ candidate, worth, signals }: Judged): Fused => {
    const lift = lifts.get(candidate) ?? 0;
    const relevance = worth + lift;
    // Below 0 lies what only words found, and few: age cannot take from nothing.
    const isAged = recency !== undefined && relevance > 0;
    const freshness = isAged ? recencyFactor(candidate.info, recency) : 1;
    const raw = relevance * freshness;
    return { candidate, score: raw, raw, signals: { ...signals, lift, freshness } };
  };
  const scored = judged.map(score);
  const matching = rankBy === "lexical" ? scored.filter(({ signals }) => signals.bm25 > 0) : scored;
  const kept = matching.filter(({ signals }) => signals.cosine >= minCosine).sort(compareFused);
  const best = bestOfBoth(kept);
  const asked = queried.map((term, index) => ({ term, rarity: words.rarities[index] ?? 0 }));
  return {
    fused: inUnits(kept.slice(0, options.limit)),
    relevance: relevanceSignals(
      best && { ...best, ...best.signals },
      { question: options.question, queried: asked },
      pool,
    ),
    counts: {
      pool: pool.length,
      repeated: found.length - pool.length,
      belowMinCosine: matching.length - kept.length,
      unmatched: pool.length - matching.length,
      withoutSparse: nearest.filter(lacksSparse).length,
    },
    terms: asked,
    weights: {
      nearness: inHundredths(alpha * (1 - sparse.weight)),
      words: inHundredths((1 - alpha) * (1 - sparse.weight)),
      sparse: sparse.weight === 0 ? undefined : sparse.weight,
    },
    places: () => placesIn(byNearness, pool.map(judge)),
  };
}

/** A candidate before likeness and age. */
interface Judged {
  readonly candidate: Candidate;
  readonly worth: number;
  readonly signals: Omit<CandidateSignals, "lift" | "freshness">;
}

const noLifts: ReadonlyMap<Candidate, number> = new Map();

/** Only of the nearest, which are the same in every placement (F2). */
function liftsAmong(
  nearest: readonly Pooled[],
  judged: readonly Judged[],
): ReadonlyMap<Candidate, number> {
  const near = new Set(nearest.map(({ candidate }) => candidate));
  const best = judged
    .filter(({ candidate }) => near.has(candidate))
    .sort(
      (left, right) => right.worth - left.worth || compareIdentity(left.candidate, right.candidate),
    );
  return liftsOf(best);
}

/** For people: 0.45 and not 0.44999999999999996. */
function inHundredths(weight: number): number {
  return Math.round(weight * 100) / 100;
}

function bestOfBoth(fused: readonly Fused[]): Fused | undefined {
  const alpha = nearnessWeights.hybrid;
  const worth = ({ signals }: Fused): number => alpha * signals.near + (1 - alpha) * signals.words;
  const isBefore = (each: Fused, best: Fused): boolean => {
    const difference = worth(each) - worth(best);
    if (difference !== 0) return difference > 0;
    return compareIdentity(each.candidate, best.candidate) < 0;
  };
  return fused.reduce<Fused | undefined>(
    (best, each) => (best === undefined || isBefore(each, best) ? each : best),
    undefined,
  );
}

function placesIn(
  byNearness: readonly Pooled[],
  scored: readonly Judged[],
): (candidate: Candidate) => ListPlaces {
  const byWords = scored
    .filter(({ signals }) => signals.bm25 > 0)
    .sort(
      (left, right) =>
        right.signals.bm25 - left.signals.bm25 || compareIdentity(left.candidate, right.candidate),
    );
  const byTerms = scored
    .filter(({ signals }) => (signals.terms ?? 0) > 0)
    .sort(
      (left, right) =>
        (right.signals.terms ?? 0) - (left.signals.terms ?? 0) ||
        compareIdentity(left.candidate, right.candidate),
    );
  const placesOf = (list: readonly { readonly candidate: Candidate }[]) =>
    new Map(list.map(({ candidate }, index) => [candidate, index + 1]));
  const [dense, lexical, sparse] = [placesOf(byNearness), placesOf(byWords), placesOf(byTerms)];
  return (candidate) => ({
    dense: dense.get(candidate) ?? 0,
    lexical: lexical.get(candidate),
    sparse: sparse.get(candidate),
  });
}

/** F3: the best has 1. */
function inUnits(fused: readonly Fused[]): readonly Fused[] {
  const best = fused[0]?.score ?? 0;
  return fused.map((each) => ({
    ...each,
    score: best > 0 ? Math.max(0, each.score / best) : 1,
  }));
}
function compareFused(a: Fused, b: Fused): number {
  if (a.score !== b.score) return b.score - a.score;
  return compareIdentity(a.candidate, b.candidate);
}
