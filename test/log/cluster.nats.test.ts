/**
 * The log on a cluster of three servers, with three copies of each stream: the conformance suite,
 * and what only a cluster does. Servers are killed and frozen while writers race, and nothing that
 * was acknowledged is lost.
 */

import type { JetStreamManager, StreamInfo } from "nats";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Position, partitionOf, tenantId, type Version } from "../../src/contract/ids.ts";
import type { NatsLog } from "../../src/log/nats/log.ts";
import { streamNames } from "../../src/log/nats/streams.ts";
import type { Log } from "../../src/log/port.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { type NatsCluster, startNatsCluster } from "../support/nats-cluster.ts";
import { startPrivateNats } from "../support/private-nats.ts";
import { describeLog } from "./conformance.ts";
import { connectTo, harnessOf, rewriteAnswers } from "./nats-harness.ts";
import { collect, fence, upsert } from "./records.ts";

const payload = new TextEncoder().encode("{}");
const replicas = 3;
let cluster: NatsCluster;

beforeAll(async () => {
  cluster = await startNatsCluster();
}, 60_000);
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

describeLog("a NATS cluster of three", () => harnessOf(cluster, { replicas }));

/** Who leads a stream now; waits for an election. */
async function leaderOf(manager: JetStreamManager, stream: string): Promise<string> {
  for (;;) {
    const info = await manager.streams.info(stream).catch(() => undefined);
    if (info?.cluster?.leader !== undefined && info.cluster.leader !== "")
      return info.cluster.leader;
    await systemClock.sleep(100);
  }
}

/** What one writer or publisher was told; anything but "the log does not answer" ends the test. */
class Told {
  readonly acked: number[] = [];
  readonly failures: string[] = [];

  async of(call: () => Promise<number | undefined>): Promise<void> {
    try {
      const acked = await call();
      if (acked !== undefined) this.acked.push(acked);
    } catch (thrown) {
      const { code, message } = thrown as { code?: string; message: string };
      if (code !== "log_unavailable") this.failures.push(`${code}: ${message}`);
      await systemClock.sleep(50);
    }
  }
}

/** Asked again as long as the log says that it does not answer: its copies may still be electing. */
async function patiently<Value>(call: () => Promise<Value>): Promise<Value> {
  for (;;) {
    try {
      return await call();
    } catch (thrown) {
      if ((thrown as { code?: string }).code !== "log_unavailable") throw thrown;
      await systemClock.sleep(100);
    }
  }
}

/**
 * Two writers of one tenant's chain, of the same epoch: each knows only what it has read or
 * written.
 */
async function race(logs: readonly Log[], tenant: ReturnType<typeof tenantId>, ends: AbortSignal) {
  const told = new Told();
  const writers = logs.map(async ({ chunks }, writer) => {
    let last = 0 as Position;
    for (let index = 0; !ends.aborted; index += 1) {
      await told.of(async () => {
        const version = writer * 1_000_000 + index;
        const record = upsert({ tenant, version, epoch: 1 }, `document ${writer} ${index}`);
        const outcome = await chunks.append(record, last);
        if (outcome.kind === "appended") {
          last = outcome.position;
          return last;
        }
        last = (await chunks.last(tenant))?.position ?? (0 as Position);
        return undefined;
      });
    }
  });
  await Promise.all(writers);
  return told;
}

async function publishing(log: Log, tenant: ReturnType<typeof tenantId>, ends: AbortSignal) {
  const told = new Told();
  while (!ends.aborted) {
    await told.of(async () => (await log.docs.publish({ tenant, payload })).seq);
  }
  return told;
}

