/**
 * L5 while a process runs: what an operator, a backup or a disk can do to a log under its readers.
 */

import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Position, Version } from "../../src/contract/ids.ts";
import { incarnationOf, partitionOf, tenantId } from "../../src/contract/ids.ts";
import { emptyManifest } from "../../src/contract/manifest.ts";
import type { NatsLog } from "../../src/log/nats/log.ts";
import { type PrivateNats, startPrivateNats } from "../support/private-nats.ts";
import { connectTo, testPartitions } from "./nats-harness.ts";
import { appendAll, fence, removal } from "./records.ts";

const refused = { code: "log_identity", retryable: false };
const demo = tenantId("demo");
const other = tenantId("other");
const payload = new TextEncoder().encode("{}");
let server: PrivateNats;
let log: NatsLog;

beforeEach(async () => {
  server = await startPrivateNats();
  log = await connectTo(server);
});
afterEach(async () => {
  await log.close();
  await server[Symbol.asyncDispose]();
});

const publish = async (): Promise<Version> =>
  (await log.docs.publish({ tenant: demo, payload })).seq;
const copyOf = (folder: string): string => `${folder}.copy`;

/** JetStream's data as it is now, for `putBack`. */
async function keepCopy(): Promise<void> {
  const folder = join(server.directory, "jetstream");
  await server.stop();
  cpSync(folder, copyOf(folder), { recursive: true });
  await server.restart();
  await reconnected();
}

async function putBack(): Promise<void> {
  const folder = join(server.directory, "jetstream");
  await server.stop();
  rmSync(folder, { recursive: true });
  cpSync(copyOf(folder), folder, { recursive: true });
  await server.restart();
  await reconnected();
}

/** Another client: it has not seen what `log` has. */
async function asStranger<Value>(use: (stranger: NatsLog) => Promise<Value>): Promise<Value> {
  const stranger = await connectTo(server);
  try {
    return await use(stranger);
  } finally {
    await stranger.close();
  }
}

async function reconnected(): Promise<void> {
  for (;;) {
    try {
      return await log.connection.flush();
    } catch {
      // Not yet.
    }
  }
}

describe("a log that is replaced by an older copy under its process", () => {
  it("is refused by a process that has seen more of DOCS, though nothing was built on it yet", async () => {
    await publish();
    await keepCopy();
    await publish();
    await putBack();
    await expect(log.checkIdentity()).rejects.toMatchObject(refused);
    await expect(log.docs.lastSequence()).rejects.toThrow(/DOCS ends before/);
    await expect(publish()).rejects.toMatchObject(refused);
    // Only a process that saw it knows what is not in the log: a new one finds nothing wrong.
    await asStranger((stranger) => stranger.checkIdentity());
  });

  it("is refused also when it has grown beyond what was seen: its newest message differs", async () => {
    await publish();
    await keepCopy();
    await publish();
    const lastSeen = await publish();
    await log.checkIdentity();
    await putBack();
    const last = await asStranger(async (stranger) => {
      for (let count = 0; count < 5; count += 1) {
        await stranger.docs.publish({ tenant: demo, payload });
      }
      return stranger.docs.lastVersion(demo);
    });
    expect(last).toBeGreaterThan(lastSeen);
    await expect(log.checkIdentity()).rejects.toThrow(/DOCS ends before/);
    const { signal } = new AbortController();
    const partition = partitionOf(demo, testPartitions);
    const from = (lastSeen + 1) as Version;
    const read = log.docs.read({ partition, from, signal })[Symbol.asyncIterator]();
    await expect(read.next()).rejects.toMatchObject(refused);
  });

  it("is refused by a reader that continues; no re-used sequence is skipped or read", async () => {
    const first = await publish();
    await keepCopy();
    const second = await publish();
    const { signal } = new AbortController();
    const partition = partitionOf(demo, testPartitions);
    const read = log.docs.read({ partition, from: first, signal })[Symbol.asyncIterator]();
    expect((await read.next()).value?.version).toBe(first);
    expect((await read.next()).value?.version).toBe(second);
    const next = read.next();
    next.catch(() => {});
    await putBack();
    await asStranger(async (stranger) => {
      for (let count = 0; count < 3; count += 1) {
        await stranger.docs.publish({ tenant: demo, payload });
      }
    });
    await expect(next).rejects.toMatchObject(refused);
  });

  it("takes no append from a writer whose last record is gone, and no purge", async () => {
    const origin = { tenant: demo, version: 0, epoch: 1 };
    const [at = 0 as Position] = await appendAll(log.chunks, [fence(origin)]);
    await keepCopy();
    const [last = 0 as Position] = await appendAll(log.chunks, [removal(origin, "a")], at);
    await putBack();
    const late = log.chunks.append(removal(origin, "b"), last);
    await expect(late).rejects.toMatchObject(refused);
    const purge = log.chunks.purge({ tenant: demo, below: last });
    await expect(purge).rejects.toMatchObject(refused);
    await asStranger(async ({ chunks }) => {
      expect(await chunks.last(demo)).toMatchObject({ position: at });
    });
  });

  it("is refused by its manifests, and right again when the newer data is put back", async () => {
    const version = await publish();
    const [to = 0 as Position] = await appendAll(log.chunks, [
      fence({ tenant: demo, version, epoch: 1 }),
    ]);
    await keepCopy();
    const folder = join(server.directory, "jetstream");
    const manifest = { ...emptyManifest, to, version, incarnation: incarnationOf(to) };
    expect(await log.manifests.commit(demo, manifest, 0)).toBe("committed");
    await log.checkIdentity();
    await server.stop();
    cpSync(folder, `${folder}.newer`, { recursive: true });
    await server.restart();
    await putBack();
    await expect(log.checkIdentity()).rejects.toThrow(/KV_freshet_manifests ends before/);

    rmSync(copyOf(folder), { recursive: true });
    cpSync(`${folder}.newer`, copyOf(folder), { recursive: true });
    await putBack();
    await log.checkIdentity();
    expect((await log.manifests.get(demo))?.manifest).toEqual(manifest);
    await publish();
  });
});

