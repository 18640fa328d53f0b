import { expect, it } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { createMemoryLog, type MemoryLog } from "../../src/log/memory/log.ts";
import { over } from "../simulation/ports.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { publish, recoveringTenant } from "./writer-kit.ts";

it("a log that says nothing holds up a stop for one answer's time (T5)", async () => {
  const clock = createManualClock();
  const log = createMemoryLog({ clock, partitions: 1 });
  let appends = 0;
  const never: Partial<MemoryLog["chunks"]> = {
    append: () => {
      appends += 1;
      return new Promise(() => {});
    },
  };
  publish(log, { id: "a", text: "t" });
  const tenant = recoveringTenant({ clock, log: { ...log, chunks: over(log.chunks, never) } });
  while (appends === 0) await clock.advance(10);
  let isStopped = false;
  const stopped = tenant.system.stop().then(() => {
    isStopped = true;
  });
  await clock.advance(limits.publishAckMs - 1);
  expect(isStopped).toBe(false);
  await clock.advance(1);
  await stopped;
});