describe("a cluster in trouble", () => {
  let logs: readonly [NatsLog, NatsLog];
  let manager: JetStreamManager;

  beforeAll(async () => {
    logs = [await connectTo(cluster, { replicas }), await connectTo(cluster, { replicas })];
    manager = await logs[0].connection.jetstreamManager();
  }, 30_000);
  afterAll(async () => {
    await Promise.all(logs.map((log) => log.close()));
  });

  it("has three copies of every stream, and no stream that a follower answers for", async () => {
    for (const name of Object.values(streamNames)) {
      const { config, cluster: place } = await manager.streams.info(name);
      expect([name, config.num_replicas, place?.replicas?.length]).toEqual([name, 3, 2]);
      expect([name, config.allow_direct]).toEqual([name, false]);
    }
  });

  it("adds the copies that an existing log lacks, and takes none away", async () => {
    await manager.streams.update(streamNames.heads, { num_replicas: 1 });
    const more = await connectTo(cluster, { replicas });
    const copies = async () => (await manager.streams.info(streamNames.heads)).config.num_replicas;
    expect(await copies()).toBe(3);
    const fewer = await connectTo(cluster);
    expect(await copies()).toBe(3);
    await Promise.all([more.close(), fewer.close()]);
  });

  it("reads what was acknowledged a moment ago, while its copies are busy (L8, I1)", async () => {
    const tenant = tenantId("right-after-an-ack");
    const [log, other] = logs;
    const ends = new AbortController();
    const large = new Uint8Array(20_000);
    const load = ["x1", "x2", "x3", "x4"].map(async (name) => {
      while (!ends.signal.aborted)
        await log.docs.publish({ tenant: tenantId(name), payload: large });
    });
    for (let index = 0; index < 60; index += 1) {
      const { seq } = await log.docs.publish({ tenant, payload });
      const after = (seq - 1) as Version;
      const read = await other.docs.readTenant({ tenant, after, max: 10 });
      expect(read.map(({ version }) => version)).toEqual([seq]);
      expect(await other.docs.nextVersion({ tenant, after })).toBe(seq);
    }
    ends.abort();
    await Promise.all(load);
  });

  describe("a leader that says less than was seen", () => {
    /**
     * The next `answers` about DOCS come from one that ends one message earlier; it has heard its
     * followers so long ago.
     */
    const older = (log: NatsLog, answers: number, silentMs: number): (() => void) => {
      let left = answers;
      return rewriteAnswers(log, "$JS.API.STREAM.INFO.DOCS", (info) => {
        if (left === 0) return info;
        left -= 1;
        const { state, cluster: at } = info as unknown as StreamInfo;
        const replicas = at?.replicas?.map((one) => ({ ...one, active: silentMs * 1_000_000 }));
        const shorter = { ...state, last_seq: state.last_seq - 1 };
        return { ...info, state: shorter, cluster: { ...at, replicas } };
      });
    };

    it("is asked again: one that was frozen answers so for some milliseconds", async () => {
      const [log] = logs;
      const { seq } = await log.docs.publish({ tenant: tenantId("frozen"), payload });
      const end = older(log, 3, 100);
      expect(await log.docs.lastSequence()).toBeGreaterThanOrEqual(seq);
      end();
    });

    it("has lost its tail when its followers hear it, else it is cut off", async () => {
      const tenant = tenantId("shorter");
      const asked = logs.map(async (log, index) => {
        await log.docs.publish({ tenant, payload });
        await log.checkIdentity();
        const end = older(log, 1_000, index === 0 ? 100 : 20_000);
        const outcome = await log.docs.lastSequence().catch((thrown: unknown) => thrown);
        end();
        return outcome;
      });
      const [lost, cutOff] = await Promise.all(asked);
      expect(lost).toMatchObject({ code: "log_identity" });
      expect(cutOff).toMatchObject({ code: "log_unavailable" });
    });
  });

  it("stores both operations of two publishers under one key, for their owner to compare", async () => {
    const tenant = tenantId("same-key");
    for (let index = 0; index < 40; index += 1) {
      const message = { tenant, payload, messageId: `key-${index}` };
      const stored = await Promise.all(logs.map((log) => log.docs.publish(message)));
      const versions = stored.map(({ seq }) => seq).sort();
      const found = await logs[0].docs.readTenant({ tenant, after: 0 as Version, max: 100 });
      const named = found.filter(({ messageId }) => messageId === message.messageId);
      expect(named.map(({ version }) => version)).toEqual(versions);
      expect(new Set(versions).size).toBe(2);
    }
  });

  it("loses no acknowledged message when a leader steps down, one dies, a copy lags (I1, L2)", async () => {
    const tenant = tenantId("storm");
    await logs[0].chunks.append(fence({ tenant, version: 0, epoch: 1 }), 0 as Position);
    const ends = new AbortController();
    const work = Promise.all([
      race(logs, tenant, ends.signal),
      publishing(logs[0], tenant, ends.signal),
      publishing(logs[1], tenant, ends.signal),
    ]);
    const pause = (ms: number) => systemClock.sleep(ms);
    await pause(500);
    for (const stream of [streamNames.chunks, streamNames.docs]) {
      await logs[0].connection.request(`$JS.API.STREAM.LEADER.STEPDOWN.${stream}`, "", {
        timeout: 5_000,
      });
    }
    await pause(1_500);
    const leader = await leaderOf(manager, streamNames.chunks);
    const follower = cluster.servers.find(({ name }) => name !== leader);
    follower?.freeze();
    await pause(1_500);
    follower?.thaw();
    await pause(500);
    const victim = cluster.server(await leaderOf(manager, streamNames.docs));
    await victim.kill();
    await pause(5_000);
    await victim.start();
    await pause(1_500);
    ends.abort();
    const [appends, ...publishes] = await work;
    expect([appends, ...publishes].flatMap(({ failures }) => failures)).toEqual([]);
    expect(appends.acked.length).toBeGreaterThan(50);
    const [log] = logs;
    const last = await patiently(() => log.chunks.last(tenant));
    const range = { tenant, after: 0 as Position, to: last?.position ?? (0 as Position) };
    // An unbroken chain: what two writers wrote is one order, and each acknowledged append is in
    // it.
    const chain = new Set(
      (await patiently(() => collect(log.chunks.headers(range)))).map(({ position }) => position),
    );
    expect(appends.acked.filter((position) => !chain.has(position as Position))).toEqual([]);
    const stored = new Set<number>();
    for (let after = 0 as Version; ; ) {
      const range = { tenant, after, max: 1_000 };
      const page = await patiently(() => log.docs.readTenant(range));
      for (const { version } of page) stored.add(version);
      if (page.length < 1_000) break;
      after = page.at(-1)?.version ?? after;
    }
    const acked = publishes.flatMap((told) => told.acked);
    expect(acked.length).toBeGreaterThan(100);
    expect(acked.filter((seq) => !stored.has(seq))).toEqual([]);
    await expect(patiently(() => log.checkIdentity())).resolves.toBeUndefined();
  }, 60_000);

  it("a reader of a partition continues through the death of the server that serves it", async () => {
    const tenant = tenantId("endless");
    const [log] = logs;
    const from = ((await log.docs.lastSequence()) + 1) as Version;
    const ends = new AbortController();
    const partition = partitionOf(tenant, log.partitions);
    const reading = log.docs.read({ partition, from, signal: ends.signal });
    const iterator = reading[Symbol.asyncIterator]();
    const first = iterator.next();
    const { seq } = await log.docs.publish({ tenant, payload });
    expect((await first).value).toMatchObject({ version: seq });
    const { consumers } = manager;
    const hosts = (await consumers.list(streamNames.docs).next()).map(
      ({ cluster: at }) => at?.leader,
    );
    const host = cluster.server(hosts[0] ?? "");
    const second = iterator.next();
    await host.kill();
    const told = new Told();
    while (told.acked.length === 0) {
      await told.of(async () => (await log.docs.publish({ tenant, payload })).seq);
    }
    expect((await second).value).toMatchObject({ version: told.acked[0] });
    ends.abort();
    await host.start();
  }, 60_000);
});

