import { MemorySourceStore, MemorySourceStreams } from "../../../src/ingest/memory-sources.ts";
import { systemClock } from "../../../src/runtime/clock.ts";
import { sourcesConformance } from "./conformance.ts";

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
