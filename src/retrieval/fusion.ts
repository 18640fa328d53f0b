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
import type { DocumentId } from "../contract/ids.ts";
import type { RankBy } from "../contract/ranking.ts";
import { type SparseVector, sparseProduct } from "../contract/sparse.ts";
import { bm25Max, bm25Of, queryTerms, termWeights } from "../text/lexical.ts";
import { cosineStep, liftsOf } from "./likeness.ts";
import { type RecencyAt, recencyFactor } from "./recency.ts";
import { type RelevanceSignals, relevanceSignals } from "./relevance.ts";

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
  const words = wordScorer(queried, nearest);
  const near = nearness(nearest);
  const alpha = nearnessWeights[rankBy];
  const sparse = sparseScorer(rankBy === "hybrid" ? options.sparse : undefined, nearest);
  const judge = (each: Pooled): Judged => {
    const { candidate, cosine } = each;
    const bm25 = words.bm25(candidate);
    const share = words.full === 0 ? 0 : bm25 / words.full;
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
  return {
    fused: inUnits(kept.slice(0, options.limit)),
    relevance: relevanceSignals(best && { ...best, ...best.signals }, words.rarities),
    counts: {
      pool: pool.length,
      repeated: found.length - pool.length,
      belowMinCosine: matching.length - kept.length,
      unmatched: pool.length - matching.length,
      withoutSparse: nearest.filter(lacksSparse).length,
    },
    terms: queried.map((term, index) => ({ term, rarity: words.rarities[index] ?? 0 })),
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
function sparseScorer(
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

function lacksSparse({ candidate }: Pooled): boolean {
  return candidate.sparse === undefined;
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
/** F1. What comes first stays. */
function newestOnce(candidates: readonly Candidate[]): Candidate[] {
  const documents = new Map<DocumentId, Candidate[]>();
  for (const candidate of candidates) {
    const known = documents.get(candidate.documentId);
    const version = known?.[0]?.version;
    if (known === undefined || version === undefined || candidate.version > version) {
      documents.set(candidate.documentId, [candidate]);
    } else if (candidate.version === version && !hasChunk(known, candidate.chunk)) {
      known.push(candidate);
    }
  }
  const newest: Candidate[] = [];
  for (const chunks of documents.values()) for (const chunk of chunks) newest.push(chunk);
  return newest;
}

function hasChunk(known: readonly Candidate[], chunk: number): boolean {
  for (const candidate of known) if (candidate.chunk === chunk) return true;
  return false;
}

export interface Pooled {
  readonly candidate: Candidate;
  readonly exact: number;
  /** In steps: as it is scored. */
  readonly cosine: number;
}

function pooled(candidate: Candidate): Pooled {
  const { cosine } = candidate;
  const exact = Number.isFinite(cosine) ? cosine : -1;
  return { candidate, exact, cosine: Math.round(exact / cosineStep) * cosineStep };
}

interface WordScorer {
  bm25(candidate: Candidate): number;
  /** Of a chunk that is full of every term of the question. */
  readonly full: number;
  readonly rarities: readonly number[];
}

/**
 * With the statistics of the nearest chunks, wherever they are: those of the whole pool, and the
 * best score in it, depend on where the lists of words were cut, and that on what else is in a
 * shard (F2).
 */
function wordScorer(queried: readonly string[], nearest: readonly Pooled[]): WordScorer {
  const holding = new Map(queried.map((term, index) => [term, countHolding(nearest, index)]));
  const lengths = nearest.reduce((sum, { candidate }) => sum + candidate.lexical.length, 0);
  const weights = termWeights(queried, {
    documents: nearest.length,
    averageLength: lengths / (nearest.length || 1),
    documentFrequency: (term) => holding.get(term) ?? 0,
  });
  return {
    bm25: ({ lexical }) => bm25Of(lexical, weights, lengthWeight),
    full: bm25Max(weights),
    rarities: weights.rarities,
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

/**
 * The best of the nearest is 1, the last of them 0, and what only words found lies below. Where
 * they are all alike, or there is one, they are all best: there is nothing to tell them apart.
 */
function nearness(nearest: readonly Pooled[]): (cosine: number) => number {
  const high = nearest[0]?.cosine ?? 0;
  const low = nearest.at(-1)?.cosine ?? 0;
  if (high === low) return (cosine) => (cosine < low ? 0 : 1);
  return (cosine) => (cosine - low) / (high - low);
}

/** By the cosines themselves, as each shard picks its nearest. */
function compareNearness(left: Pooled, right: Pooled): number {
  return right.exact - left.exact || compareIdentity(left.candidate, right.candidate);
}

function compareFused(a: Fused, b: Fused): number {
  if (a.score !== b.score) return b.score - a.score;
  return compareIdentity(a.candidate, b.candidate);
}

function compareIdentity(left: Candidate, right: Candidate): number {
  if (left.documentId !== right.documentId) return left.documentId < right.documentId ? -1 : 1;
  return left.chunk - right.chunk;
}
