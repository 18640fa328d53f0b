/** A connection to a cluster, of nodes that only say whether they are there. */

import { createServer, type Server } from "node:http";
import { afterEach, beforeEach, expect, it } from "vitest";
import { addressesOf } from "../../src/cold/weaviate-client.ts";
import { Connection } from "../../src/cold/weaviate-connection.ts";
import { isUnknownTenant } from "../../src/cold/weaviate-fault.ts";
import { limits } from "../../src/contract/limits.ts";
import { silentLogger } from "../../src/contract/observation.ts";
import { createManualClock } from "../support/manual-clock.ts";

type Mood = "ready" | "alive" | "silent" | "gone";

class FakeNode {
  mood: Mood = "ready";
  looks = 0;
  url = "";
  #server: Server | undefined;

  async start(): Promise<void> {
    const server = createServer(({ url: path, socket }, reply) => {
      this.looks += 1;
      const isWell = this.mood === "ready" || path?.endsWith("/live") === true;
      if (this.mood === "gone") socket.resetAndDestroy();
      else if (this.mood === "silent") socket.resume();
      else if (path === "/v1/meta") reply.end('{"version":"1.35.2"}');
      else reply.writeHead(isWell ? 200 : 503).end();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("not a TCP server");
    this.url = `http://127.0.0.1:${address.port}`;
    this.#server = server;
  }

  async close(): Promise<void> {
    this.#server?.closeAllConnections();
    await new Promise((resolve) => this.#server?.close(resolve));
  }
}

let nodes: readonly FakeNode[];

beforeEach(async () => {
  nodes = [new FakeNode(), new FakeNode(), new FakeNode()];
  await Promise.all(nodes.map((node) => node.start()));
});

afterEach(() => Promise.all(nodes.map((node) => node.close())));

function open() {
  const clock = createManualClock();
  const prepared: string[] = [];
  const used: string[] = [];
  const connection = new Connection({
    url: nodes.map(({ url }) => url).join(","),
    grpc: nodes.map(() => "127.0.0.1:1").join(","),
    ...{ clock, logger: { ...silentLogger, info: (fields) => void used.push(urlIn(fields)) } },
    prepare: async () => void prepared.push("asked"),
    takeOver: () => void prepared.push("taken over"),
  });
  const inUse = (): FakeNode | undefined => nodes.find(({ url }) => url === used.at(-1));
  return { clock, connection, prepared, used, inUse };
}

function urlIn(fields: unknown): string {
  return (fields as { url: string }).url;
}

const breaks = new Error("/weaviate.v1.Weaviate/Search UNAVAILABLE: read ECONNRESET");
const unavailable = expect.objectContaining({ code: "cold_unavailable" });

it("addresses stand in pairs, REST and gRPC in the same order", () => {
  const pairs = addressesOf({ url: "http://a:1,http://b:2", grpc: "a:3,b:4" });
  expect(pairs).toEqual([
    { url: "http://a:1", grpc: "a:3" },
    { url: "http://b:2", grpc: "b:4" },
  ]);
});

it("takes the one that is there, and the first that answers when all are (WC4)", async () => {
  const [first, second, third] = nodes as [FakeNode, FakeNode, FakeNode];
  first.mood = "gone";
  third.mood = "silent";
  const { connection, inUse } = open();
  expect(await connection.run(async () => "answer")).toBe("answer");
  expect(inUse()).toBe(second);
});

it("an operation whose connection broke is done once more through another node, which is told what the first one said (WC4)", async () => {
  const { connection, prepared, used } = open();
  let attempts = 0;
  const work = async () => {
    attempts += 1;
    if (attempts === 1) throw breaks;
    return attempts;
  };
  expect(await connection.run(work)).toBe(2);
  expect(prepared).toEqual(["asked", "taken over"]);
  expect(new Set(used).size).toBe(2);
  await expect(connection.run(() => Promise.reject(breaks))).rejects.toEqual(unavailable);
});

it("what a client is not prepared with for good is looked at again before each use (WS1)", async () => {
  const { clock } = open();
  const steps: string[] = [];
  const [{ url }] = nodes as [FakeNode];
  const connection = new Connection({
    ...{ url, grpc: "127.0.0.1:1", clock, logger: silentLogger },
    prepare: async () => void steps.push("prepared"),
    mustPrepareAgain: () => steps.length < 4,
  });
  for (let use = 0; use < 3; use += 1) {
    await connection.run(async () => void steps.push("used"));
  }
  expect(steps).toEqual(["prepared", "prepared", "used", "prepared", "used", "used"]);
  connection.close();
});

it("what a node says of its way to another one costs nobody the connection, and is not repeated", async () => {
  const { connection, used } = open();
  let attempts = 0;
  const says =
    "/weaviate.v1.Weaviate/Search UNKNOWN: explorer: get class: vector search: " +
    'remote shard t1: connect: Post "http://127.0.0.1:1/indices": request aborted: timed out';
  const work = () => {
    attempts += 1;
    return Promise.reject(new Error(says));
  };
  await expect(connection.run(work)).rejects.toEqual(unavailable);
  expect({ attempts, connections: used.length }).toEqual({ attempts: 1, connections: 1 });
});

it("a silent node is given up though all who asked it went before the look was over (WC5)", async () => {
  const { clock, connection, inUse, used } = open();
  await connection.run(async () => "answer");
  const frozen = inUse();
  if (frozen === undefined) throw new Error("connected to no node");
  frozen.mood = "silent";
  const caller = new AbortController();
  const asked = expect(
    connection.run(
      (_, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => reject(new Error("aborted")), { once: true });
        }),
      caller.signal,
    ),
  ).rejects.toMatchObject({ code: "cancelled" });
  await clock.untilSleeping(2);
  await clock.advance(limits.coldProbeEveryMs);
  caller.abort();
  await asked;
  await clock.untilSleeping(1);
  await clock.advance(limits.coldConnectMs);
  expect(await connection.run(async () => "answer")).toBe("answer");
  expect(inUse()).not.toBe(frozen);
  expect(new Set(used).size).toBe(2);
});

it("nodes that wonder about another one are used all the same, and unready ones only when none is ready", async () => {
  const [first, second, third] = nodes as [FakeNode, FakeNode, FakeNode];
  first.mood = "alive";
  second.mood = "alive";
  third.mood = "gone";
  const { connection, inUse } = open();
  expect(await connection.run(async () => "answer")).toBe("answer");
  expect([first, second]).toContain(inUse());
});

it("when none answers, callers are refused until a pause is over, as with one (WC1)", async () => {
  for (const node of nodes) node.mood = "gone";
  const { clock, connection } = open();
  await expect(connection.run(async () => "answer")).rejects.toEqual(unavailable);
  const looks = nodes.map((node) => node.looks);
  await expect(connection.run(async () => "answer")).rejects.toEqual(unavailable);
  expect(nodes.map((node) => node.looks)).toEqual(looks);
  for (const node of nodes) node.mood = "ready";
  await clock.advance(limits.coldReconnectMinMs);
  expect(await connection.run(async () => "answer")).toBe("answer");
});

it.each([
  ['tenant not found: "t1"', true],
  ["could not find class FreshetChunk in schema", true],
  ['class "FreshetChunk" not found in schema', true],
  ["class not found FreshetChunk", true],
  // A node that has just begun, told by another one.
  ['explorer: get class: vector search: local index "FreshetChunk" not found', false],
  ["explorer: get class: vector search: remote shard t1: shard not found", false],
  ["explorer: list class: search: no read replica found", false],
  ["index for class FreshetChunk not found locally", false],
  ['class "FreshetChunk" not found locally', false],
])("%s is told apart from an outage: %s", (message, isUnknown) => {
  expect(isUnknownTenant(message)).toBe(isUnknown);
});
