/** One request to a receiver on loopback, as it may be met. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { EndpointPost } from "../../src/contract/endpoint.ts";
import { isSignedByStandard } from "../../src/ingest/sources/signature.ts";
import {
  createEndpointClient,
  type EndpointClient,
  signatureOf,
} from "../../src/merges/remote/endpoints.ts";

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

let server: Server;
let client: EndpointClient;
let answer: Answer;
let bodies: string[];
let seen: IncomingMessage[];
let url: string;

beforeEach(async () => {
  bodies = [];
  seen = [];
  answer = (_request, response) => void response.writeHead(204).end();
  server = createServer((request, response) => {
    let body = "";
    request.on("data", (part) => {
      body += String(part);
    });
    request.on("end", () => {
      bodies.push(body);
      seen.push(request);
      answer(request, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/in?x=1`;
  client = createEndpointClient({
    networks: ["127.0.0.1"],

    userAgent: "Freshet/1",
  });
});
afterEach(async () => {
  await client.close();
  server.closeAllConnections();
  server.close();
});

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const post = (more: Partial<EndpointPost> = {}) =>
  client.post({ url, id: "msg_1", secrets: [secret], atMs: Date.now(), body: "{}", ...more });

describe("the signature of an event", () => {
  it("is the one of Standard Webhooks' own example", () => {
    const atMs = 1_614_265_330_000;
    const example = { id: "msg_p5jXN8AQM9LWM0D4loKWxJek", atMs, body: '{"test": 2432232314}' };
    expect(signatureOf({ ...example, secrets: [secret] })).toEqual({
      "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
      "webhook-timestamp": "1614265330",
      "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    });
  });

  it("is accepted by either secret while two sign, and by no third", () => {
    const nowMs = 1_700_000_000_400;
    const other = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
    const body = JSON.stringify({ type: "document.indexed", note: "ümläut" });
    const headers = signatureOf({ id: "msg_2", atMs: nowMs, body, secrets: [other, secret] });
    const signed = { headers, body: new TextEncoder().encode(body), nowMs };
    expect(isSignedByStandard(signed, secret)).toBe(true);
    expect(isSignedByStandard(signed, other)).toBe(true);
    const third = `whsec_${Buffer.alloc(32, 8).toString("base64")}`;
    expect(isSignedByStandard(signed, third)).toBe(false);
  });
});

describe("a request to a receiver", () => {
  it("posts the body with its id, its time and its signature", async () => {
    expect(await post({ body: '{"type":"document.indexed"}' })).toEqual({
      kind: "delivered",
      status: 204,
    });
    const [{ method, url: path, headers } = { headers: {} }] = seen;
    expect([method, path, bodies[0]]).toEqual(["POST", "/in?x=1", '{"type":"document.indexed"}']);
    expect(headers).toMatchObject({
      "content-type": "application/json",
      "user-agent": "Freshet/1",
      "webhook-id": "msg_1",
    });
    const body = new TextEncoder().encode(bodies[0]);
    const given = headers as Record<string, string>;
    expect(isSignedByStandard({ headers: given, body, nowMs: Date.now() }, secret)).toBe(true);
  });

  it("is over in its time when the receiver hangs (WP1)", async () => {
    const impatient = createEndpointClient({ networks: ["127.0.0.1"], requestMs: 200 });
    const sent = { url, id: "msg_1", secrets: [secret], atMs: 0, body: "{}" };
    answer = () => {};
    expect(await impatient.post(sent)).toEqual({ kind: "failed", reason: "timeout" });
    await impatient.close();
  });

  it("is delivered by the status of a reply whose body never ends (WP2)", async () => {
    answer = (_request, response) => {
      response.writeHead(200).write("a");
      setTimeout(() => server.closeAllConnections(), 100);
    };
    expect(await post()).toEqual({ kind: "delivered", status: 200 });
  });

  it("waits behind no slow webhook of another tenant at the same host", async () => {
    const held: ServerResponse[] = [];
    answer = (request, response) => {
      if (request.url === "/slow") held.push(response);
      else response.writeHead(204).end();
    };
    const slow = Array.from({ length: 3 }, () => post({ url: url.replace("/in?x=1", "/slow") }));
    await expect.poll(() => held.length).toBe(3);
    expect(await post()).toEqual({ kind: "delivered", status: 204 });
    for (const response of held) response.writeHead(200).end();
    expect((await Promise.all(slow)).map(({ kind }) => kind)).toEqual(Array(3).fill("delivered"));
  });

  it("does not follow a redirect, which could lead anywhere", async () => {
    answer = (_request, response) => void response.writeHead(307, { location: url }).end();
    expect(await post()).toEqual({ kind: "failed", status: 307, reason: "redirect 307" });
    expect(seen).toHaveLength(1);
  });

  it("is told what the status means: 410 for good, others to be tried again", async () => {
    answer = (_request, response) => void response.writeHead(410).end();
    expect(await post()).toEqual({ kind: "gone", status: 410 });
    answer = (_request, response) => void response.writeHead(503, { "retry-after": "7" }).end();
    expect(await post()).toEqual({
      ...{ kind: "failed", status: 503, reason: "status 503", retryAfterMs: 7_000 },
    });
    const atMs = Date.parse("Mon, 30 Nov 2026 10:00:00 GMT");
    const until = "Mon, 30 Nov 2026 10:20:00 GMT";
    answer = (_request, response) => void response.writeHead(429, { "retry-after": until }).end();
    expect(await post({ atMs })).toMatchObject({ retryAfterMs: 20 * 60_000 });
    answer = (_request, response) => void response.writeHead(400).end("x".repeat(1e6));
    expect(await post()).toEqual({ kind: "failed", status: 400, reason: "status 400" });
  });

  it("says what kept it from a receiver that is not there, or may not be reached", async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    expect(await post()).toEqual({ kind: "failed", reason: "connection refused" });
    const strict = createEndpointClient();
    const direct = { id: "m", secrets: [secret], atMs: 0, body: "" };
    const refused = { kind: "failed", reason: "address_refused" };
    expect(await strict.post({ ...direct, url })).toEqual(refused);
    expect(await strict.post({ ...direct, url: "https://localhost:1/" })).toEqual(refused);
    await strict.close();
  });

  it("ends with its caller", async () => {
    answer = () => {};
    const cut = new AbortController();
    const posting = post({ signal: cut.signal });
    cut.abort(new Error("cut"));
    await expect(posting).rejects.toThrow("cut");
  });
});
