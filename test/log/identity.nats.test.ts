/** L5, and what only a real server can show: its transform, its crash, its recreated streams. */

import { connect } from "nats";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { resolveAddresses } from "../../src/cli/addresses.ts";
import { connectLog } from "../../src/cli/connect.ts";
import {
  incarnationSpan,
  type Position,
  partitionOf,
  tenantId,
  type Version,
} from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { emptyManifest } from "../../src/contract/manifest.ts";
import { silentLogger, silentMetrics } from "../../src/contract/observation.ts";
import { openConnection } from "../../src/log/nats/connection.ts";
import { messageHeaders } from "../../src/log/nats/publish.ts";
import { NatsStreamCopies } from "../../src/log/nats/stream-copies.ts";
import { conditionHeaders } from "../../src/log/wire/record.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { type PrivateNats, startPrivateNats } from "../support/private-nats.ts";
import {
  connectTo,
  loseNextAnswer,
  loseNextAppendAck,
  manifestSubject,
  testPartitions,
} from "./nats-harness.ts";
import { appendAll, collect, fence, removal, upsert } from "./records.ts";

const refused = { code: "log_identity", retryable: false };
const demo = tenantId("demo");
const manifests = "KV_freshet_manifests";
const payload = new TextEncoder().encode("{}");
let server: PrivateNats;

beforeEach(async () => {
  server = await startPrivateNats();
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
});

