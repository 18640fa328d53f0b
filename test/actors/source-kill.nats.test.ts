/** A source on a real server, whose reader is killed again and again: nothing lost, nothing doubled. */

import { connect, type NatsConnection } from "nats";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type ReaderOptions, readSource } from "../../actors/source/reader.ts";
import type { Version } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { silentLogger, silentMetrics } from "../../src/contract/observation.ts";
import { NatsSourceStore } from "../../src/ingest/nats-source-store.ts";
import { NatsSourceStreams } from "../../src/ingest/nats-source-streams.ts";
import type { StreamSource } from "../../src/ingest/sources/port.ts";
import type { NatsLog } from "../../src/log/nats/log.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { connectTo } from "../log/nats-harness.ts";
import { type PrivateNats, startPrivateNats } from "../support/private-nats.ts";
import { eventually } from "../support/promises.ts";
import { mapperOf, tenant, testSource } from "./source-kit.ts";

const events = 600;
const documents = 7;

let server: PrivateNats;
let log: NatsLog;
let publisher: NatsConnection;
let store: NatsSourceStore;

beforeAll(async () => {
  server = await startPrivateNats();
  log = await connectTo(server);
  publisher = await connect({ servers: server.url });
  store = new NatsSourceStore({ connection: publisher, replicas: 1 });
});
afterAll(async () => {
  await publisher.close();
  await log.close();
  await server[Symbol.asyncDispose]();
});

/** A reader with a connection of its own, which is cut without a word after so many publishes. */
async function startReader(source: StreamSource, diesAfter: number) {
  const connection = await connect({ servers: server.url });
  const stop = new AbortController();
  let published = 0;
  let alive = true;
  const options: ReaderOptions = {
    ...{ source, node: "n", store, createMapper: mapperOf, clock: systemClock },
    ...{ metrics: silentMetrics, logger: silentLogger },
    streams: new NatsSourceStreams({ connection, replicas: 1 }),
    log: {
      nowMs: () => log.nowMs(),
      docs: {
        messageIds: log.docs.messageIds.bind(log.docs),
        lastVersion: log.docs.lastVersion.bind(log.docs),
        publish: async (message) => {
          published += 1;
          if (published > diesAfter && alive) {
            alive = false;
            stop.abort();
            await connection.close();
          }
          return log.docs.publish(message);
        },
      },
    },
    isOwner: () => alive,
    isFull: () => false,
    visible: () => Number.MAX_SAFE_INTEGER as Version,
  };
  const ended = readSource(options, stop.signal);
  return {
    ended,
    stop: async (): Promise<void> => {
      stop.abort();
      await ended;
      await connection.close();
    },
  };
}

it("brings each event once, in the order of its document, through kills and a restart of the server (ER1, ER2)", async () => {
  const js = publisher.jetstream();
  const manager = await js.jetstreamManager();
  await manager.streams.add({ name: "in", subjects: ["in.>"] });
  const source = testSource({ createdAtMs: await log.nowMs() });
  await store.add(source);
  for (let v = 0; v < events; v += 1) {
    await js.publish("in.a", JSON.stringify({ id: `d${v % documents}`, v }));
  }
  for (const diesAfter of [3, 90, 250]) {
    const reader = await startReader(source, diesAfter);
    await reader.ended;
  }
  await server.restart();
  await eventually(() => log.connection.flush());
  const reader = await startReader(source, Number.POSITIVE_INFINITY);
  const streams = new NatsSourceStreams({ connection: publisher, replicas: 1 });
  await eventually(async () => expect(await streams.progress(source)).toMatchObject({ lag: 0 }));
  await reader.stop();
  const stored = await log.docs.readTenant({ tenant, after: 0 as Version, max: 10 * events });
  const texts = stored.map(({ payload }) => {
    const { id, text } = JSON.parse(new TextDecoder().decode(payload)) as Record<string, string>;
    return [id, Number(text)] as const;
  });
  expect(texts).toHaveLength(events);
  for (let document = 0; document < documents; document += 1) {
    const versions = texts.filter(([id]) => id === `d${document}`).map(([, v]) => v);
    expect(versions).toEqual(versions.toSorted((one, other) => one - other));
    expect(new Set(versions).size).toBe(versions.length);
  }
  const ids = stored.map(({ messageId }) => messageId);
  expect(new Set(ids).size).toBe(events);
});

it("leaves nothing in a stream of others of a source that is removed while it is read (ER5)", async () => {
  const manager = await publisher.jetstreamManager();
  await manager.streams.add({ name: "gone", subjects: ["gone.>"] });
  const input = { kind: "stream", stream: "gone", start: "all" } as const;
  const source = testSource({ name: "gone", input });
  const streams = new NatsSourceStreams({ connection: publisher, replicas: 1 });
  const consumers = async () => (await manager.streams.info("gone")).state.consumer_count;
  for (const remove of ["command", "erase"] as const) {
    await store.add(source);
    const reader = await startReader(source, Number.POSITIVE_INFINITY);
    await eventually(async () => expect(await consumers()).toBe(1));
    if (remove === "erase") await store.eraseTenant(tenant);
    else {
      await store.remove(source.name);
      await streams.forget(source);
    }
    // Longer than it takes to begin again, and as long as a node needs to end its reader.
    await systemClock.sleep(2 * limits.sourceLookEveryMs);
    await reader.stop();
    expect(await consumers()).toBe(0);
    expect(await store.state(source)).toBeNull();
  }
});
