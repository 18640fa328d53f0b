/** Streams out of one nats-server and into another one, as backups take them. */

import { connect, headers } from "nats";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { CopiedMessage } from "../../src/contract/backup.ts";
import { incarnationSpan } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { silentLogger, silentMetrics } from "../../src/contract/observation.ts";
import { openConnection } from "../../src/log/nats/connection.ts";
import { NatsStreamCopies } from "../../src/log/nats/stream-copies.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { type PrivateNats, startPrivateNats } from "../support/private-nats.ts";
import { eventually } from "../support/promises.ts";

let servers: PrivateNats[];
let from: NatsStreamCopies;
let to: NatsStreamCopies;

async function copiesAt({ url }: PrivateNats): Promise<NatsStreamCopies> {
  const reports = { clock: systemClock, logger: silentLogger, metrics: silentMetrics };
  return new NatsStreamCopies(await openConnection({ servers: url }, reports));
}

beforeAll(async () => {
  servers = await Promise.all([startPrivateNats(), startPrivateNats()]);
  const [one, other] = servers;
  if (one === undefined || other === undefined) throw new Error("two servers were started");
  [from, to] = await Promise.all([copiesAt(one), copiesAt(other)]);
});

afterAll(async () => {
  await Promise.all([from.close(), to.close()]);
  for (const server of servers) await server[Symbol.asyncDispose]();
});

const first = 3 * incarnationSpan + 1;

/** Texts that pack well, noise that does not, holes at the beginning, in the middle and at the end. */
async function fill(name: string): Promise<void> {
  const connection = await connect({ servers: servers[0]?.url ?? "" });
  const jsm = await connection.jetstreamManager();
  const js = connection.jetstream();
  await jsm.streams.add({ name, subjects: [`${name}.*`], first_seq: first });
  for (let n = 0; n < 120; n += 1) {
    const marked = headers();
    marked.set("Freshet-Version", String(n));
    const noise = crypto.getRandomValues(new Uint8Array(n % 3 === 0 ? 40_000 : 10));
    const text = Buffer.from(`the lighthouse of ${n % 7} `.repeat(n * 20));
    await js.publish(`${name}.${n % 5}`, Buffer.concat([text, noise]), { headers: marked });
  }
  await js.publish(`${name}.0`, Buffer.alloc(900_000, "large and even "));
  for (const at of [0, 1, 50, 51, 52, 120]) await jsm.streams.deleteMessage(name, first + at);
  await connection.close();
}

async function contentOf(copies: NatsStreamCopies, name: string) {
  const copy = await copies.read(name);
  if (copy === null) throw new Error(`there is no stream ${name}`);
  const { content, ...head } = copy;
  const messages: CopiedMessage[] = [];
  for await (const message of content) messages.push(message);
  return { head, raw: messages.map(({ raw }) => Buffer.from(raw).toString("base64")) };
}

async function* entriesIn(raw: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const entry of raw) yield Buffer.from(entry, "base64");
}

it("what comes out goes in with sequences, times and headers as they were, and goes on later", async () => {
  await fill("KEPT");
  const { head, raw } = await contentOf(from, "KEPT");
  expect(head).toMatchObject({ firstSeq: first + 2, lastSeq: first + 120, messages: 115 });
  expect(raw).toHaveLength(115);
  const lastSeq = head.lastSeq + limits.backupSequenceGap;
  await to.write({ ...head, lastSeq, entries: entriesIn(raw) });
  const there = await contentOf(to, "KEPT");
  expect(there.raw).toEqual(raw);
  expect(there.head).toMatchObject({ firstSeq: first + 2, lastSeq, messages: 115 });
  const connection = await connect({ servers: servers[1]?.url ?? "" });
  const { seq } = await connection.jetstream().publish("KEPT.0", "next");
  await connection.close();
  expect(seq).toBe(lastSeq + 1);
});

it("a restarted server still has what was written, and the same next sequence", async () => {
  await servers[1]?.restart();
  // The connection finds the server again in its own time.
  await eventually(async () => {
    expect(await to.describe("KEPT")).toMatchObject({ messages: 116 });
  });
  expect((await contentOf(to, "KEPT")).raw).toHaveLength(116);
});

it("an empty stream is a stream, a missing one is none, and one that is there is not written", async () => {
  const state = { messages: 0, bytes: 0, firstSeq: first + 9, lastSeq: first + 8 };
  const empty = { config: { name: "EMPTY", subjects: ["EMPTY.*"] }, ...state };
  await to.write({ ...empty, entries: entriesIn([]) });
  expect(await to.describe("EMPTY")).toMatchObject(state);
  expect(await from.read("EMPTY")).toBeNull();
  await expect(to.write({ ...empty, entries: entriesIn([]) })).rejects.toMatchObject({
    message: expect.stringMatching(/EMPTY: nats-server says: .*(exist|in use)/i),
  });
});

it("a restore hears of others for as long as they are connected", async () => {
  const [, server] = servers;
  if (server === undefined) throw new Error("two servers were started");
  const [one, other] = await Promise.all([copiesAt(server), copiesAt(server)]);
  expect(await one.otherRestores()).toBe(0);
  expect(await other.otherRestores()).toBe(1);
  await one.close();
  const third = await copiesAt(server);
  expect(await third.otherRestores()).toBe(1);
  await Promise.all([other.close(), third.close()]);
  const both = await Promise.all([copiesAt(server), copiesAt(server)]);
  const heard = await Promise.all(both.map((copies) => copies.otherRestores()));
  expect(Math.max(...heard)).toBe(1);
  await Promise.all(both.map((copies) => copies.close()));
});

it("the mark of a restore outlives its process, and no engine answers here", async () => {
  expect(await to.restoring()).toBeNull();
  await to.setRestoring("one");
  await to.setRestoring("another");
  expect(await to.restoring()).toBe("another");
  await to.setRestoring(null);
  expect(await to.restoring()).toBeNull();
  expect(await to.enginesThere()).toBe(0);
});