describe("a log on JetStream", () => {
  it("is whole after it was created, also for a second node and after a restart", async () => {
    const nodes = await Promise.all([connectTo(server), connectTo(server)]);
    const [log] = nodes;
    const { seq } = await log.docs.publish({ tenant: demo, payload });
    await Promise.all(nodes.map((node) => node.close()));
    await server.restart();
    const again = await connectTo(server);
    expect(await again.docs.lastVersion(demo)).toBe(seq);
    await again.close();
  });

  it("is not begun beside a restore that is under way or was cut off, which is named (BK2)", async () => {
    const reports = { clock: systemClock, logger: silentLogger, metrics: silentMetrics };
    const copies = new NatsStreamCopies(await openConnection({ servers: server.url }, reports));
    await copies.setRestoring("some backup");
    const beside = connectTo(server);
    await expect(beside).rejects.toMatchObject({
      ...refused,
      message: expect.stringContaining("run freshet backup restore again"),
    });
    expect(await copies.names()).toEqual(["FRESHET_RESTORE"]);
    await copies.setRestoring(null);
    await (await connectTo(server)).close();
    await copies.close();
  });

  it("is not created by a process that only reads, and the command line says so", async () => {
    const looking = connectTo(server, { creates: false });
    await expect(looking).rejects.toMatchObject({ code: "not_ready" });
    const addresses = resolveAddresses({ nats: server.url }, {});
    await expect(connectLog(addresses)).rejects.toThrow(/no Freshet log .* start an engine/);
    const client = await connect({ servers: server.url });
    const manager = await client.jetstreamManager();
    expect(await manager.streams.names().next()).toEqual([]);
    const log = await connectTo(server);
    await manager.streams.delete("KV_freshet_leases");
    await expect(connectLog(addresses)).rejects.toThrow(/KV_freshet_leases is missing: an engine/);
    expect(await manager.streams.names().next()).not.toContain("KV_freshet_leases");
    await log.close();
    await client.close();
  });

  it("of an earlier version keeps its manifests as long as a new one, once it was opened", async () => {
    const log = await connectTo(server);
    const manager = await log.connection.jetstreamManager();
    const kept = async () => (await manager.streams.info(manifests)).config.max_msgs_per_subject;
    await manager.streams.update(manifests, { max_msgs_per_subject: 1 });
    await log.manifests.commit(demo, { ...emptyManifest, workflowId: "one" }, 0);
    const again = await connectTo(server);
    expect(await kept()).toBe(limits.manifestHistoryMax);
    await log.connection.jetstream().publish(manifestSubject(demo), "{}");
    expect((await again.manifests.get(demo))?.manifest.workflowId).toBe("one");
    await Promise.all([log.close(), again.close()]);
  });

  it("starts and runs over a foreign identity, and over foreign and damaged ends of CHUNKS", async () => {
    const log = await connectTo(server);
    const publish = (subject: string, headers: Readonly<Record<string, string>> = {}) =>
      log.connection.jetstream().publish(subject, "{}", { headers: messageHeaders(headers) });
    const [position = 0] = await appendAll(log.chunks, [
      fence({ tenant: demo, version: 0, epoch: 1 }),
    ]);
    // Epochs are sequences of the lease stream: one above its end would be a lost tail.
    await log.leases.acquire(0 as never, "node-a");
    await publish("$KV.freshet_manifests.identity");
    await publish("$KV.freshet_manifests.tenant.somebody");
    await publish("chunks.0.somebody");
    await publish("chunks.0.else", { ...conditionHeaders(0), "Freshet-Kind": "fence" });
    await publish(`chunks.${(partitionOf(demo, testPartitions) + 1) % testPartitions}.${demo}`);
    await expect(log.checkIdentity()).resolves.toBeUndefined();
    const again = await connectTo(server);
    expect(await again.chunks.last(demo)).toMatchObject({ position });
    const partitions = Array.from({ length: testPartitions }, (_, at) => at as never);
    const lists = await Promise.all(partitions.map((partition) => again.chunks.tenants(partition)));
    expect(lists.flat().filter((tenant) => tenant === demo)).toEqual([demo]);
    for (let at = 0; at < limits.manifestHistoryMax; at += 1) {
      await publish("$KV.freshet_manifests.identity");
    }
    await expect(again.checkIdentity()).resolves.toBeUndefined();
    await expect(connectTo(server)).rejects.toThrow("quarantined-record.md");
    await Promise.all([log.close(), again.close()]);
  });

  it("refuses another partition count and names the right one", async () => {
    const log = await connectTo(server);
    await log.close();
    const attempt = connectTo(server, { partitions: testPartitions + 1 });
    await expect(attempt).rejects.toMatchObject(refused);
    await expect(attempt).rejects.toThrow(`configure ${testPartitions}`);
  });

  it.each(["DOCS", "CHUNKS", "HEADS"])("refuses service when %s was deleted", async (stream) => {
    const log = await connectTo(server);
    const manager = await log.connection.jetstreamManager();
    await manager.streams.delete(stream);
    await expect(log.checkIdentity()).rejects.toMatchObject(refused);
    await log.close();
    await expect(connectTo(server)).rejects.toThrow(/delete the streams/);
  });

  it("refuses a DOCS that was recreated by hand, also to a reader that is under way", async () => {
    const log = await connectTo(server);
    await log.docs.publish({ tenant: demo, payload });
    const partition = partitionOf(demo, testPartitions);
    const { signal } = new AbortController();
    const reading = log.docs.read({ partition, from: 0 as Version, signal });
    const iterator = reading[Symbol.asyncIterator]();
    await iterator.next();
    const manager = await log.connection.jetstreamManager();
    const { config } = await manager.streams.info("DOCS");
    // It may hear of it before there is another one.
    const next = expect(iterator.next()).rejects.toMatchObject(refused);
    await manager.streams.delete("DOCS");
    await manager.streams.add({ ...config, metadata: {}, first_seq: 1 });
    await next;
    await expect(log.docs.publish({ tenant: demo, payload })).rejects.toMatchObject(refused);
    await expect(log.checkIdentity()).rejects.toMatchObject(refused);
    await log.close();
  });

  it("refuses a CHUNKS that ends before the watermark: its tail was lost", async () => {
    const log = await connectTo(server);
    const [at = 0] = await appendAll(log.chunks, [fence({ tenant: demo, version: 0, epoch: 1 })]);
    const incarnation = Math.floor(at / incarnationSpan);
    const to = (at + 10) as Position;
    await log.manifests.commit(demo, { ...emptyManifest, to, incarnation }, 0);
    await expect(log.checkIdentity()).rejects.toThrow(/CHUNKS ends before/);
    await log.close();
  });

  it("refuses a DOCS that ends before the newest record of CHUNKS", async () => {
    const log = await connectTo(server);
    const { seq } = await log.docs.publish({ tenant: demo, payload });
    await appendAll(log.chunks, [removal({ tenant: demo, version: seq + 1, epoch: 1 }, "a")]);
    await expect(log.checkIdentity()).rejects.toThrow(/DOCS ends before/);
    await log.close();
  });

  it("creates lost leases and dead letters again, with epochs above earlier ones", async () => {
    const log = await connectTo(server);
    const before = await log.leases.acquire(0 as never, "node-a");
    const manager = await log.connection.jetstreamManager();
    await manager.streams.delete("KV_freshet_leases");
    await manager.streams.delete("DLQ");
    await log.close();
    const again = await connectTo(server);
    const after = await again.leases.acquire(0 as never, "node-b");
    expect(after?.epoch).toBeGreaterThan(before?.epoch ?? 0);
    expect(await again.deadLetters.list(demo, 1)).toEqual([]);
    await again.close();
  });

  it("keeps epochs rising when every lease has expired and the server was killed", async () => {
    const log = await connectTo(server, { leaseMs: 500 });
    const before = await log.leases.acquire(0 as never, "node-a");
    while ((await log.leases.holder(0 as never)) !== null) await log.docs.lastSequence();
    await log.close();
    await server.kill();
    await server.restart();
    const again = await connectTo(server, { leaseMs: 500 });
    const after = await again.leases.acquire(0 as never, "node-b");
    expect(after?.epoch).toBeGreaterThan(before?.epoch ?? 0);
    await again.close();
  });

  it("remembers its model over a killed server and a foreign message, and refuses a lost one", async () => {
    const log = await connectTo(server);
    const claimed = { text: "a", vector: Float32Array.of(0.6, 0.8), name: "first" };
    expect(await log.claimModel(claimed)).toEqual(claimed);
    await log.close();
    await server.kill();
    await server.restart();
    const again = await connectTo(server);
    expect(await again.claimModel({ ...claimed, name: "second" })).toEqual(claimed);
    const stream = again.connection.jetstream();
    await stream.publish("$KV.freshet_manifests.model", "{}");
    expect(await again.claimModel(claimed)).toEqual(claimed);
    for (let at = 1; at < limits.manifestHistoryMax; at += 1) {
      await stream.publish("$KV.freshet_manifests.model", "{}");
    }
    await expect(again.claimModel(claimed)).rejects.toMatchObject(refused);
    await again.close();
  });

  it("takes a claim whose answer was lost for what it is: stored", async () => {
    const log = await connectTo(server);
    loseNextAnswer(log, "$KV.freshet_manifests.model");
    const claimed = { text: "a", vector: Float32Array.of(0.6, 0.8), name: "first" };
    expect(await log.claimModel(claimed)).toEqual(claimed);
    await log.close();
  });

  it("names the server that does not answer", async () => {
    const url = "nats://user:secret@127.0.0.1:1";
    const attempt = connectTo(server, { servers: url, connectMs: 0 });
    await expect(attempt).rejects.toMatchObject({ code: "log_unavailable" });
    await expect(attempt).rejects.toThrow("nats at nats://127.0.0.1:1 does not answer");
  });
});

