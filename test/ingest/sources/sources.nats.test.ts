import { connect, type NatsConnection } from "nats";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FreshetError } from "../../../src/contract/errors.ts";
import type { TenantId } from "../../../src/contract/ids.ts";
import { NatsSourceStore } from "../../../src/ingest/nats-source-store.ts";
import { NatsSourceStreams } from "../../../src/ingest/nats-source-streams.ts";
import { rewriteAnswers } from "../../log/nats-harness.ts";
import { holdOnDisk } from "../../support/on-disk.ts";
import { type PrivateNats, startPrivateNats } from "../../support/private-nats.ts";
import { sourcesConformance, streamSource } from "./conformance.ts";

sourcesConformance("NATS", async () => {
  const server = await startPrivateNats();
  const connections: NatsConnection[] = [];
  const open = async (): Promise<NatsConnection> => {
    const connection = await connect({ servers: server.url });
    connections.push(connection);
    return connection;
  };
  const publisher = await open();
  const js = publisher.jetstream();
  const jsm = await js.jetstreamManager();
  let connection = await open();
  const streamsOf = (own: NatsConnection) =>
    new NatsSourceStreams({ connection: own, replicas: 1 });
  let streams = streamsOf(connection);
  return {
    store: new NatsSourceStore({ connection: publisher, replicas: 1 }),
    streams: {
      create: (source) => streams.create(source),
      open: (...given) => streams.open(...given),
      progress: (source) => streams.progress(source),
      forget: (source) => streams.forget(source),
    },
    async addStream(name) {
      await jsm.streams.add({ name, subjects: [`${name}.>`] });
    },
    async publish(_stream, subject, body) {
      return (await js.publish(subject, body)).seq;
    },
    async crash() {
      // Closed without a word: what was in hand stays pending at the server.
      await connection.close();
      connection = await open();
      streams = streamsOf(connection);
    },
    async close() {
      for (const each of connections) await each.close();
      await server[Symbol.asyncDispose]();
    },
  };
});

describe("a copy of what sources keep that lags", () => {
  let server: PrivateNats;
  let connection: NatsConnection;
  let store: NatsSourceStore;
  const tenant = "acme" as TenantId;

  beforeEach(async () => {
    server = await startPrivateNats();
    connection = await connect({ servers: server.url });
    store = new NatsSourceStore({ connection, replicas: 1 });
    const source = streamSource("one", "S");
    await store.add(source);
    for (let sequence = 1; sequence <= 3; sequence += 1) {
      const letter = { source: source.name, generation: source.generation, tenant, sequence };
      await store.putLetter({ ...letter, subject: "s", message: `m${sequence}`, atMs: 1 });
    }
  });
  afterEach(async () => {
    await connection.close();
    await server[Symbol.asyncDispose]();
  });

  /** Consumers say so many times that nothing is there for them. */
  function nothingPending(times: number): void {
    let left = times;
    for (const subjects of ["$JS.API.CONSUMER.CREATE.", "$JS.API.CONSUMER.INFO."]) {
      rewriteAnswers({ connection }, subjects, (info) => {
        if (left <= 0) return info;
        left -= 1;
        return { ...info, num_pending: 0 };
      });
    }
  }

  it("hides no letter from a count or an erase", async () => {
    nothingPending(4);
    expect(await store.countOf(tenant)).toBe(4);
    nothingPending(4);
    await store.eraseTenant(tenant);
    const fresh = new NatsSourceStore({ connection, replicas: 1 });
    expect(await fresh.countOf(tenant)).toBe(0);
  });

  it("makes a count fail, rather than say that nothing is left, when it never catches up", async () => {
    nothingPending(Number.POSITIVE_INFINITY);
    await expect(store.countOf(tenant)).rejects.toMatchObject({ code: "log_unavailable" });
  });

  it("holds nobody up with what was to come and was removed meanwhile", async () => {
    const other = await connect({ servers: server.url });
    const jsm = await other.jetstreamManager();
    const request = connection.request.bind(connection);
    let removed = 0;
    connection.request = async (subject, ...rest) => {
      const answer = await request(subject, ...rest);
      if (!subject.startsWith("$JS.API.CONSUMER.") || removed > 0) return answer;
      // Three letters are pending. Another erase of the tenant is faster than this count.
      for (; removed < 3; removed += 1) {
        await jsm.streams.deleteMessage("freshet_source_letters", removed + 1);
      }
      return answer;
    };
    // Its definition is left.
    expect(await store.countOf(tenant)).toBe(1);
    expect(removed).toBe(3);
    await other.close();
  });

  it("is never asked for a definition: the bucket allows no direct reads, also one of before", async () => {
    const jsm = await connection.jetstreamManager();
    const direct = async () => (await jsm.streams.info("KV_freshet_sources")).config.allow_direct;
    expect(await direct()).toBe(false);
    await jsm.streams.update("KV_freshet_sources", { allow_direct: true });
    await new NatsSourceStore({ connection, replicas: 1 }).list();
    expect(await direct()).toBe(false);
  });
});

it("an erase overwrites a tenant's definitions and letters in the files of the server (NE1)", async () => {
  const server = await startPrivateNats();
  const connection = await connect({ servers: server.url });
  try {
    const store = new NatsSourceStore({ connection, replicas: 1 });
    const source = { ...streamSource("orders", "stream_that_goes"), tenant: "gone" as TenantId };
    await store.add(source);
    const { name, generation, tenant } = source;
    const letter = { source: name, generation, tenant, sequence: 1, atMs: 1 };
    await store.putLetter({ ...letter, subject: "s", message: "letter_that_goes" });
    expect(holdOnDisk(server.directory, "stream_that_goes")).toBe(true);
    await store.eraseTenant(tenant);
    expect(await store.countOf(tenant)).toBe(0);
    const texts = ["stream_that_goes", "letter_that_goes"];
    expect(texts.map((text) => holdOnDisk(server.directory, text))).toEqual([false, false]);
  } finally {
    await connection.close();
    await server[Symbol.asyncDispose]();
  }
});

describe("a reading whose place in the stream is gone", () => {
  it.each(["consumer", "stream"] as const)(
    "ends when its %s is deleted, and does not wait for ever",
    async (what) => {
      const server = await startPrivateNats();
      const connection = await connect({ servers: server.url });
      try {
        const jsm = await connection.jetstreamManager();
        await jsm.streams.add({ name: "S", subjects: ["S.>"] });
        const source = streamSource("one", "S");
        const streams = new NatsSourceStreams({ connection, replicas: 1 });
        await streams.create(source);
        const reading = await streams.open(source, AbortSignal.timeout(30_000));
        await connection.jetstream().publish("S.a", "1");
        const [first] = await reading.next(new AbortController().signal);
        first?.ack();
        await reading.flush();
        if (what === "stream") await jsm.streams.delete("S");
        else await streams.forget(source);
        const next = reading.next(AbortSignal.timeout(45_000));
        await expect(next).rejects.toBeInstanceOf(FreshetError);
        await reading.close();
        if (what === "stream") return;
        const again = await streams.open(source, AbortSignal.timeout(30_000));
        expect(await again.next(AbortSignal.timeout(5_000))).toHaveLength(1);
        await again.close();
      } finally {
        await connection.close();
        await server[Symbol.asyncDispose]();
      }
    },
  );
});
