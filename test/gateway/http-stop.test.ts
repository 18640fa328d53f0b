/** What a stop does with requests that are under way when it begins. */

import { once } from "node:events";
import { Agent, request } from "node:http";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { afterEach, beforeEach, expect, it } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { type Fixture, fixture } from "./http-fixture.ts";

let it_: Fixture;
let agent: Agent;
beforeEach(() => {
  it_ = fixture();
  agent = new Agent({ keepAlive: true });
});
afterEach(async () => {
  agent.destroy();
  await it_.close();
});

/** On a connection that its client keeps; `begun` with the head of the reply. */
function asked(url: string, body?: object) {
  const begun = Promise.withResolvers<void>();
  const whole = new Promise<{ status: number; body: string }>((resolve, reject) => {
    const headers = { "content-type": "application/json" };
    const method = body === undefined ? "GET" : "POST";
    const sent = request(url, { agent, method, headers }, (reply) => {
      begun.resolve();
      text(reply).then((body) => resolve({ status: reply.statusCode ?? 0, body }), reject);
    });
    sent.on("error", reject);
    sent.end(body === undefined ? "" : JSON.stringify(body));
  });
  return { begun: begun.promise, whole };
}

const half = limits.stopMs / 2;

it("a stop ends with the last answer, also where its client would keep the connection", async () => {
  const { url } = await it_.listen();
  const hold = Promise.withResolvers<void>();
  await asked(`${url}/v1/documents`, { id: "a", text: "rivers" }).whole;
  it_.service.hold = hold.promise;
  const answer = asked(`${url}/answer`, { query: "rivers" });
  await expect.poll(() => it_.service.asked.length).toBe(1);
  const beganMs = performance.now();
  const closed = it_.close();
  hold.resolve();
  expect((await answer.whole).status).toBe(200);
  await closed;
  expect(performance.now() - beganMs).toBeLessThan(half);
});

it("a stream of events is told that the node stops, and does not hold the stop up", async () => {
  const { url } = await it_.listen();
  it_.service.hold = Promise.resolve(); // It stays open behind what is there.
  const events = asked(`${url}/v1/events?from_seq=0`);
  await events.begun;
  const beganMs = performance.now();
  await it_.close();
  expect(performance.now() - beganMs).toBeLessThan(half);
  const { body } = await events.whole;
  expect(body).toContain("event: failed");
  expect(body).toContain('"code":"not_ready"');
  expect(body).toContain("this node stops");
});

it("a connection that its client opened ahead of its need does not hold the stop up", async () => {
  const { url } = await it_.listen();
  const ahead = connect(Number(new URL(url).port), "127.0.0.1");
  await once(ahead, "connect");
  await asked(`${url}/healthz`).whole;
  const ended = once(ahead, "close");
  const beganMs = performance.now();
  await it_.close();
  expect(performance.now() - beganMs).toBeLessThan(half);
  await ended;
});

it("an agent that listens for changes loses its stream, and does not hold the stop up", async () => {
  const { url } = await it_.listen();
  it_.service.hold = Promise.resolve();
  const client = new Client(
    { name: "test", version: "1" },
    { versionNegotiation: { mode: "auto" } },
  );
  await client.connect(new StreamableHTTPClientTransport(new URL("/mcp", url)));
  const listening = await client.listen({ resourceSubscriptions: ["freshet://demo/documents/a"] });
  const beganMs = performance.now();
  await it_.close();
  expect(performance.now() - beganMs).toBeLessThan(half);
  expect(await listening.closed).toBe("remote");
  await client.close();
});
