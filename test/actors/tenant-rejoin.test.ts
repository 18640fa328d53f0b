/** T4: whatever the reader offers and skips while the tenant works, nothing is lost and nothing doubled. */

import fc from "fast-check";
import { expect, it } from "vitest";
import { acme, quiet, until } from "./kit.ts";
import { answer, committed, operations, publish, startTenant } from "./tenant-kit.ts";

type Step = "publish" | "embed" | "turn" | "reload";

const step = fc.oneof(
  { weight: 6, arbitrary: fc.constant<Step>("publish") },
  { weight: 3, arbitrary: fc.constant<Step>("embed") },
  { weight: 3, arbitrary: fc.constant<Step>("turn") },
  { weight: 1, arbitrary: fc.constant<Step>("reload") },
);

it("T4, T1: a queue that overflows leaves and rejoins the reader without losing or doubling anything", async () => {
  let overflows = 0;
  const history = fc.array(step, { minLength: 5, maxLength: 60 });
  const bounds = fc.record({ queueMax: fc.integer({ min: 1, max: 3 }), inFlightMax: fc.integer({ min: 1, max: 3 }) });
  await fc.assert(
    fc.asyncProperty(bounds, history, async (limits, steps) => {
      const started = startTenant({ ...limits, embeds: false });
      const { log, asked, offer, route, clock, system, actor } = started;
      await until(() => !route.behind);
      const sent: number[] = [];
      let answered = 0;
      let reloads = 0;
      for (const next of steps) {
        if (next === "publish") {
          const operation = publish(log, { id: `d${sent.length % 4}`, text: "t" });
          sent.push(operation.version);
          offer(operation);
          if (route.behind) overflows += 1;
        } else if (next === "embed") {
          if (answered < asked.length) answer(asked[answered++]);
        } else if (next === "turn") await quiet(1);
        else if (reloads < 4 && actor.mailbox.tryPut({ type: "reload" })) reloads += 1;
      }
      for (let turn = 0; turn < 400; turn += 1) {
        while (answered < asked.length) answer(asked[answered++]);
        await clock.advance(10);
        if (!route.behind && (await log.chunks.last(acme))?.version === (sent.at(-1) ?? 0)) break;
      }
      await committed(log, sent.at(-1) ?? 0);
      expect(await operations(log)).toEqual(sent.map((version) => `upsert ${version}`));
      await until(() => !route.behind);
      await system.stop();
    }),
    { numRuns: 150 },
  );
  expect(overflows).toBeGreaterThan(100);
});
