/**
 * How a new log divides a small disk among its streams, on a model of three servers: what each has
 * reserved, and what the leader of the cluster has heard of it, which may be old.
 */

import fc from "fast-check";
import { NatsError, type StreamConfig, type StreamInfo } from "nats";
import { describe, expect, it } from "vitest";
import { FreshetError } from "../../src/contract/errors.ts";
import { limits } from "../../src/contract/limits.ts";
import { silentLogger } from "../../src/contract/observation.ts";
import {
  createFirstStream,
  createStream,
  halvingsMax,
  plannedBytes,
  plannedSumBytes,
} from "../../src/log/nats/room.ts";
import { streamNames, streamRoles } from "../../src/log/nats/streams.ts";
import { runs } from "../support/runs.ts";

const shape = { partitions: 8, replicas: 3, leaseMs: 9_000, incarnation: 3 };
const attemptsMax = 100;

type Api = Parameters<typeof createStream>[0];
type Step = <Value>(call: () => Value) => Promise<Value>;

function refusal(code: number, description: string): NatsError {
  const error = new NatsError(description, String(code));
  error.api_error = { code: code === 10059 ? 404 : 400, err_code: code, description };
  return error;
}

const noStorage = "no suitable peers for placement, insufficient storage";

class Servers {
  readonly streams = new Map<string, StreamConfig>();
  readonly #bytesMax: number;
  #othersBytes = 0;
  #heardBytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get reservedBytes(): number {
    const own = [...this.streams.values()].map(({ max_bytes }) => max_bytes);
    return own.reduce((sum, bytes) => sum + bytes, this.#othersBytes);
  }

  /** Streams that are not of the log. */
  take(bytes: number): void {
    this.#othersBytes += bytes;
  }

  /** The leader hears what every server has reserved. */
  hear(): void {
    this.#heardBytes = this.reservedBytes;
  }

