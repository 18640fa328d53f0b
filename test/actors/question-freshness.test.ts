/** `max_staleness_ms`: what a question waits for, and what it is refused with. */

import fc from "fast-check";
import { expect, it } from "vitest";
import { Freshness } from "../../actors/question/freshness.ts";
import type { Version } from "../../src/contract/ids.ts";
import { createMemoryLog } from "../../src/log/memory/log.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { codeOf } from "../support/promises.ts";
import { runs } from "../support/runs.ts";
import { acme, quiet, upsert } from "./kit.ts";
import { namesOf, startQuestions } from "./question-kit.ts";

const search = { mode: "search" };
const payload = new Uint8Array();

type Step = { readonly kind: "publish" | "pass" | "show"; readonly amount: number };

const steps = fc.array(
  fc.record({
    kind: fc.constantFrom<Step["kind"]>("publish", "pass", "show"),
    amount: fc.nat(40),
  }),
  { maxLength: 40 },
);

it("lets no operation be missing that was acknowledged longer ago than allowed (QW1, QW2)", async () => {
  await fc.assert(
    fc.asyncProperty(steps, fc.nat(100), async (taken, maxStalenessMs) => {
      const clock = createManualClock();
      const log = createMemoryLog({ clock, partitions: 1 });
      const acked: { readonly seq: number; readonly atMs: number }[] = [];
      let shown = 0;
      for (const { kind, amount } of taken) {
        if (kind === "pass") await clock.advance(amount);
        else if (kind === "show") shown = Math.min(acked.length, shown + (amount % 5));
        else {
          const { seq } = await log.docs.publish({ tenant: acme, payload });
          acked.push({ seq, atMs: clock.nowMs() });
        }
      }
      const visible = (acked[shown - 1]?.seq ?? 0) as Version;
      const freshness = await Freshness.of(log, { tenant: acme, maxStalenessMs });
      const missing = await freshness.missing(visible);
      const old = clock.nowMs() - maxStalenessMs;
      const owed = acked.filter(({ seq, atMs }) => seq > visible && atMs < old);
      if (missing === undefined) expect(owed).toEqual([]);
      // The log's times are cut to milliseconds: one that is as old as allowed may be waited for.
      else expect(acked.some(({ seq, atMs }) => seq > visible && atMs <= old)).toBe(true);
      await log.close();
    }),
    { numRuns: runs(200) },
  );
});

it("counts an operation whose stamp lies ahead of the log's clock as old (QW2)", async () => {
  const clock = createManualClock();
  const log = createMemoryLog({ clock, partitions: 1 });
  const { seq } = await log.docs.publish({ tenant: acme, payload });
  const setBack = { docs: log.docs, nowMs: async () => clock.nowMs() - 5_000 };
  const freshness = await Freshness.of(setBack, { tenant: acme, maxStalenessMs: 1_000 });
  expect(await freshness.missing(0 as Version)).toMatchObject({ version: seq });
});

it("answers at once while what is missing is young, and waits for it when it is not", async () => {
  const { ask, log, load, apply, clock } = startQuestions();
  load(0);
  apply(upsert({ id: "a", position: 1, version: 1 }));
  const { seq } = await log.docs.publish({ tenant: acme, payload });
  await clock.advance(100);
  expect(namesOf(await ask({ ...search, max_staleness_ms: 200 }).promise)).toEqual(["a@1 hot"]);
  const { promise, answers } = ask({ ...search, max_staleness_ms: 50 });
  await quiet();
  expect(answers()).toBe(0);
  apply(upsert({ id: "b", position: 2, version: seq }));
  expect(namesOf(await promise)).toEqual(["a@1 hot", `b@${seq} hot`]);
});

it("is refused with the lag when what is missing does not come within wait_ms", async () => {
  const { ask, log, load, clock } = startQuestions();
  load(0);
  const { seq } = await log.docs.publish({ tenant: acme, payload });
  await clock.advance(700);
  const { promise } = ask({ ...search, max_staleness_ms: 500, wait_ms: 50 });
  await quiet();
  await clock.advance(50);
  await expect(promise).rejects.toMatchObject({
    code: "too_stale",
    details: { max_staleness_ms: 500, lag_ms: 701, missing_seq: seq, visible_seq: 0 },
  });
});

it("says of a tenant whose first document is on its way neither that nothing matches nor an answer", async () => {
  const { ask, log, clock } = startQuestions({ served: false });
  expect(await codeOf(ask({ ...search, max_staleness_ms: 0 }).promise)).toBe("no_results");
  await log.docs.publish({ tenant: acme, payload });
  const { promise } = ask({ ...search, max_staleness_ms: 0, wait_ms: 20 });
  await quiet();
  await clock.advance(10);
  await quiet();
  await clock.advance(10);
  expect(await codeOf(promise)).toBe("too_stale");
});

it("holds beside min_seq: each of both is waited for", async () => {
  const { ask, log, load, apply } = startQuestions();
  load(0);
  const first = await log.docs.publish({ tenant: acme, payload });
  const second = await log.docs.publish({ tenant: acme, payload });
  const { promise, answers } = ask({ ...search, min_seq: first.seq, max_staleness_ms: 0 });
  await quiet();
  apply(upsert({ id: "a", position: 1, version: first.seq }));
  await quiet();
  expect(answers()).toBe(0);
  apply(upsert({ id: "a", position: 2, version: second.seq }));
  expect(namesOf(await promise)).toEqual([`a@${second.seq} hot`]);
});
