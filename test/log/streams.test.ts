import { expect, it } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { streamConfig } from "../../src/log/nats/streams.ts";

const shape = { partitions: 8, replicas: 1, leaseMs: 9_000, incarnation: 3 };

it("I11: what is written anew replaces itself: no merge or renewal fills its stream", () => {
  for (const role of ["heads", "leases", "deadLetters"] as const) {
    expect(streamConfig(role, shape).max_msgs_per_subject).toBe(1);
  }
  // So that a foreign message does not take the place of the only one.
  const { max_msgs_per_subject: kept } = streamConfig("manifests", shape);
  expect(kept).toBe(limits.manifestHistoryMax);
});

it("I1: operations and records are kept, each of them", () => {
  for (const role of ["docs", "chunks"] as const) {
    expect(streamConfig(role, shape).max_msgs_per_subject).toBeUndefined();
    expect(streamConfig(role, shape).max_age).toBe(0);
  }
});