describe("a full or narrow log", () => {
  it("refuses publishers as overloaded, and takes documents when there is room (I11)", async () => {
    const log = await connectTo(server);
    const manager = await log.connection.jetstreamManager();
    const { seq } = await log.docs.publish({ tenant: demo, payload: new Uint8Array(2_000) });
    await manager.streams.update("DOCS", { max_bytes: 3_000 });
    const large = { tenant: demo, payload: new Uint8Array(2_000) };
    const full = { code: "overloaded", retryable: true };
    await expect(log.docs.publish(large)).rejects.toMatchObject(full);
    expect(await log.docs.lastVersion(demo)).toBe(seq);
    await manager.streams.update("DOCS", { max_bytes: 100_000 });
    expect((await log.docs.publish(large)).seq).toBe(seq + 1);
    await log.close();
  });

  it("refuses a record above the payload limit, and the tenant continues", async () => {
    const log = await connectTo(server);
    const origin = { tenant: demo, version: 1, epoch: 1 };
    const huge = upsert(origin, "a", "x".repeat(4 * 1024 * 1024));
    const attempt = log.chunks.append(huge, 0 as Position);
    await expect(attempt).rejects.toMatchObject({ code: "document_too_large" });
    expect(await appendAll(log.chunks, [upsert(origin, "a")])).toHaveLength(1);
    await log.close();
  });

  it("reads records of some megabytes one page after the other", async () => {
    const log = await connectTo(server);
    const text = "x".repeat(3_500_000);
    const records = Array.from({ length: 8 }, (_, index) =>
      upsert({ tenant: demo, version: index, epoch: 1 }, `d${index}`, text),
    );
    const positions = await appendAll(log.chunks, records);
    const to = positions.at(-1) ?? (0 as Position);
    const found = await collect(log.chunks.read({ tenant: demo, after: 0 as Position, to }));
    expect(found.map(({ position }) => position)).toEqual(positions);
    await log.close();
  });
});

