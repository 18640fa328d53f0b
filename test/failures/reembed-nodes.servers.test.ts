/**
 * Two nodes and a tenant that gets another model: one owns it and both are asked. No reply is of two
 * generations, none is of the old one after one was of the new one, also when the tenant changes
 * hands; and a node without the model answers nothing.
 */
import { rmSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { preferredNode } from "../../src/cluster/ownership.ts";
import { type DocumentId, partitionOf, type TenantId } from "../../src/contract/ids.ts";
import type { Answer } from "../../src/contract/query.ts";
import {
  type FreshetProcess,
  freshTenant,
  openSite,
  type Site,
} from "../support/engine-process.ts";
import { type Client, httpClient } from "../support/http-service.ts";
import { cacheWithTwoModels, otherModel } from "../support/other-model.ts";
import { eventually } from "../support/promises.ts";
import { type ReembedCli, reembedCli } from "../support/reembed-cli.ts";

interface Node {
  readonly process: FreshetProcess;
  readonly client: Client;
}

const names = ["node-a", "node-b"] as const;
const [cache, poor] = [cacheWithTwoModels(), cacheWithTwoModels("model")];
const tenant = tenantOf("node-a");
const things = ["crane", "beacon", "pilot", "ferry", "winch", "buoy", "dock", "anchor"];
let site: Site;
let a: Node;
let b: Node;
let cli: ReembedCli;

function tenantOf(name: string): TenantId {
  for (;;) {
    const drawn = freshTenant("reembed-nodes");
    if (preferredNode(partitionOf(drawn, 8), names) === name) return drawn;
  }
}

async function startNode(name: string, models: string): Promise<Node> {
  const process = await site.startEngine({ FRESHET_NODE: name, FRESHET_CACHE_DIR: models });
  return { process, client: httpClient(process.url) };
}

const holder = async (): Promise<string | undefined> =>
  (await site.log.leases.holder(partitionOf(tenant, 8)))?.split("~")[0];

const ownedBy = (name: string) => eventually(async () => expect(await holder()).toBe(name));

beforeAll(async () => {
  site = await openSite({ FRESHET_CACHE_DIR: cache, FRESHET_TENANT_SLEEP_S: "0" });
  a = await startNode("node-a", cache);
  b = await startNode("node-b", poor);
  await site.startMergeWorker();
  cli = reembedCli(site.env, tenant);
  await ownedBy("node-a");
});

afterAll(async () => {
  await site.close();
  for (const folder of [cache, poor]) rmSync(folder, { recursive: true, force: true });
});

async function publish(id: string, text: string): Promise<number> {
  const payload = new TextEncoder().encode(JSON.stringify({ id, text }));
  return (await site.log.docs.publish({ tenant, payload })).seq;
}

interface Shown {
  readonly generation: number;
  readonly found: readonly string[];
}

function shown({ origin, sources }: Answer): Shown {
  const found = sources.map(({ id, score }) => `${id} ${score.toFixed(4)}`);
  return { generation: origin?.generation ?? 1, found };
}

const asking = (at: number, of: object = {}) => ({
  ...{ query: `who looks after the ${things[at % things.length]}`, mode: "search", top_k: 8 },
  ...of,
});

const allOf = (client: Client, of: object): Promise<readonly Shown[]> =>
  Promise.all(things.map(async (_, at) => shown(await client.question(tenant, asking(at, of)))));

/** Asks both nodes in turns while the work goes on; what was refused is told by its code. */
async function askedWhile(nodes: () => readonly Node[], work: () => Promise<void>) {
  const seen: { readonly at: number; readonly reply: Shown | string }[] = [];
  const over = new AbortController();
  const loop = (async () => {
    for (let at = 0; !over.signal.aborted; at += 1) {
      const { client } = nodes()[at % nodes().length] as Node;
      const reply = await client
        .question(tenant, asking(at, { wait_ms: 0 }))
        .then(shown, (thrown: { readonly code?: string }) => thrown.code ?? "no reply");
      seen.push({ at, reply });
    }
  })();
  await work();
  const before = seen.length;
  await eventually(() => expect(seen.length).toBeGreaterThan(before + 8));
  over.abort();
  await loop;
  return seen;
}

const generationsIn = (seen: readonly { readonly reply: Shown | string }[]): readonly number[] =>
  seen.flatMap(({ reply }) => (typeof reply === "string" ? [] : [reply.generation]));

it("a cut-over is refused while a node lacks the model, and names it and what to do", async () => {
  for (const [at, thing] of things.entries()) {
    await publish(`doc-${at}`, `The ${thing} of the old harbour is looked after by keeper ${at}.`);
  }
  expect(await cli("start", "--model", otherModel, "--rate", "5000")).toMatchObject({ code: 0 });
  await eventually(async () =>
    expect((await site.log.generations.get(tenant)).generations.state).toBe("fed"),
  );
  await eventually(async () => expect(await allOf(a.client, { generation: 2 })).toHaveLength(8));
  const refused = await cli("cut-over", "--force");
  expect(refused.code).toBe(1);
  expect(refused.err).toContain(`node-b cannot embed by ${otherModel}: install it there`);
  await b.process.stop();
  b = await startNode("node-b", cache);
});

it("both nodes answer from one generation at each moment through a cut-over (GN1)", async () => {
  await eventually(async () => expect(await allOf(b.client, { generation: 2 })).toHaveLength(8));
  const [first, next] = [
    await allOf(a.client, { generation: 1 }),
    await allOf(b.client, { generation: 2 }),
  ];
  expect(next).not.toEqual(first);
  const seen = await askedWhile(
    () => [a, b],
    async () => {
      await eventually(async () =>
        expect(await cli("cut-over", "--force")).toMatchObject({ code: 0 }),
      );
      await eventually(async () =>
        expect(shown(await b.client.question(tenant, asking(0))).generation).toBe(2),
      );
    },
  );
  for (const { at, reply } of seen) {
    if (typeof reply === "string") expect(reply).toBe("not_ready");
    else expect(reply).toEqual((reply.generation === 1 ? first : next)[at % things.length]);
  }
  const order = generationsIn(seen);
  expect([order[0], order.at(-1)]).toEqual([1, 2]);
  expect(order).toEqual([...order].sort());
});

it("the next owner answers from the new generation alone, however quick the old one is to load (GB3)", async () => {
  const seen = await askedWhile(
    () => [b],
    async () => {
      await a.process.kill9();
      await ownedBy("node-b");
      await eventually(async () => {
        const seq = await publish("late", "The sluice of the old harbour is opened by Ida.");
        const asked = { query: "who opens the sluice", mode: "search", min_seq: seq };
        const { sources } = await b.client.question(tenant, { ...asked, wait_ms: 5_000 });
        expect(sources[0]?.id).toBe("late");
      });
    },
  );
  expect(new Set(generationsIn(seen))).toEqual(new Set([2]));
});

it("a node that starts without the model answers nothing of the tenant, and says why", async () => {
  await b.process.kill9();
  const c = await startNode("node-c", poor);
  await ownedBy("node-c");
  const ways: readonly (() => Promise<unknown>)[] = [
    () => c.client.question(tenant, asking(0)),
    () => c.client.document({ tenant }, "doc-1" as DocumentId),
    () => fetch(`${c.process.url}/v1/documents`, { headers: { "x-tenant": tenant } }).then(refusal),
  ];
  await eventually(async () => {
    for (const way of ways) {
      const refused = await way().catch((thrown: unknown) => thrown);
      expect(refused).toMatchObject({ code: "not_ready" });
      expect(String((refused as Error).message)).toContain(`${otherModel}, cannot be loaded here`);
    }
  });
  // The old one is fed and loaded, and may be asked by its number.
  const old = shown(await c.client.question(tenant, asking(0, { generation: 1 })));
  expect(old.generation).toBe(1);
});

async function refusal(response: Response): Promise<unknown> {
  const { code, detail, message } = (await response.json()) as Record<string, string>;
  return { code, message: detail ?? message };
}
