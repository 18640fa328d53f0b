import { readFileSync } from "node:fs";
import { connect, nanos } from "nats";
import { afterAll, beforeAll, expect, it } from "vitest";
import { preferredNode } from "../../src/cluster/ownership.ts";
import type { DocumentId, Partition, TenantId } from "../../src/contract/ids.ts";
import { partitionOf } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import {
  type FreshetProcess,
  freshTenant,
  openSite,
  type Site,
} from "../support/engine-process.ts";
import { type Client, httpClient } from "../support/http-service.ts";
import { eventually } from "../support/promises.ts";
import { readHeaders } from "../support/records.ts";

/**
 * Two engines on one log, through a life together: they share, one dies, comes back, and one is stopped past its
 * lease. The stories build on each other, as the nodes' lives do.
 */

const names = ["node-a", "node-b"] as const;
const partitions = Array.from({ length: 8 }, (_, index) => index as Partition);

interface Node {
  readonly name: string;
  readonly process: FreshetProcess;
  readonly client: Client;
}

let site: Site;
let a: Node;
let b: Node;
/** One tenant whose partition is drawn to node-a, and one to node-b. */
let ofA: TenantId;
let ofB: TenantId;

async function startNode(name: string): Promise<Node> {
  const process = await site.startEngine({ FRESHET_NODE: name });
  return { name, process, client: httpClient(process.url) };
}

function tenantOf(name: string): TenantId {
  for (;;) {
    const tenant = freshTenant("shared");
    if (preferredNode(partitionOf(tenant, 8), names) === name) return tenant;
  }
}

beforeAll(async () => {
  site = await openSite();
  [ofA, ofB] = [tenantOf("node-a"), tenantOf("node-b")];
  a = await startNode("node-a");
  b = await startNode("node-b");
});

afterAll(() => site.close());

/** The server's own hand on the leases: what no node could do. */
async function jetstreamOf(servers: string) {
  const connection = await connect({ servers });
  const manager = await connection.jetstreamManager();
  return {
    purge: () => manager.streams.purge("KV_freshet_leases"),
    keep: (ms: number) => manager.streams.update("KV_freshet_leases", { max_age: nanos(ms) }),
    close: () => connection.close(),
  };
}

const holderOf = async (tenant: TenantId): Promise<string> => {
  const holder = await site.log.leases.holder(partitionOf(tenant, 8));
  return holder?.split("~")[0] ?? "nobody";
};

const shares = async (): Promise<readonly number[]> => {
  const states = await Promise.all([a.client.status(), b.client.status()]);
  return states.map((state) => state.partitions.owned);
};

const fair = names.map(
  (name) => partitions.filter((one) => preferredNode(one, names) === name).length,
);

const isShared = () => eventually(async () => expect(await shares()).toEqual(fair));

async function publish(tenant: TenantId, id: string, text: string): Promise<number> {
  const payload = new TextEncoder().encode(JSON.stringify({ id, text }));
  return (await site.log.docs.publish({ tenant, payload })).seq;
}

const recordsOf = (tenant: TenantId) => readHeaders(site.log.chunks, tenant);

/** I2, I3: one record for each operation, in order, under epochs that never go back. */
async function expectOnce(tenant: TenantId, versions: readonly number[]): Promise<void> {
  const records = await recordsOf(tenant);
  const operations = records.filter(({ kind }) => kind !== "fence");
  expect(operations.map(({ version }) => version)).toEqual(versions);
  const epochs = records.map(({ epoch }) => epoch);
  expect(epochs).toEqual(epochs.toSorted((left, right) => left - right));
}

it("share the partitions as drawn, and answer for each other's tenants", async () => {
  await isShared();
  expect(Math.min(...fair)).toBeGreaterThan(0);
  for (const tenant of [ofA, ofB]) {
    const seq = await publish(tenant, "where", `The spare key of ${tenant} hangs in the barn.`);
    for (const { client } of [a, b]) {
      const answer = await client.search(tenant, "where is the spare key", seq);
      expect(answer.sources).toMatchObject([{ id: "where", version: seq }]);
      const state = await client.document({ tenant }, "where" as DocumentId);
      expect(state).toMatchObject({ status: "visible", seq });
    }
  }
});

it("I1, I2: kill -9 of one: the other takes over within a lease and answers, nothing lost or doubled", async () => {
  const before = (await recordsOf(ofB)).filter(({ kind }) => kind !== "fence");
  await b.process.kill9();
  const sent = await Promise.all(
    ["one", "two", "three"].map((word) => publish(ofB, word, `Said meanwhile: ${word}.`)),
  );
  // What is not the dead node's goes on.
  const alive = await publish(ofA, "alive", "The mill is still turning.");
  expect((await a.client.search(ofA, "is the mill turning", alive)).sources).toHaveLength(2);
  const newest = Math.max(...sent);
  await eventually(async () => {
    const { sources } = await a.client.search(ofB, "said meanwhile", newest);
    expect(sources.map(({ id }) => id).sort()).toEqual(["one", "three", "two", "where"]);
  });
  expect(await holderOf(ofB)).toBe("node-a");
  const versions = [...before.map(({ version }) => version), ...sent].toSorted((x, y) => x - y);
  await expectOnce(ofB, versions);
});

