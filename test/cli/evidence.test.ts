/** `freshet blame` and `freshet watch` over an engine in memory. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hitsAsOf } from "../../src/cli/evidence/as-of-hits.ts";
import { blame, changesDocuments } from "../../src/cli/evidence/blame.ts";
import { changeOf, type Hits, hitsOf } from "../../src/cli/evidence/hits.ts";
import { type Watched, watch } from "../../src/cli/evidence/watch.ts";
import type { StoredEvent } from "../../src/contract/events.ts";
import type { Version } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { type Answer, parseQuestion } from "../../src/contract/query.ts";
import { HistoryEngine, historyTenant, queries } from "../support/history-engine.ts";

const [query = ""] = queries;
const { signal } = new AbortController();
let history: HistoryEngine;
/** After each operation. */
const found: { readonly seq: number; readonly hits: Hits }[] = [];

const client = {
  ask: (question: object): Promise<Answer> =>
    history.engine.service.ask({
      ...{ tenant: historyTenant, signal },
      question: parseQuestion({ ...question, cache: false }),
    }),
};
const hitsAt = (seq: number): Promise<Hits> =>
  hitsAsOf(client, { query, top_k: 4, as_of: seq }, signal);

/** Operations from a sequence on; those who leave end the stream. */
async function* events(from: number): AsyncGenerator<StoredEvent> {
  const leave = new AbortController();
  const after = (from - 1) as Version;
  const asked = { after, signal: leave.signal };
  try {
    for await (const page of history.engine.service.events(historyTenant, asked)) yield* page;
  } finally {
    leave.abort();
  }
}

beforeAll(async () => {
  history = new HistoryEngine(11);
  for (let count = 0; count < 90; count += 1) {
    const seq = await history.publishRandom(16);
    found.push({ seq, hits: hitsOf((await history.ask(query))?.sources ?? []) });
  }
});
afterAll(() => history.stop());

async function take(from: number, until: number, most = Infinity): Promise<Watched[]> {
  const seen: Watched[] = [];
  for await (const change of watch({ from, events, hitsAt })) {
    seen.push(change);
    if (seen.length >= most || change.operation.seq >= until) return seen;
  }
  return seen;
}

/** What changed the hits, as live questions saw it. */
function changesSeen(): readonly number[] {
  return found.flatMap(({ seq, hits }, at) => {
    const before = found[at - 1]?.hits ?? [];
    return changeOf(before, hits) === undefined ? [] : [seq];
  });
}

describe("freshet watch", () => {
  it("tells each change once and none that was not, over fifty ends of the subscriber (WQ1, WQ2)", async () => {
    const expected = changesSeen();
    const [first = 0, last = 0] = [expected.at(0), expected.at(-1)];
    const told: number[] = [];
    let from = first - 1;
    let ends = 0;
    while (told.at(-1) !== last) {
      // Some subscribers end before they have told anything; those begin where the last one did.
      if (ends % 3 === 2) await take(from, last, 1);
      else {
        const some = await take(from, last, 1 + (ends % 2));
        told.push(...some.map(({ operation }) => operation.seq));
        from = told.at(-1) ?? from;
      }
      ends += 1;
    }
    expect(told).toEqual(expected);
    expect(ends).toBeGreaterThanOrEqual(Math.min(50, expected.length / 2));
  });

  it("says what came and went", async () => {
    const [seq = 0] = changesSeen().slice(3);
    const [change] = await take(seq - 1, seq);
    const at = found.findIndex((each) => each.seq === seq);
    const seen = changeOf(found[at - 1]?.hits ?? [], found[at]?.hits ?? []);
    expect(change?.change).toEqual(seen);
  });
});

describe("freshet blame", () => {
  it("finds each of a hundred planted changes in fourteen searches at most (BJ1, BJ2)", async () => {
    const last = found.at(-1)?.seq ?? 0;
    const operations: StoredEvent[] = [];
    for await (const event of events(0)) {
      if (changesDocuments(event)) operations.push(event);
      if (event.seq >= last) break;
    }
    // Each moment is searched once, in order: a view of then moves forward.
    const then = new Map<number, Hits>();
    for (const { seq } of found) then.set(seq, await hitsAt(seq));
    let [most, planted] = [0, 0];
    for (let turn = 0; planted < 100; turn += 1) {
      // Moments of the history as ends; what changed the hits last before them is to be found.
      const end = 12 + (turn % (operations.length - 12));
      const range = operations.slice(Math.max(0, end - 5 - ((turn * 7) % 12)), end + 1);
      const hitsAfter = (seq = 0): Hits => found.find((each) => each.seq === seq)?.hits ?? [];
      let searches = 0;
      const blamed = await blame({
        operations: range,
        hitsAt: async (seq) => {
          searches += 1;
          return then.get(seq) ?? (await hitsAt(seq));
        },
      });
      most = Math.max(most, searches);
      const start = operations.indexOf(range[0] as StoredEvent) - 1;
      const whole = changeOf(hitsAfter(operations[start]?.seq), hitsAfter(range.at(-1)?.seq));
      expect(blamed === undefined).toBe(whole === undefined);
      if (blamed === undefined) continue;
      planted += 1;
      const { seq } = blamed.operation;
      const before = operations[operations.findIndex((each) => each.seq === seq) - 1]?.seq;
      expect(changeOf(hitsAfter(seq), hitsAfter(range.at(-1)?.seq))).toBeUndefined();
      expect(changeOf(hitsAfter(before), hitsAfter(seq))).toEqual(blamed.change);
    }
    expect(most).toBeLessThanOrEqual(14);
    expect(most).toBeGreaterThan(3);
  });

  it("needs no more for as many operations as it looks at", async () => {
    const operations = Array.from({ length: limits.blameOperationsMax }, (_, at) => ({
      ...{ id: `d${at}`, seq: at + 1, status: "visible", at: "" },
    })) satisfies readonly object[] as unknown as readonly StoredEvent[];
    for (const planted of [1, 2, 777, limits.blameOperationsMax]) {
      let searches = 0;
      const blamed = await blame({
        operations,
        hitsAt: async (seq) => {
          searches += 1;
          return seq < planted ? [] : [{ id: "x", version: planted, chunk: 0 }];
        },
      });
      expect(blamed?.operation.seq).toBe(planted);
      // One more asks how far the tenant has come.
      expect(searches + 1).toBeLessThanOrEqual(14);
    }
  });
});
