/**
 * Passages that say the same, and one document that fills the top. Near-duplicates of a better
 * passage are counted on it and left out; the rest is taken by maximal marginal relevance
 * (Carbonell and Goldstein, SIGIR 1998): each next one is near the question and unlike those taken.
 *
 *   DV1  the best passage stays first, whatever is asked for;
 *   DV2  a passage is shown, counted as a duplicate of one that is taken, or not among the limit:
 *        one of the three;
 *   DV3  the outcome depends on scores, vectors and identities alone (F2).
 */

import type { Fused } from "./fusion.ts";
import { likenessOf } from "./likeness.ts";

/**
 * From here on two passages count as one. Measured for all-MiniLM-L6-v2
 * (ops/decisions/0054-reranking-and-repetition.md): copies with another case, spacing or footer lie
 * above it, different paragraphs on one subject below.
 */
export const duplicateCosine = 0.95;

export interface Diverse extends Fused {
  /** Passages that were left out for this one. */
  readonly duplicates: number;
}

export interface Diversified {
  readonly fused: readonly Diverse[];
  /** All that were left out as duplicates. */
  readonly folded: number;
}

/** @param fused best first, with vectors: what has none is like nothing */
export function diversify(
  fused: readonly Fused[],
  options: { readonly diversity: number; readonly limit: number },
): Diversified {
  const groups = grouped(fused);
  const taken = inTurn(groups, options);
  return {
    fused: taken.map(({ best, others }) => ({ ...best, duplicates: others })),
    folded: fused.length - groups.length,
  };
}

interface Group {
  readonly best: Fused;
  others: number;
}

/** A duplicate goes to the best that it is like. */
function grouped(fused: readonly Fused[]): Group[] {
  const groups: Group[] = [];
  for (const each of fused) {
    const known = groups.find(
      ({ best }) => likenessOf(best.candidate, each.candidate) >= duplicateCosine,
    );
    if (known === undefined) groups.push({ best: each, others: 0 });
    else known.others += 1;
  }
  return groups;
}

interface Waiting {
  readonly group: Group;
  /** With the nearest of those that are taken. */
  likest: number;
}

function inTurn(
  groups: readonly Group[],
  { diversity, limit }: { readonly diversity: number; readonly limit: number },
): readonly Group[] {
  if (diversity === 0) return groups.slice(0, limit);
  const taken: Group[] = [];
  let waiting: Waiting[] = groups.map((group) => ({ group, likest: 0 }));
  while (taken.length < limit) {
    const worth = ({ group, likest }: Waiting): number =>
      (1 - diversity) * group.best.score - diversity * likest;
    // DV1: with nothing taken all are unlike it; the first in their order is the best.
    const next = waiting.reduce<Waiting | undefined>(
      (best, each) =>
        best === undefined || (taken.length > 0 && worth(each) > worth(best)) ? each : best,
      undefined,
    );
    if (next === undefined) break;
    taken.push(next.group);
    waiting = waiting.filter((each) => each !== next);
    for (const each of waiting) {
      each.likest = Math.max(each.likest, nearTo(next.group.best, each.group.best));
    }
  }
  return taken;
}

/** Another passage of the same document repeats it in half, whatever it says. */
function nearTo(left: Fused, right: Fused): number {
  const like = Math.max(0, likenessOf(left.candidate, right.candidate));
  const isSame = left.candidate.documentId === right.candidate.documentId;
  return isSame ? (1 + like) / 2 : like;
}
