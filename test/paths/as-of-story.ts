/** What was found after each operation, asked again after merges and a restart. */

import { expect } from "vitest";
import { type HistoryEngine, historyTenant, queries } from "../support/history-engine.ts";
import { eventually } from "../support/promises.ts";

export interface AsOfStory {
  readonly history: HistoryEngine;
  readonly asked: readonly string[];
  /** By operation: what the live question found right after it, and what `as_of` found later. */
  readonly live: ReadonlyMap<number, readonly string[]>;
  readonly then: ReadonlyMap<number, readonly string[]>;
  digests(more: object): Promise<readonly string[]>;
}

export async function tellAsOfStory(
  history: HistoryEngine,
  { operations, questions }: { readonly operations: number; readonly questions: number },
): Promise<AsOfStory> {
  const asked = queries.slice(0, questions);
  const live = new Map<number, readonly string[]>();
  const then = new Map<number, readonly string[]>();
  const digests = (more: object): Promise<string[]> =>
    Promise.all(asked.map((query) => history.digest(query, more)));
  for (let count = 0; count < operations; count += 1) {
    const seq = await history.publishRandom();
    live.set(seq, await digests({}));
    if (count === Math.floor(operations / 2)) await history.engine.merges.force(historyTenant);
  }
  for (const seq of history.seqs) then.set(seq, await digests({ as_of: seq }));
  await history.engine.merges.force(historyTenant);
  await history.publishRandom();
  await history.engine.merges.force(historyTenant);
  await history.engine.restart();
  await eventually(async () => expect(await history.digest("crane")).not.toBe(""));
  return { history, asked, live, then, digests };
}

/** Once more for each operation: how many questions found the same as before. */
export async function equalDigests({ then, digests }: AsOfStory): Promise<number> {
  let equal = 0;
  for (const [seq, before] of then) {
    const again = await digests({ as_of: seq });
    equal += again.filter((digest, at) => digest === before[at]).length;
  }
  return equal;
}

/** How many live questions found the same passages in the same versions; the order is cold's. */
export function equalToLive({ live, then }: AsOfStory): number {
  const sorted = (digest: string): string => digest.split(" ").sort().join(" ");
  let equal = 0;
  for (const [seq, found] of live) {
    const was = then.get(seq) ?? [];
    equal += found.filter((digest, at) => sorted(digest) === sorted(was[at] ?? "")).length;
  }
  return equal;
}
