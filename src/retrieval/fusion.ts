/**
 * Fusion of what both shards found into one ranking. Why relative scores, and why BM25 is computed
 * again here: ops/decisions/0010-fusion.md.
 *
 *   F1  a chunk appears once, and only the newest version of a document;
 *   F2  order and scores depend on the candidates alone: not on their order, nor on the shard they
 *       are in;
 *   F3  scores are in 0…1 and fall along the list; ties are broken by document id, then chunk.
 */

import type { Candidate } from "../contract/candidate.ts";
import type { DocumentId, Version } from "../contract/ids.ts";
import { bm25, type CorpusStats, termCounts, terms } from "../text/lexical.ts";
import { type RecencyAt, recencyFactor } from "./recency.ts";

export interface Fused {
  readonly candidate: Candidate;
  /** 0…1, comparable within one reply only. */
  readonly score: number;
}

/** Weight of the dense list; measured. */
const alpha = 0.5;

export function fuse(options: {
  readonly question: string;
  readonly hot: readonly Candidate[];
  readonly cold: readonly Candidate[];
  readonly limit: number;
  /** Absent: age plays no part. */
  readonly recency?: RecencyAt | undefined;
}): Fused[] {
  // Hot first: of a chunk that both shards have, the reply names the one that is sure to be
  // current.
  const pool = newestOnce([...options.hot, ...options.cold]);
  const dense = relative(pool.map(({ cosine }) => (Number.isFinite(cosine) ? cosine : -1)));
  const lexicalScores = scoreLexically(options.question, pool);
  const matched = lexicalScores.some((score) => score > 0);
  // BM25 has a natural zero: the weakest match still beats no match.
  const lexical = relative([...lexicalScores, 0]);
  return pool
    .map((candidate, index) => {
      const denseScore = dense[index] ?? 0;
      const lexicalScore = lexical[index] ?? 0;
      const relevance = matched ? alpha * denseScore + (1 - alpha) * lexicalScore : denseScore;
      const factor = options.recency ? recencyFactor(candidate.info, options.recency) : 1;
      return { candidate, score: relevance * factor };
    })
    .sort(compareFused)
    .slice(0, options.limit);
}

/** F1. */
function newestOnce(candidates: readonly Candidate[]): Candidate[] {
  const newest = new Map<DocumentId, Version>();
  for (const { documentId, version } of candidates) {
    if (version > (newest.get(documentId) ?? -1)) newest.set(documentId, version);
  }
  const chunks = new Map<DocumentId, Map<number, Candidate>>();
  for (const candidate of candidates) {
    const { documentId, version, chunk } = candidate;
    if (version !== newest.get(documentId)) continue;
    const known = chunks.get(documentId) ?? new Map<number, Candidate>();
    if (!known.has(chunk)) known.set(chunk, candidate);
    chunks.set(documentId, known);
  }
  return [...chunks.values()].flatMap((known) => [...known.values()]);
}

/** BM25 with the statistics of the pool, the only ones that both shards share. */
function scoreLexically(question: string, pool: readonly Candidate[]): number[] {
  const queryTerms = [...new Set(terms(question))];
  const documents = pool.map(({ heading, text }) => {
    const list = terms(heading === undefined ? text : `${heading}\n${text}`);
    return { counts: termCounts(list), length: list.length };
  });
  const frequency = new Map(
    queryTerms.map((term) => [term, documents.filter(({ counts }) => counts.has(term)).length]),
  );
  const stats: CorpusStats = {
    documents: pool.length,
    averageLength: documents.reduce((sum, { length }) => sum + length, 0) / (pool.length || 1),
    documentFrequency: (term) => frequency.get(term) ?? 0,
  };
  return documents.map(({ counts, length }) => bm25({ queryTerms, counts, length, stats }));
}

/**
 * Min-max to 0…1. Equal scores, or a single one, are all best: there is nothing to tell them apart.
 */
function relative(scores: readonly number[]): number[] {
  const low = scores.reduce((least, score) => Math.min(least, score), Number.POSITIVE_INFINITY);
  const high = scores.reduce((most, score) => Math.max(most, score), Number.NEGATIVE_INFINITY);
  const spread = high - low;
  return scores.map((score) => (spread > 0 ? (score - low) / spread : 1));
}

function compareFused(a: Fused, b: Fused): number {
  if (a.score !== b.score) return b.score - a.score;
  const [left, right] = [a.candidate, b.candidate];
  if (left.documentId !== right.documentId) return left.documentId < right.documentId ? -1 : 1;
  return left.chunk - right.chunk;
}
