import { createServer, type Server } from "node:http";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Connection } from "../../src/cold/weaviate-connection.ts";
import { limits } from "../../src/contract/limits.ts";
import { silentLogger } from "../../src/contract/observation.ts";
import { createManualClock } from "../support/manual-clock.ts";

/**
 * A server that counts readiness probes and answers them as configured; it says its version, or
 * breaks off.
 */
let server: Server;
let url: string;
let probes: number;
let versionsAsked: number;
let tellsVersion: boolean;
let status: number;

beforeEach(async () => {
  probes = 0;
  versionsAsked = 0;
  tellsVersion = true;
  status = 200;
  server = createServer(({ url: path, socket }, reply) => {
    if (path === "/v1/meta") {
      versionsAsked += 1;
      if (tellsVersion) reply.end('{"version":"1.35.2"}');
      else socket.resetAndDestroy();
      return;
    }
    probes += 1;
    reply.writeHead(status).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("not a TCP server");
  url = `http://127.0.0.1:${address.port}`;
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const unavailable = expect.objectContaining({ code: "cold_unavailable" });

function open() {
  const clock = createManualClock();
  const warnings: string[] = [];
  const logger = {
    ...silentLogger,
    warn: (_: unknown, message: string) => void warnings.push(message),
  };
  // No operation here speaks gRPC, so the channel is never opened.
  return {
    clock,
    warnings,
    connection: new Connection({ url, grpc: "127.0.0.1:1", clock, logger }),
  };
}

const ask = (connection: Connection) => connection.run(async () => "answer");

test("the vendor's client asks for nothing beside what it is asked for", async () => {
  const { connection } = open();
  for (const tenant of ["one", "other"]) {
    await connection.run(async (client) => client.collections.use("Any").withTenant(tenant));
  }
  expect(versionsAsked).toBe(1);
});

test("a server that breaks off while it is asked for its version is down", async () => {
  tellsVersion = false;
  const { connection, warnings } = open();
  await expect(ask(connection)).rejects.toEqual(unavailable);
  expect(warnings).toHaveLength(1);
});

describe("while Weaviate is down", () => {
  test("WC1: callers are refused without a probe until the pause is over, which doubles to its bound", async () => {
    status = 503;
    const { clock, connection, warnings } = open();
    let pauseMs: number = limits.coldReconnectMinMs;
    for (let outage = 1; outage <= 8; outage += 1) {
      await expect(ask(connection)).rejects.toEqual(unavailable);
      expect(probes).toBe(outage);
      await clock.advance(pauseMs - 1);
      await expect(ask(connection)).rejects.toEqual(unavailable);
      expect(probes).toBe(outage);
      await clock.advance(1);
      pauseMs = Math.min(2 * pauseMs, limits.coldReconnectMaxMs);
    }
    expect(warnings).toHaveLength(1);
    status = 200;
    expect(await ask(connection)).toBe("answer");
  });

  test("callers that come together share one probe", async () => {
    status = 503;
    const { connection } = open();
    const outcomes = await Promise.allSettled([ask(connection), ask(connection), ask(connection)]);
    expect(outcomes.map((outcome) => outcome.status)).toEqual(["rejected", "rejected", "rejected"]);
    expect(probes).toBe(1);
  });
});

describe("an operation", () => {
  const hangs = (signal: AbortSignal): Promise<never> =>
    new Promise((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
    });

  test("WC3: ends when its caller goes, and says so", async () => {
    const { connection } = open();
    const caller = new AbortController();
    let told = false;
    const asked = connection.run((_, signal) => {
      signal.addEventListener("abort", () => {
        told = true;
      });
      queueMicrotask(() => caller.abort());
      return hangs(signal);
    }, caller.signal);
    await expect(asked).rejects.toMatchObject({ code: "cancelled" });
    expect(told).toBe(true);
  });

  test("WC3: that hangs is given up when Weaviate stops answering, long before its deadline", async () => {
    const { clock, connection, warnings } = open();
    await ask(connection);
    const refused = expect(connection.run((_, signal) => hangs(signal))).rejects.toEqual(
      unavailable,
    );
    await clock.untilSleeping(2);
    status = 503;
    await clock.advance(limits.coldProbeEveryMs);
    await refused;
    expect(warnings).toEqual(["the connection to weaviate broke"]);
    expect(clock.sleeping).toBe(0);
  });

  test("that fails on its own does not cost the others their connection", async () => {
    const { connection, warnings } = open();
    await ask(connection);
    const failing = connection.run(() => Promise.reject(new Error("invalid filter")));
    await expect(failing).rejects.toEqual(unavailable);
    expect(await ask(connection)).toBe("answer");
    expect(probes).toBe(1);
    expect(warnings).toEqual([]);
  });
});
