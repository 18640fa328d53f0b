/**
 * Which operation made the hits of a question what they are: halving over a tenant's operations,
 * each step one search as of an operation. Pure but for the searches that it asks for.
 *
 *   BJ1  the operation that is named is one after which the hits are those of the end, and before
 *        which they were others: it is the newest that changed them, unless they were the same
 *        before as well and came back;
 *   BJ2  two searches at the ends, and one more for each halving.
 */

import type { StoredEvent } from "../../contract/events.ts";
import { changeOf, type Hits, type HitsChange } from "./hits.ts";

export interface BlameAsked {
  /** Those that can have changed anything, oldest first. */
  readonly operations: readonly StoredEvent[];
  readonly hitsAt: (seq: number) => Promise<Hits>;
}

export interface Blamed {
  readonly operation: StoredEvent;
  readonly before: Hits;
  readonly after: Hits;
  readonly change: HitsChange;
}

/** Undefined where the hits before the first operation are those after the last. */
export async function blame({ operations, hitsAt }: BlameAsked): Promise<Blamed | undefined> {
  const [first, last] = [operations.at(0), operations.at(-1)];
  if (first === undefined || last === undefined) return undefined;
  const after = await hitsAt(last.seq);
  let before = await hitsAt(first.seq - 1);
  if (changeOf(before, after) === undefined) return undefined;
  // After operation `low` the hits are others than at the end, after `high` they are those.
  let [low, high] = [-1, operations.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    const hits = await hitsAt((operations[middle] as StoredEvent).seq);
    if (changeOf(hits, after) === undefined) high = middle;
    else [low, before] = [middle, hits];
  }
  const change = changeOf(before, after) as HitsChange;
  return { operation: operations[high] as StoredEvent, before, after, change };
}

/** Rejects and repetitions change no document. */
export function changesDocuments({ status }: StoredEvent): boolean {
  return status === "visible" || status === "deleted";
}
