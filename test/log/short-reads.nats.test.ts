/**
 * NP2, L8: what a consumer says about itself decides nothing; NP4: no message is too large to be
 * read past.
 */

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Position, partitionOf, tenantId, type Version } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { emptyManifest } from "../../src/contract/manifest.ts";
import type { NatsLog } from "../../src/log/nats/log.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { type PrivateNats, startPrivateNats } from "../support/private-nats.ts";
import { connectTo, rewriteAnswers, testPartitions } from "./nats-harness.ts";
import { removal, take } from "./records.ts";

const demo = tenantId("demo");
const zero = 0 as Version;
const payload = new TextEncoder().encode("{}");
let server: PrivateNats;
let log: NatsLog;

async function open(maxPayloadBytes?: number): Promise<void> {
  server = await startPrivateNats({ maxPayloadBytes });
  log = await connectTo(server);
}
afterEach(async () => {
  await log.close();
  await server[Symbol.asyncDispose]();
});

/** As on a copy that lags: every consumer that is created says that nothing is there for it. */
function nothingPending(of: NatsLog): void {
  rewriteAnswers(of, "$JS.API.CONSUMER.CREATE.", (info) => ({ ...info, num_pending: 0 }));
}

describe("a consumer that claims that there is nothing", () => {
  beforeEach(() => open());

  it("hides no acknowledged operation from a bounded read (I1)", async () => {
    const published = [];
    for (let index = 0; index < 3; index += 1) {
      published.push((await log.docs.publish({ tenant: demo, payload })).seq);
    }
    nothingPending(log);
    const read = await log.docs.readTenant({ tenant: demo, after: zero, max: 10 });
    expect(read.map(({ version }) => version)).toEqual(published);
  });

  it("makes retention take nothing for old that is young", async () => {
    const { seq } = await log.docs.publish({ tenant: demo, payload });
    nothingPending(log);
    expect(await log.docs.firstSince(systemClock.nowMs() - 60_000)).toBe(seq);
  });

  it("hides no manifest from the comparison with the log", async () => {
    const { position } = (await log.chunks.append(
      removal({ tenant: demo, version: 0, epoch: 1 }, "a"),
      0 as Position,
    )) as { position: Position };
    const incarnation = Math.floor(position / 2 ** 40);
    const to = (position + 10) as Position;
    await log.manifests.commit(demo, { ...emptyManifest, to, incarnation }, 0);
    nothingPending(log);
    await expect(log.checkIdentity()).rejects.toThrow(/CHUNKS ends before/);
  });

  it("hides no dead letter", async () => {
    const letter = { tenant: demo, version: 7 as Version, documentId: null, message: "m", atMs: 1 };
    await log.deadLetters.publish({ ...letter, reason: "invalid_json" });
    nothingPending(log);
    expect(await log.deadLetters.list(demo, 5)).toHaveLength(1);
  });
});

describe("on a server whose payload limit is above the bytes of one pull", () => {
  const MiB = 1024 * 1024;
  beforeEach(() => open(64 * MiB));

  it("DOCS refuses what no document can be, to its publisher", async () => {
    const message = { tenant: demo, payload: new Uint8Array(2 * MiB + 20_000) };
    await expect(log.docs.publish(message)).rejects.toMatchObject({ code: "document_too_large" });
    const largest = { tenant: demo, payload: new Uint8Array(2 * MiB), messageId: "k".repeat(256) };
    await expect(log.docs.publish(largest)).resolves.toMatchObject({ seq: expect.any(Number) });
  });

  it("a message from before DOCS had a limit stops neither its partition nor its tenant", async () => {
    const manager = await log.connection.jetstreamManager();
    await manager.streams.update("DOCS", { max_msg_size: -1 });
    const stored = [(await log.docs.publish({ tenant: demo, payload })).seq];
    for (const size of [17 * MiB, 18 * MiB]) {
      const ack = await log.connection.jetstream().publish("docs.demo", new Uint8Array(size));
      stored.push(ack.seq as Version);
    }
    stored.push((await log.docs.publish({ tenant: demo, payload })).seq);
    const end = new AbortController();
    const partition = partitionOf(demo, testPartitions);
    const reading = log.docs.read({ partition, from: zero, signal: end.signal });
    const read = await take(reading, 4, end);
    expect(read.map(({ version }) => version)).toEqual(stored);
    expect(read.map(({ payload: { byteLength } }) => byteLength)).toEqual([
      2,
      17 * MiB,
      18 * MiB,
      2,
    ]);
    const own = await log.docs.readTenant({ tenant: demo, after: zero, max: 10 });
    expect(own.map(({ version }) => version)).toEqual(stored);
  });

  it("gives a DOCS of an earlier release its limit", async () => {
    const manager = await log.connection.jetstreamManager();
    await manager.streams.update("DOCS", { max_msg_size: -1 });
    const again = await connectTo(server);
    const { config } = await manager.streams.info("DOCS");
    expect(config.max_msg_size).toBe(limits.docsMessageBytesMax);
    await again.close();
  });
});

describe("pulls that the server ends at once", () => {
  beforeEach(() => open());

  it("end a read with an error instead of filling it with more of them", async () => {
    await log.docs.publish({ tenant: demo, payload });
    const { connection } = log;
    const publish = connection.publish.bind(connection);
    let pulls = 0;
    connection.publish = (subject, body, options) => {
      const isPull = subject.startsWith("$JS.API.CONSUMER.MSG.NEXT.DOCS");
      pulls += isPull ? 1 : 0;
      // No message fits: the server says so at once.
      const pull = isPull ? { ...JSON.parse(String(body)), max_bytes: 1 } : undefined;
      publish(subject, pull === undefined ? body : JSON.stringify(pull), options);
    };
    const end = new AbortController();
    const partition = partitionOf(demo, testPartitions);
    const reading = log.docs.read({ partition, from: zero, signal: end.signal });
    const next = reading[Symbol.asyncIterator]().next();
    // It goes on reading, at whatever pace the machine allows.
    const goesOn = expect.poll(() => pulls, { timeout: 60_000 }).toBeGreaterThan(3);
    await Promise.all([systemClock.sleep(1_500), goesOn]);
    end.abort();
    await next;
    // Pauses between reads grow from 50 ms: half a dozen reads of at most three pulls.
    expect(pulls).toBeLessThan(30);
  });
});
