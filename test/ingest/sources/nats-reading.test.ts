/** A reading of a stream that does not come about, without a server. */

import type { NatsConnection } from "nats";
import { afterEach, expect, it, vi } from "vitest";
import { limits } from "../../../src/contract/limits.ts";
import { NatsSourceStreams } from "../../../src/ingest/nats-source-streams.ts";
import type { StreamSource } from "../../../src/ingest/sources/port.ts";
import { watchTimers } from "../../support/own-timers.ts";

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

it("a reading that cannot begin leaves no timer behind, however often it is tried", async () => {
  vi.useFakeTimers();
  const timers = watchTimers(limits.sourceWorkingEveryMs, 2 * limits.sourceAckWaitMs);
  const info = { num_ack_pending: 3, delivered: { consumer_seq: 7 } };
  const consume = () => Promise.reject(new Error("the connection is away"));
  const js = {
    jetstreamManager: async () => ({ consumers: { info: async () => info } }),
    consumers: { get: async () => ({ consume }) },
  };
  const connection = { jetstream: () => js } as unknown as NatsConnection;
  const streams = new NatsSourceStreams({ connection } as ConstructorParameters<
    typeof NatsSourceStreams
  >[0]);
  const source = { name: "crm", generation: "1", input: { stream: "CRM" } } as StreamSource;
  for (let attempt = 0; attempt < 3; attempt += 1) {
    await expect(streams.open(source, new AbortController().signal)).rejects.toThrow();
  }
  expect(timers.begun()).toBeGreaterThan(0);
  expect(timers.open()).toBe(0);
});