describe("a cluster that is small", () => {
  it("gives streams the room that it has, to two nodes that start at once", async () => {
    const storeBytesMax = 1024 * 1024 * 1024;
    await using small = await startNatsCluster({ storeBytesMax });
    const logs = await Promise.all([1, 2].map(() => connectTo(small, { replicas })));
    const usage = (await logs[0]?.usage()) ?? [];
    expect(usage.map(({ stream }) => stream).toSorted()).toEqual([
      "CHUNKS",
      "DLQ",
      "DOCS",
      "HEADS",
    ]);
    const sizes = new Map(usage.map(({ stream, bytesMax }) => [stream, bytesMax]));
    const sum = [...sizes.values()].reduce((bytes, more) => bytes + more, 0);
    expect(sum).toBeLessThanOrEqual(storeBytesMax);
    expect(sum).toBeGreaterThan(storeBytesMax / 4);
    expect(sizes.get("CHUNKS")).toBe(2 * (sizes.get("DOCS") ?? 0));
    await Promise.all(logs.map((log) => log.close()));
  }, 60_000);

  it("with too few servers for the copies says so, and what to do", async () => {
    const connectMs = 1_000;
    await using single = await startPrivateNats();
    const attempt = connectTo(single, { replicas, connectMs });
    await expect(attempt).rejects.toMatchObject({ code: "log_unavailable" });
    await expect(attempt).rejects.toThrow(/lower FRESHET_STREAM_REPLICAS/);
  }, 60_000);
});
