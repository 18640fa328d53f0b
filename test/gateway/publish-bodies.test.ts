import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import type { FastifyReply, FastifyRequest } from "fastify";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { TenantId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { abortWhenCallerLeaves } from "../../src/gateway/caller.ts";
import { boundedBody, PublishBodies } from "../../src/gateway/publish-bodies.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { type Fixture, fixture, rawSocket } from "./http-fixture.ts";

const open: Fixture[] = [];
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await Promise.all(open.splice(0).map((one) => one.close()));
});

async function listening(options: Parameters<typeof fixture>[0] = {}) {
  const made = fixture(options);
  open.push(made);
  const { url } = await made.listen();
  return { ...made, url };
}

/** An NDJSON upload that has begun and brings no more. */
function trickle(url: string, tenant: string): { socket: Socket; received: Promise<string> } {
  const raw = rawSocket(url);
  sockets.push(raw.socket);
  raw.socket.write(
    `POST /v1/documents HTTP/1.1\r\nhost: localhost\r\nx-tenant: ${tenant}\r\n` +
      "content-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n1\r\n{\r\n",
  );
  return raw;
}

describe("bodies of publish requests", () => {
  it("B4: one tenant's trickling uploads, as many as a node takes, leave room for another's publish", async () => {
    const { url } = await listening({ bounds: { refusedBodyMs: 100 } });
    const trickling = Array.from({ length: limits.httpPublishesInFlightMax }, () =>
      trickle(url, "acme"),
    );
    // Those beyond the share are told at once; the others hold what they have.
    const refused = trickling.map(
      ({ socket }) =>
        new Promise<string>((told) => socket.once("data", (data) => told(String(data)))),
    );
    expect((await Promise.race(refused)).slice(9, 12)).toBe("429");
    const published = await fetch(`${url}/v1/documents`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-tenant": "globex" },
      body: JSON.stringify({ id: "a", text: "rivers rise" }),
    });
    expect(published.status).toBe(202);
  });

  it("B4: a body that brings less than the least rate is cut with 408, and its lines so far are published", async () => {
    const { url, service } = await listening({
      bounds: { bodyRateMs: 150, bodyBytesPerSecondMin: 10_000 },
    });
    const { socket, received } = trickle(url, "acme");
    const rest = '"id":"a","text":"rivers"}\n{"id":';
    socket.write(`${rest.length.toString(16)}\r\n${rest}\r\n`);
    const reply = await received;
    expect(reply).toContain("202");
    expect(reply).toContain("request_timeout");
    expect(service.payloads).toEqual(['{"id":"a","text":"rivers"}']);
  });

  it("B4: a question above its bound is refused before it is parsed", async () => {
    const { url } = await listening();
    const reply = await fetch(`${url}/answer`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: `{"query":"rivers"${" ".repeat(limits.questionBytesMax)}}`,
    });
    expect([reply.status, ((await reply.json()) as { code: string }).code]).toEqual([
      413,
      "document_too_large",
    ]);
  });

  it("B4: one tenant's questions in flight leave places for another's", async () => {
    const { app, service } = await listening({ questionsInFlightMax: 8 });
    const ask = (tenant: string) =>
      app.inject({
        method: "POST",
        url: "/answer",
        headers: { "content-type": "application/json", "x-tenant": tenant },
        payload: { query: "rivers" },
      });
    for (const tenant of ["acme", "globex"]) {
      await app.inject({
        method: "POST",
        url: "/v1/documents",
        headers: { "content-type": "application/json", "x-tenant": tenant },
        payload: { id: "a", text: "rivers rise" },
      });
    }
    const release = Promise.withResolvers<void>();
    service.hold = release.promise;
    const flood = Array.from({ length: 20 }, () => ask("acme"));
    await expect.poll(() => service.asked.length).toBe(4);
    const other = ask("globex");
    await expect.poll(() => service.asked.at(-1)?.tenant).toBe("globex");
    release.resolve();
    expect((await other).statusCode).toBe(200);
    const codes = (await Promise.all(flood)).map(({ statusCode }) => statusCode);
    expect([200, 429].map((code) => codes.filter((other_) => other_ === code).length)).toEqual([
      4, 16,
    ]);
  });
});

describe("a caller who left while it was looked up who that is", () => {
  /** The reply of a request whose connection has ended. */
  async function closed(): Promise<ServerResponse> {
    const reply = Promise.withResolvers<ServerResponse>();
    const server = createServer((_, response) => reply.resolve(response));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const socket = connect(port, "127.0.0.1");
    sockets.push(socket);
    socket.write("POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n");
    const response = await reply.promise;
    socket.destroy();
    await once(response, "close");
    server.close();
    return response;
  }

  it("keeps no place: nothing would give it back (BO1)", async () => {
    const bodies = new PublishBodies();
    const raw = await closed();
    const request = { headers: {} } as FastifyRequest;
    for (let times = 0; times <= limits.httpPublishesInFlightMax; times += 1) {
      const admit = () =>
        bodies.admit("acme" as TenantId, { request, reply: { raw } as FastifyReply, bytesMax: 1 });
      expect(admit).not.toThrow();
    }
  });

  it("is gone for whoever asks after that", async () => {
    expect(abortWhenCallerLeaves(await closed()).signal.aborted).toBe(true);
  });
});

describe("the least rate of a body", () => {
  const bounds = { bytesPerSecondMin: 10, rateMs: 1_000 };
  const clock = createManualClock();
  let chunks: ReturnType<typeof Promise.withResolvers<Uint8Array>>[];
  async function* source(): AsyncGenerator<Uint8Array> {
    for (const chunk of chunks) yield await chunk.promise;
  }
  beforeEach(() => {
    chunks = Array.from({ length: 3 }, () => Promise.withResolvers<Uint8Array>());
  });

  it("BO3: a reader that is slow itself does not count against the caller", async () => {
    for (const { resolve } of chunks) resolve(new Uint8Array(1));
    let bytes = 0;
    for await (const chunk of boundedBody(source(), bounds, clock)) {
      bytes += chunk.length;
      await clock.advance(5_000);
    }
    expect(bytes).toBe(3);
  });

  it("BO3: one that brings enough in each stretch goes on, and one that falls silent is cut", async () => {
    const read: number[] = [];
    const reading = (async () => {
      for await (const chunk of boundedBody(source(), bounds, clock)) read.push(chunk.length);
    })();
    const outcome = reading.then(
      () => "whole",
      (error: { code: string }) => error.code,
    );
    await clock.advance(900);
    chunks[0]?.resolve(new Uint8Array(10));
    await clock.advance(200);
    chunks[1]?.resolve(new Uint8Array(9));
    await clock.advance(900);
    expect(read).toEqual([10, 9]);
    await clock.advance(2_000);
    expect(await outcome).toBe("request_timeout");
  });
});
