import { expect, it } from "vitest";
import { limits } from "../../../src/contract/limits.ts";
import { MemorySourceStore, MemorySourceStreams } from "../../../src/ingest/memory-sources.ts";
import { systemClock } from "../../../src/runtime/clock.ts";
import { sourcesConformance, streamSource } from "./conformance.ts";

/** Waiting for what a killed reader holds takes seconds; the broker's are real in its own test. */
const hasty = { ...systemClock, sleep: () => systemClock.sleep(1) };

sourcesConformance("memory", async () => {
  const streams = new MemorySourceStreams(hasty);
  await Promise.resolve();
  return {
    store: new MemorySourceStore(),
    streams,
    addStream: async (name) => Promise.resolve(streams.add(name)),
    publish: async (stream, subject, body) => {
      const payload = new TextEncoder().encode(body);
      return Promise.resolve(streams.publish(stream, { subject, headers: {}, payload }));
    },
    crash: async (source) => Promise.resolve(streams.crash(source)),
    close: async () => Promise.resolve(),
  };
});

it("refuses one source too many with a code that no client asks again for, until one is removed", async () => {
  const store = new MemorySourceStore();
  for (let count = 0; count < limits.sourcesMax; count += 1) {
    await store.add(streamSource(`s${count}`, "S"));
  }
  const refused = { code: "limit_reached", status: 409, retryable: false };
  await expect(store.add(streamSource("more", "S"))).rejects.toMatchObject(refused);
  await store.remove("s0");
  await store.add(streamSource("more", "S"));
});