  /** What a node calls; each call takes effect at its turn. */
  api(step: Step): Api {
    const info = (name: string): StreamInfo => {
      const config = this.streams.get(name);
      if (config === undefined) throw refusal(10059, "stream not found");
      return { config } as StreamInfo;
    };
    const streams = {
      info: (name: string) => step(() => info(name)),
      add: (config: StreamConfig) => step(() => this.#add(config)),
      update: (name: string, change: Partial<StreamConfig>) =>
        step(() => {
          this.streams.set(name, { ...info(name).config, ...change });
        }),
    };
    return { jsm: { streams }, logger: silentLogger } as unknown as Api;
  }

  #add(config: StreamConfig): void {
    const { name, max_bytes: bytes } = config;
    if (this.streams.has(name)) throw refusal(10058, "stream name already in use");
    if (bytes > this.#bytesMax - this.#heardBytes) throw refusal(10005, noStorage);
    if (bytes > this.#bytesMax - this.reservedBytes) {
      throw refusal(10047, "insufficient storage resources available");
    }
    this.streams.set(name, config);
  }
}

const roles = ["leases", "deadLetters", "heads", "docs", "chunks"] as const;

/** One node that opens a new log; `mayShrinkFrom`: the attempt that has waited long enough. */
async function open(servers: Servers, step: Step, mayShrinkFrom = attemptsMax): Promise<void> {
  const api = servers.api(step);
  for (let attempt = 0; ; attempt += 1) {
    try {
      await createFirstStream(api, shape);
      const mayShrink = attempt >= mayShrinkFrom;
      for (const role of roles) await createStream(api, { ...shape, role, mayShrink });
      return;
    } catch (thrown) {
      const isPassing = thrown instanceof FreshetError && thrown.code === "log_unavailable";
      if (!isPassing || attempt === attemptsMax) throw thrown;
    }
    // A heartbeat comes once in a while.
    if (attempt % 3 === 2) servers.hear();
  }
}

const atOnce: Step = async (call) => call();
const sizes = (servers: Servers) =>
  streamRoles.map((role) => servers.streams.get(streamNames[role])?.max_bytes);
const planned = (halvings: number) => streamRoles.map((role) => plannedBytes(role, halvings));
/** The fewest halvings with which the log fits. */
const fitting = (bytes: number): number => {
  let halvings = 0;
  while (plannedSumBytes(halvings) > bytes) halvings += 1;
  return halvings;
};

const least = plannedSumBytes(halvingsMax);
const roomy = fc.integer({ min: least, max: 2 * plannedSumBytes(0) });

describe("streams of a new log", () => {
  it("have the sizes that are wanted where there is room, and the least after the last halving", () => {
    expect(plannedBytes("chunks", 0)).toBe(limits.chunksBytesMax);
    expect(new Set(planned(halvingsMax))).toEqual(new Set([limits.streamBytesMin]));
    expect(plannedBytes("chunks", halvingsMax - 1)).toBeGreaterThan(limits.streamBytesMin);
  });

  it("fit all together and no smaller than need be, however two nodes that start at once meet (RO1)", async () => {
    const property = fc.asyncProperty(roomy, fc.scheduler(), async (bytes, scheduler) => {
      const servers = new Servers(bytes);
      const step: Step = async (call) => {
        await scheduler.schedule(Promise.resolve());
        return call();
      };
      const heard = scheduler.scheduleSequence(
        Array.from({ length: 4 }, () => async () => servers.hear()),
      );
      const nodes = [open(servers, step), open(servers, step)];
      await scheduler.waitFor(Promise.all([...nodes, heard.task]));
      expect(servers.reservedBytes).toBeLessThanOrEqual(bytes);
      expect(sizes(servers)).toEqual(planned(fitting(bytes)));
    });
    await fc.assert(property, { numRuns: runs(300) });
  });

  it("fit also when the node that began the log ended at any call", async () => {
    const property = fc.asyncProperty(roomy, fc.nat(24), async (bytes, calls) => {
      const servers = new Servers(bytes);
      let left = calls;
      const ending: Step = async (call) => {
        if (left === 0) throw new RangeError("killed");
        left -= 1;
        return call();
      };
      await open(servers, ending).catch((thrown: unknown) => {
        expect(thrown).toHaveProperty("message", "killed");
      });
      servers.hear();
      await open(servers, atOnce);
      expect(sizes(servers)).toEqual(planned(fitting(bytes)));
    });
    await fc.assert(property, { numRuns: runs(300) });
  });

  it("make do with less when others take the room that was planned (RO2)", async () => {
    const servers = new Servers(4 * 1024 ** 3);
    await createFirstStream(servers.api(atOnce), shape);
    servers.take(3 * 1024 ** 3);
    await open(servers, atOnce, 6);
    expect(sizes(servers)).not.toContain(undefined);
    expect(servers.reservedBytes).toBeLessThanOrEqual(4 * 1024 ** 3);
    expect(servers.streams.get(streamNames.chunks)?.max_bytes).toBeLessThan(
      plannedBytes("chunks", fitting(4 * 1024 ** 3)),
    );
  });

  it("wait for room before they make do with less: what is taken may be known late (RO2)", async () => {
    const servers = new Servers(4 * 1024 ** 3);
    const api = servers.api(atOnce);
    await createFirstStream(api, shape);
    servers.take(3 * 1024 ** 3);
    servers.hear();
    const request = { ...shape, role: "chunks", mayShrink: false } as const;
    await expect(createStream(api, request)).rejects.toMatchObject({ code: "log_unavailable" });
  });

  it("are refused where not even the smallest fit, with what a cluster may still find (I11)", async () => {
    for (const heard of [true, false]) {
      const servers = new Servers(least - 1);
      if (heard) servers.hear();
      await expect(createFirstStream(servers.api(atOnce), shape)).rejects.toMatchObject({
        code: "log_unavailable",
      });
    }
  });
});
