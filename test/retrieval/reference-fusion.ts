/**
 * Fusion as its definition says it: every candidate is cut into terms for every question. What
 * shards hand over counted must come to the same scores, to the last bit.
 */

import type { Candidate } from "../../src/contract/candidate.ts";
import { dotProduct } from "../../src/contract/vector.ts";
import { shownText } from "../../src/text/chunk-terms.ts";
import { bm25Constants, termCounts, terms } from "../../src/text/lexical.ts";

const alpha = 0.25;
const cosineStep = 2 ** -20;
const { k1 } = bm25Constants;
const b = 0.6;

interface Scored {
  readonly candidate: Candidate;
  score: number;
}

/** Of the mean of what the three likest of other documents are better by, four tenths. */
function liftOf({ candidate, score }: Scored, head: readonly Scored[]): number {
  const likest = head
    .filter((other) => other.candidate.documentId !== candidate.documentId)
    .map((other) => ({ other, like: likeness(candidate, other.candidate) }))
    .filter(({ like }) => like > 0)
    .toSorted((left, right) => right.like - left.like)
    .slice(0, 3);
  const above = likest.reduce((sum, { other }) => sum + Math.max(0, other.score - score), 0);
  return likest.length === 0 ? 0 : (0.4 * above) / likest.length;
}

function likeness({ vector: one = none }: Candidate, { vector: other = none }: Candidate): number {
  return Math.round(dotProduct(one, other) / cosineStep) * cosineStep;
}

const none = new Float32Array(0);

/** Scores by document and chunk, best first; candidates are of one version, each of them once. */
export function referenceRanking(
  question: string,
  candidates: readonly Candidate[],
  perList: number,
): readonly { readonly key: string; readonly score: number }[] {
  const queried = [...new Set(terms(question))];
  const pool = candidates.map((candidate) => {
    const list = terms(shownText(candidate));
    return { candidate, counts: termCounts(list), length: list.length };
  });
  const byIdentity = (left: Candidate, right: Candidate): number =>
    left.documentId === right.documentId
      ? left.chunk - right.chunk
      : left.documentId < right.documentId
        ? -1
        : 1;
  const nearest = pool
    .toSorted(
      ({ candidate: left }, { candidate: right }) =>
        right.cosine - left.cosine || byIdentity(left, right),
    )
    .slice(0, perList);
  const steps = ({ cosine }: Candidate): number => Math.round(cosine / cosineStep) * cosineStep;
  const averageLength = nearest.reduce((sum, { length }) => sum + length, 0) / nearest.length;
  const rarities = queried.map((term) => {
    const holding = nearest.filter(({ counts }) => counts.has(term)).length;
    return Math.log(1 + (nearest.length - holding + 0.5) / (holding + 0.5));
  });
  const full = rarities.reduce((sum, rarity) => sum + rarity * (k1 + 1), 0);
  const high = steps(nearest[0]?.candidate as Candidate);
  const low = steps(nearest.at(-1)?.candidate as Candidate);
  const scored = pool.map(({ candidate, counts, length }) => {
    const cosine = steps(candidate);
    const near = high === low ? (cosine < low ? 0 : 1) : (cosine - low) / (high - low);
    const relative = averageLength > 0 ? length / averageLength : 1;
    const words = queried.reduce((sum, term, index) => {
      const count = counts.get(term) ?? 0;
      const saturation = (count * (k1 + 1)) / (count + k1 * (1 - b + b * relative));
      return sum + (rarities[index] as number) * saturation;
    }, 0);
    const share = full === 0 ? 0 : words / full;
    return { candidate, score: alpha * near + (1 - alpha) * share };
  });
  const isNear = new Set(nearest.map(({ candidate }) => candidate));
  const better = (left: Scored, right: Scored): number =>
    right.score - left.score || byIdentity(left.candidate, right.candidate);
  const head = scored
    .filter(({ candidate }) => isNear.has(candidate))
    .sort(better)
    .slice(0, 24);
  const lifts = new Map(head.map((each) => [each.candidate, liftOf(each, head)]));
  for (const each of scored) each.score += lifts.get(each.candidate) ?? 0;
  scored.sort(better);
  const best = scored[0]?.score ?? 0;
  return scored.map(({ candidate: { documentId, chunk }, score }) => ({
    key: `${documentId}#${chunk}`,
    score: best > 0 ? Math.max(0, score / best) : 1,
  }));
}
