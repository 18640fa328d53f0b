import { setImmediate as turn } from "node:timers/promises";
import { expect, it } from "vitest";
import { patience } from "../../src/cli/doctor/patience.ts";
import { eventually } from "../support/promises.ts";

it("a process that was busy for longer than its patience still hears what has come", async () => {
  const signal = patience(200);
  const plain = AbortSignal.timeout(200);
  const busyUntilMs = performance.now() + 400;
  while (performance.now() < busyUntilMs);
  // The first turn still belongs to the round before the timers'.
  for (const _ of [1, 2]) await turn();
  expect({ signal: signal.aborted, plain: plain.aborted }).toEqual({ signal: false, plain: true });
  await eventually(() => expect(signal.aborted).toBe(true));
  expect(signal.reason).toMatchObject({ name: "TimeoutError" });
});