describe("a stream that is replaced while the connection stays", () => {
  it.each(["DOCS", "CHUNKS", "HEADS", "KV_freshet_manifests"])(
    "is refused: %s was created again, even with the same incarnation in its description",
    async (name) => {
      const version = await publish();
      await appendAll(log.chunks, [fence({ tenant: demo, version, epoch: 1 })]);
      const digest = await log.manifests.putPiece(demo, payload);
      const pieces = [{ digest, entries: 1 }];
      await log.manifests.commit(demo, { ...emptyManifest, pieces }, 0);
      await log.checkIdentity();
      const { streams } = await log.connection.jetstreamManager();
      const { config } = await streams.info(name);
      await streams.delete(name);
      await streams.add(config);
      await expect(log.checkIdentity()).rejects.toMatchObject(refused);
    },
  );

  it("creates leases and dead letters again under a running process, with higher epochs", async () => {
    const before = await log.leases.acquire(0 as never, "node-a");
    const { streams } = await log.connection.jetstreamManager();
    await streams.delete("KV_freshet_leases");
    await streams.delete("DLQ");
    await log.checkIdentity();
    await log.checkIdentity();
    const after = await log.leases.acquire(0 as never, "node-b");
    expect(after?.epoch).toBeGreaterThan(before?.epoch ?? 0);
    expect(await log.deadLetters.list(demo, 1)).toEqual([]);
  });

  it("is refused when the spread of tenants over partitions was edited", async () => {
    await publish();
    const { streams } = await log.connection.jetstreamManager();
    const dest = `docs.{{partition(${testPartitions * 2},1)}}.{{wildcard(1)}}`;
    await streams.update("DOCS", { subject_transform: { src: "docs.*", dest } });
    await expect(log.checkIdentity()).rejects.toThrow(/created with/);
  });
});

describe("retention on a real server", () => {
  it("keeps the fence over a purge and a kill of the server (I6)", async () => {
    const origin = { tenant: demo, version: 5, epoch: 4 };
    const records = [fence(origin), removal(origin, "a"), removal(origin, "b")];
    const positions = await appendAll(log.chunks, records);
    const last = positions.at(-1) ?? (0 as Position);
    expect(await log.chunks.purge({ tenant: demo, below: last })).toBe(2);
    await server.kill();
    await server.restart();
    await reconnected();
    await log.checkIdentity();
    const stale = await log.chunks.append(fence({ ...origin, epoch: 3 }), 0 as Position);
    expect(stale.kind).toBe("fenced");
    const begin = log.chunks.headers({ tenant: demo, after: 0 as Position, to: last });
    const next = begin[Symbol.asyncIterator]().next();
    await expect(next).rejects.toMatchObject({ code: "broken_chain" });
  });

  it("still trusts a log whose newest message was purged with its neighbours", async () => {
    await publish();
    const seen = (await log.docs.publish({ tenant: other, payload })).seq;
    await log.checkIdentity();
    expect(await log.docs.purge({ tenant: other, below: (seen + 1) as Version })).toBe(1);
    await log.checkIdentity();
    expect(await publish()).toBe(seen + 1);
  });

  it("keeps the ids that may be retried, through a purge and a killed server (I1)", async () => {
    const message = { tenant: demo, payload, messageId: "retried" };
    const { seq } = await log.docs.publish(message);
    const young = await log.docs.firstSince(Date.now() - 60_000);
    expect(young).toBeLessThanOrEqual(seq);
    expect(await log.docs.purge({ tenant: demo, below: young })).toBe(0);
    await server.kill();
    await server.restart();
    await reconnected();
    const again = (await log.docs.publish(message)).seq;
    const versions: number[] = [];
    const recent = { tenant: demo, to: again, windowMs: 60_000 };
    for await (const { version, messageId } of log.docs.messageIds(recent)) {
      if (messageId === "retried") versions.push(version);
    }
    expect(versions).toEqual([seq, again]);
  });

  it("tells how full the streams are", async () => {
    await publish();
    const usage = await log.usage();
    const docs = usage.find(({ stream }) => stream === "DOCS");
    expect(docs?.bytes).toBeGreaterThan(0);
    expect(docs?.bytesMax).toBeGreaterThan(docs?.bytes ?? 0);
  });
});

it("a log whose server is gone is closed for good, and leaves no client looking for it (NC3)", async () => {
  await server.stop();
  await log.close();
  expect(log.connection.isClosed()).toBe(true);
});