it("a node that comes back gets its partitions again, while the other's tenants are served on", async () => {
  const serving = new AbortController();
  const failures: unknown[] = [];
  const asking = (async () => {
    while (!serving.signal.aborted) {
      await a.client
        .question(ofA, { query: "where is the spare key", mode: "search", wait_ms: 0 })
        .catch((thrown: unknown) => failures.push(thrown));
    }
  })();
  await b.process.restart();
  await isShared();
  expect(await holderOf(ofB)).toBe("node-b");
  const answer = await a.client.search(ofB, "said meanwhile");
  expect(answer.sources.map(({ id }) => id).sort()).toEqual(["one", "three", "two", "where"]);
  serving.abort();
  await asking;
  expect(failures).toEqual([]);
});

it("I6: when the server's clock steps forward and all leases are gone, whoever lost its tenants answers nothing old", async () => {
  const manager = await jetstreamOf(site.nats.url);
  const before = await publish(ofB, "step", "The clock says noon.");
  await b.client.search(ofB, "what does the clock say", before);
  // What a clock that jumps past their age does. No other node is known any more, so node-a takes all that lies free.
  await manager.purge();
  await eventually(async () => expect(await holderOf(ofB)).toBe("node-a"));
  const after = await publish(ofB, "step", "The clock says midnight.");
  await a.client.search(ofB, "what does the clock say", after);
  // node-b counts its lease by its own clock, and has not renewed it since.
  for (let round = 0; round < 50; round += 1) {
    const asked = { query: "what does the clock say", mode: "search", wait_ms: 0 };
    const answer = await b.client.question(ofB, asked).catch((thrown: { code?: string }) => thrown);
    if ("sources" in answer) {
      expect(answer.sources.find(({ id }) => id === "step")).toMatchObject({ version: after });
    } else expect(answer.code).toBe("not_ready");
    const state = await b.client
      .document({ tenant: ofB }, "step" as DocumentId)
      .catch(() => undefined);
    if (state !== undefined) expect(state).toMatchObject({ status: "visible", seq: after });
  }
  await isShared();
  await manager.close();
});

it("a node that was killed and starts again under its name takes its own leases, also when the server drops none", async () => {
  await isShared();
  const manager = await jetstreamOf(site.nats.url);
  // What a clock that was set back does: leases outlive their time.
  await manager.keep(3_600_000);
  const held = await site.log.leases.holder(partitionOf(ofB, 8));
  await b.process.kill9();
  await b.process.restart();
  await eventually(async () => {
    const now = await site.log.leases.holder(partitionOf(ofB, 8));
    expect(now?.split("~")[0]).toBe("node-b");
    expect(now).not.toBe(held);
  });
  expect((await b.client.search(ofB, "where is the spare key")).sources).not.toEqual([]);
  await manager.keep(limits.leaseMs);
  await manager.close();
});

it("of two processes under one name the later one serves, the earlier one asks it, and neither takes from the other again", async () => {
  const twin = await startNode("node-b");
  await eventually(async () => {
    const { partitions: of } = await twin.client.status();
    expect(of.owned).toBe(fair[1]);
  });
  const held = await site.log.leases.holder(partitionOf(ofB, 8));
  for (const { client } of [b, twin, a]) {
    const answer = await client.search(ofB, "where is the spare key");
    expect(answer.sources).not.toEqual([]);
  }
  await eventually(async () => expect((await b.client.status()).partitions.owned).toBe(0));
  // Told when it next tries to take what is drawn to its name.
  await eventually(() => {
    const log = readFileSync(b.process.logFile, "utf8");
    expect(log).toContain("started under this node's name");
  });
  expect(await site.log.leases.holder(partitionOf(ofB, 8))).toBe(held);
  await twin.process.stop();
  await isShared();
});

it("I6: a node that slept past its lease changes nothing and answers nothing, and asks the owner instead", async () => {
  const before = await recordsOf(ofB);
  const zombie = before.at(-1)?.epoch ?? 0;
  b.process.pause();
  await eventually(async () => expect(await holderOf(ofB)).toBe("node-a"));
  const seq = await publish(ofB, "where", "The spare key hangs in the attic now.");
  const { sources } = await a.client.search(ofB, "where is the spare key", seq);
  expect(sources.find(({ id }) => id === "where")).toMatchObject({ version: seq });
  const fence = (await recordsOf(ofB)).find(({ epoch }) => epoch > zombie);
  expect(fence?.kind).toBe("fence");

  b.process.resume();
  const late = await publish(ofB, "late", "Published when the sleeper woke.");
  for (let round = 0; round < 20; round += 1) {
    const asked = { query: "where is the spare key", mode: "search", wait_ms: 0 };
    const answer = await b.client.question(ofB, asked).catch((thrown: { code?: string }) => thrown);
    // Forwarded to the owner, or refused in a way that may be tried again; never what it knew before.
    if ("sources" in answer) {
      expect(answer.sources.find(({ id }) => id === "where")).toMatchObject({ version: seq });
    } else expect(answer.code).toBe("not_ready");
  }
  await a.client.search(ofB, "published when the sleeper woke", late);
  const after = (await recordsOf(ofB)).filter(({ position }) => position > (fence?.position ?? 0));
  expect(after.filter(({ epoch }) => epoch <= zombie)).toEqual([]);
  const versions = before.filter(({ kind }) => kind !== "fence").map(({ version }) => version);
  await expectOnce(ofB, [...versions, seq, late]);
  // It shares again, with a new epoch.
  await isShared();
  expect((await b.client.search(ofB, "where is the spare key", late)).sources).not.toEqual([]);
});
