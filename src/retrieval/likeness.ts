/**
 * What better passages say of one that is like them: passages near each other tend to answer the
 * same questions (the cluster hypothesis; van Rijsbergen, "Information Retrieval", 1979), so one
 * that has other words than the question is lifted by its neighbours that have them. Measured:
 * ops/decisions/0084-what-is-like-the-best.md. Pure.
 *
 *   LK1  none is lowered, the best stays the best, and none is lifted above all that lift it;
 *   LK2  the outcome depends on scores, vectors and identities alone (F2);
 *   LK3  a document does not lift itself: its chunks overlap, and the first places are few.
 */

import type { Candidate } from "../contract/candidate.ts";
import { dotProduct } from "../contract/vector.ts";

/**
 * Cosines are compared as multiples of this. Both shards measure them alike, from vectors of which
 * cold may have stored one number with another last bit (weaviate-rewrite.ts).
 */
export const cosineStep = 2 ** -20;

/**
 * The best that are compared: 276 products, about a third of a millisecond. All 64 of the nearest
 * are no better.
 */
const headMax = 24;
/** Of the others it is likest to; which of them are better is theirs to say. */
const neighbours = 3;
/** What of the mean distance to them a passage gains. */
const liftWeight = 0.4;

interface Worthy {
  readonly candidate: Candidate;
  readonly worth: number;
}

/** @param ranked best first, ties broken; what has no vector is like nothing */
export function liftsOf(ranked: readonly Worthy[]): ReadonlyMap<Candidate, number> {
  const head = ranked.slice(0, headMax);
  const likeness = likenessAmong(head);
  const lifts = new Map<Candidate, number>();
  for (const [index, { candidate, worth }] of head.entries()) {
    const row = likeness.subarray(index * head.length, (index + 1) * head.length);
    const likest = likestIn(row);
    let above = 0;
    for (const at of likest) above += Math.max(0, (head[at] as Worthy).worth - worth);
    if (above > 0) lifts.set(candidate, (liftWeight * above) / likest.length);
  }
  return lifts;
}

/**
 * Places of the neighbours in a row, the likest first; of two that are equally like it the better
 * one. Every question asks this of each passage of the head, so nothing is sorted or copied.
 */
function likestIn(row: Float64Array): readonly number[] {
  const likest: number[] = [];
  for (let at = 0; at < row.length; at += 1) {
    const like = row[at] as number;
    if (!(like > 0)) continue;
    let place = likest.length;
    while (place > 0 && (row[likest[place - 1] as number] as number) < like) place -= 1;
    if (place >= neighbours) continue;
    if (likest.length === neighbours) likest.pop();
    likest.splice(place, 0, at);
  }
  return likest;
}

/** A square; 0 for a passage and others of its document (LK3). */
function likenessAmong(head: readonly Worthy[]): Float64Array {
  const size = head.length;
  const likeness = new Float64Array(size * size);
  for (const [row, { candidate }] of head.entries()) {
    for (let column = 0; column < row; column += 1) {
      const other = (head[column] as Worthy).candidate;
      if (other.documentId === candidate.documentId) continue;
      const like = likenessOf(candidate, other);
      likeness[row * size + column] = like;
      likeness[column * size + row] = like;
    }
  }
  return likeness;
}

/** The cosine, in the steps in which both shards agree; 0 where one has no vector. */
export function likenessOf({ vector: one }: Candidate, { vector: other }: Candidate): number {
  if (one === undefined || other === undefined) return 0;
  return Math.round(dotProduct(one, other) / cosineStep) * cosineStep;
}
