/**
 * Fusion of what both shards found into one ranking. Why relative scores, and why BM25 is computed
 * again here: ops/decisions/0010-fusion.md.
 *
 *   F1  a chunk appears once, and only the newest version of a document;
 *   F2  order and scores depend on what the shards hold together: not on the order of candidates,
 *       nor on the shard that each is in, nor on which of two shards filled its lists with what the
 *       other one would have kept out;
 *   F3  scores are in 0…1 and fall along the list; ties are broken by document id, then chunk.
 */

import type { Candidate } from "../contract/candidate.ts";
import type { DocumentId } from "../contract/ids.ts";
import { bm25Max, bm25Of, queryTerms, termWeights } from "../text/lexical.ts";
import { type RecencyAt, recencyFactor } from "./recency.ts";

export interface Fused {
  readonly candidate: Candidate;
  /** 0…1, comparable within one reply only. */
  readonly score: number;
}

/**
 * Weight of nearness; the rest is that of words, which seldom reach half of what a question could
 * have. Measured.
 */
const alpha = 0.25;

/**
 * Cosines are compared as multiples of this. Both shards measure them alike, from vectors of which
 * cold may have stored one number with another last bit (weaviate-rewrite.ts).
 */
const cosineStep = 2 ** -20;

export function fuse(options: {
  readonly question: string;
  readonly hot: readonly Candidate[];
  readonly cold: readonly Candidate[];
  readonly limit: number;
  /** Candidates that each list of each shard was asked for. */
  readonly perList: number;
  /** Absent: age plays no part. */
  readonly recency?: RecencyAt | undefined;
}): Fused[] {
  // Hot first: of a chunk that both shards have, the reply names the one that is sure to be
  // current.
  const pool = newestOnce([...options.hot, ...options.cold]).map(pooled);
  const nearest = pool.toSorted(compareNearness).slice(0, options.perList);
  const words = wordScorer(queryTerms(options.question), nearest);
  const near = nearness(nearest);
  const fused = pool
    .map(({ candidate, cosine }) => {
      const relevance = alpha * near(cosine) + (1 - alpha) * words(candidate);
      // Below 0 lies what only words found, and few: age cannot take from nothing.
      const isAged = options.recency !== undefined && relevance > 0;
      const factor = isAged ? recencyFactor(candidate.info, options.recency) : 1;
      return { candidate, score: relevance * factor };
    })
    .sort(compareFused)
    .slice(0, options.limit);
  const best = fused[0]?.score ?? 0;
  const inUnits = (score: number): number => (best > 0 ? Math.max(0, score / best) : 1);
  return fused.map(({ candidate, score }) => ({ candidate, score: inUnits(score) }));
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
  return [...documents.values()].flat();
}

function hasChunk(known: readonly Candidate[], chunk: number): boolean {
  return known.some((candidate) => candidate.chunk === chunk);
}

interface Pooled {
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

/**
 * BM25, as a share of what a chunk would have that is full of every term of the question. With the
 * statistics of the nearest chunks, wherever they are: those of the whole pool, and the best score
 * in it, depend on where the lists of words were cut, and that on what else is in a shard (F2).
 */
function wordScorer(
  queried: readonly string[],
  nearest: readonly Pooled[],
): (candidate: Candidate) => number {
  const holding = new Map(queried.map((term, index) => [term, countHolding(nearest, index)]));
  const lengths = nearest.reduce((sum, { candidate }) => sum + candidate.lexical.length, 0);
  const weights = termWeights(queried, {
    documents: nearest.length,
    averageLength: lengths / (nearest.length || 1),
    documentFrequency: (term) => holding.get(term) ?? 0,
  });
  const full = bm25Max(weights);
  if (full === 0) return () => 0;
  return ({ lexical }) => bm25Of(lexical, weights) / full;
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
