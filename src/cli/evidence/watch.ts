/**
 * When the hits of a standing question change: compared after each operation of the event stream,
 * as of that operation. What is told is a function of the log, so a watch that ends and begins
 * again after the last change that it told misses none and tells none twice.
 *
 *   WQ1  hits are compared after each operation that can change a document, one at a time;
 *   WQ2  where one begins, the hits are those as of that operation, whenever it is asked;
 *   WQ3  only the last hits are kept.
 */

import type { StoredEvent } from "../../contract/events.ts";
import { changesDocuments } from "./blame.ts";
import { changeOf, type Hits, type HitsChange } from "./hits.ts";

export interface WatchAsked {
  /** The operation to begin after. */
  readonly from: number;
  /** Operations from a sequence on, without end. */
  readonly events: (from: number) => AsyncIterable<StoredEvent>;
  readonly hitsAt: (seq: number) => Promise<Hits>;
}

export interface Watched {
  readonly operation: StoredEvent;
  readonly change: HitsChange;
  readonly hits: Hits;
}

export async function* watch({ from, events, hitsAt }: WatchAsked): AsyncGenerator<Watched> {
  let before = await hitsAt(from);
  for await (const operation of events(from + 1)) {
    if (!changesDocuments(operation)) continue;
    const hits = await hitsAt(operation.seq);
    const change = changeOf(before, hits);
    before = hits;
    if (change !== undefined) yield { operation, change, hits };
  }
}
