import { expect, it } from "vitest";
import { watchRecords } from "../../actors/watch-records.ts";
import { FreshetError } from "../../src/contract/errors.ts";
import { silentLogger } from "../../src/contract/observation.ts";
import { toldAgainMs } from "../../src/runtime/repeated.ts";
import { createManualClock } from "../support/manual-clock.ts";

it("a watch that breaks without end is told once for each reason, and again after a while", async () => {
  const clock = createManualClock();
  const stop = new AbortController();
  const told: unknown[] = [];
  let opened = 0;
  let code: "log_identity" | "log_unavailable" = "log_unavailable";
  const running = watchRecords<never>(
    {
      records: "manifests",
      // biome-ignore lint/correctness/useYield: it breaks before there is anything
      async *watch() {
        opened += 1;
        throw new FreshetError(code);
      },
      heard: () => {},
      retryMs: 100,
      logger: { ...silentLogger, warn: (fields) => void told.push(fields) },
    },
    { clock, signal: stop.signal },
  );
  for (let turn = 0; turn < 20; turn += 1) await clock.advance(100);
  code = "log_identity";
  for (let turn = 0; turn < 20; turn += 1) await clock.advance(100);
  expect(opened).toBeGreaterThan(30);
  expect(told).toEqual([{ code: "log_unavailable" }, { code: "log_identity" }]);
  await clock.advance(toldAgainMs);
  await clock.advance(100);
  expect(told).toHaveLength(3);
  stop.abort();
  await clock.advance(100);
  await running;
});
