import { connect, headers, type NatsConnection } from "nats";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { overNats } from "../../src/client/index.ts";
import { silentLogger, silentMetrics } from "../../src/contract/observation.ts";
import { createHandler } from "../../src/gateway/handler.ts";
import { startNatsService } from "../../src/gateway/nats-service.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { FakeService } from "../gateway/fake-service.ts";
import { serversOfFile } from "../support/side-by-side.ts";
import { clientConforms } from "./conformance.ts";

const servers = serversOfFile().nats.url;

clientConforms("NATS", async () => {
  const [connection, engine] = await Promise.all([connect({ servers }), connect({ servers })]);
  const service = new FakeService();
  const handler = createHandler({ service, log: silentLogger, clock: systemClock });
  const start = () =>
    startNatsService({
      ...{ connection: engine, handler, version: "1.2.3", stopMs: 0, metrics: silentMetrics },
    });
  let micro = await start();
  return {
    service,
    client: (options) => overNats({ connection, headers, ...options }),
    cut: async () => {
      await micro.close();
      micro = await start();
    },
    close: async () => {
      await micro.close();
      await Promise.all([connection.close(), engine.close()]);
    },
  };
});

describe("over NATS alone", () => {
  let connection: NatsConnection;
  beforeEach(async () => {
    connection = await connect({ servers });
  });
  afterEach(async () => {
    await connection.close();
  });

  it("nobody who answers is unreachable at once", async () => {
    // A subject that no other test's service takes.
    const client = overNats({ connection, headers, retries: { attemptsMax: 1 } });
    await expect(client.ask("q")).rejects.toMatchObject({ code: "unreachable", retryable: true });
  });

  it("a piece that was lost fails the reply instead of shortening it (CP2)", async () => {
    const engine = await connect({ servers });
    engine.subscribe("query.demo", {
      callback: (_, message) => {
        for (const seq of ["1", "3"]) {
          const head = headers();
          head.set("Freshet-Event", seq === "1" ? "retrieval" : "done");
          head.set("Freshet-Seq", seq);
          message.respond('{"answer":""}', { headers: head });
        }
      },
    });
    await engine.flush();
    const client = overNats({ connection, headers, tenant: "demo", retries: { attemptsMax: 1 } });
    await expect(client.ask("q")).rejects.toMatchObject({ code: "protocol" });
    await engine.close();
  });

  it("in an account of its own a tenant is not named in the subjects", async () => {
    const engine = await connect({ servers });
    const heard: string[] = [];
    engine.subscribe("api.search", {
      callback: (_, message) => {
        heard.push(message.subject);
        const head = headers();
        head.set("Freshet-Event", "done");
        head.set("Freshet-Seq", "1");
        message.respond('{"answer":"","sources":[]}', { headers: head });
      },
    });
    await engine.flush();
    const client = overNats({ connection, headers });
    expect(await client.search("q")).toEqual({ answer: "", sources: [] });
    expect(heard).toEqual(["api.search"]);
    await engine.close();
  });

  it.each(["a b", "", "a.b", "*", ">", "a\r\nPUB docs.other 2", "\u00e4"])(
    "a tenant's name (%j) that would make another subject is refused, and nothing is sent",
    async (tenant) => {
      const heard: string[] = [];
      connection.subscribe(">", { callback: (_, { subject }) => void heard.push(subject) });
      const client = overNats({ connection, headers, tenant });
      const refused = { code: "invalid_tenant", status: 400, retryable: false };
      await expect(client.ask("q")).rejects.toMatchObject(refused);
      await expect(client.publish({ id: "a", text: "b" })).rejects.toMatchObject(refused);
      await connection.flush();
      expect(heard.filter((subject) => /^(api|query|docs)/.test(subject))).toEqual([]);
    },
  );

  it("what this NATS takes no message of is too large, and not tried again", async () => {
    const text = "x".repeat(connection.info?.max_payload ?? 0);
    const pauses: number[] = [];
    const sleep = async (ms: number) => void pauses.push(ms);
    const surroundings = { sleep, random: () => 0, nowMs: () => 0 };
    const client = overNats({ connection, headers, tenant: "demo", surroundings });
    await expect(client.publish({ id: "a", text })).rejects.toMatchObject({
      ...{ code: "document_too_large", status: 413, retryable: false },
    });
    expect(pauses).toEqual([]);
  });

  it.each(["a\r\nb", ""])("a key (%j) that no header holds is refused", async (idempotencyKey) => {
    const client = overNats({ connection, headers, tenant: "demo" });
    const sent = client.publish({ id: "a", text: "b" }, { idempotencyKey });
    await expect(sent).rejects.toMatchObject({ code: "invalid_request", retryable: false });
  });

  it("a connection that was closed is unreachable", async () => {
    const closed = await connect({ servers });
    await closed.close();
    const retries = { attemptsMax: 1 };
    const client = overNats({ connection: closed, headers, tenant: "demo", retries });
    await expect(client.ask("q")).rejects.toMatchObject({ code: "unreachable" });
  });
});