describe("partitions", () => {
  it("are computed as the server's transform does, for 500 tenants", async () => {
    const log = await connectTo(server);
    const tenants = Array.from({ length: 500 }, (_, index) =>
      tenantId(`${"aZ_-9".charAt(index % 5)}tenant-${index}_${"x".repeat(index % 40)}`),
    );
    await Promise.all(tenants.map((tenant) => log.docs.publish({ tenant, payload })));
    const placed = new Map<string, number>();
    for (let partition = 0; partition < testPartitions; partition += 1) {
      for (const tenant of await log.docs.tenants(partition as never))
        placed.set(tenant, partition);
    }
    const wanted = new Map(tenants.map((tenant) => [tenant, partitionOf(tenant, testPartitions)]));
    expect(placed).toEqual(wanted);
    await log.close();
  });
});

describe("a server that is killed", () => {
  it("loses no acknowledged publish and no acknowledged append (I1)", async () => {
    const log = await connectTo(server);
    const acked: number[] = [];
    const appended: Position[] = [];
    let down = false;
    const publisher = async (): Promise<void> => {
      while (!down) {
        const result = await log.docs.publish({ tenant: demo, payload }).catch(() => undefined);
        if (result !== undefined) acked.push(result.seq);
      }
    };
    const appender = async (): Promise<void> => {
      while (!down) {
        const record = removal({ tenant: demo, version: 0, epoch: 1 }, `d${appended.length}`);
        const outcome = await log.chunks.append(record, appended.at(-1) ?? (0 as Position));
        if (outcome.kind !== "appended") return expect.fail(`append was ${outcome.kind}`);
        appended.push(outcome.position);
      }
    };
    const publishers = Array.from({ length: 16 }, publisher);
    const appending = appender();
    while (acked.length < 300 || appended.length < 30) await log.docs.lastSequence();
    await server.kill();
    await server.restart();
    down = true;
    await Promise.all([...publishers, appending]);

    const found = await log.docs.readTenant({ tenant: demo, after: 0 as Version, max: 100_000 });
    const stored = new Set<number>(found.map(({ version }) => version));
    expect(acked.filter((seq) => !stored.has(seq))).toEqual([]);
    const to = appended.at(-1) ?? (0 as Position);
    const chain = await collect(log.chunks.headers({ tenant: demo, after: 0 as Position, to }));
    expect(chain.map(({ position }) => position)).toEqual(appended);
    await log.checkIdentity();
    await log.close();
  });

  it("does not end a reader: it continues where it was", async () => {
    const log = await connectTo(server);
    const end = new AbortController();
    const read = log.docs.read({
      partition: partitionOf(demo, testPartitions),
      from: 0 as Version,
      signal: end.signal,
    });
    const iterator = read[Symbol.asyncIterator]();
    const { seq } = await log.docs.publish({ tenant: demo, payload });
    expect((await iterator.next()).value?.version).toBe(seq);
    const next = iterator.next();
    await server.kill();
    await server.restart();
    let later: Version | undefined;
    while (later === undefined) {
      later = await log.docs.publish({ tenant: demo, payload }).then(
        (result) => result.seq,
        () => undefined,
      );
    }
    expect((await next).value?.version).toBeGreaterThan(seq);
    end.abort();
    expect(await iterator.next()).toMatchObject({ done: true });
    await log.close();
  });

  it("resolves an append whose answer was lost, though a newer owner has fenced since", async () => {
    const log = await connectTo(server);
    const other = await connectTo(server);
    const [at = 0 as Position] = await appendAll(log.chunks, [
      fence({ tenant: demo, version: 0, epoch: 1 }),
    ]);
    const taken = fence({ tenant: demo, version: 0, epoch: 2 });
    await appendAll(other.chunks, [taken], at);
    loseNextAppendAck(log);
    const late = await log.chunks.append(removal({ tenant: demo, version: 1, epoch: 1 }, "a"), at);
    expect(late).toMatchObject({ kind: "fenced", by: { kind: "fence", epoch: 2 } });
    await Promise.all([log.close(), other.close()]);
  });
});
