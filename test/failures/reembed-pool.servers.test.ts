/**
 * A tenant is re-embedded by a model that neither engine nor merge worker can compute: embed
 * servers of that model do, one given by its URL to the engine, one found on NATS by the worker.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import {
  type EmbedServerProcess,
  startEmbedServerProcess,
} from "../support/embed-server-process.ts";
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

const subject = "freshet.embed.generation";
const [servers, callers] = [cacheWithTwoModels(), cacheWithTwoModels("graph")];
const tenant = freshTenant("reembed-pool");
let site: Site;
let pool: readonly EmbedServerProcess[] = [];
let engine: FreshetProcess;
let client: Client;
let cli: ReembedCli;

beforeAll(async () => {
  site = await openSite({ FRESHET_CACHE_DIR: callers, FRESHET_TENANT_SLEEP_S: "0" });
  const env = {
    FRESHET_NATS_URL: site.nats.url,
    FRESHET_CACHE_DIR: servers,
    FRESHET_MODEL_DIR: join(servers, "models", otherModel),
  };
  const start = () => startEmbedServerProcess(env, ["--nats", subject]);
  pool = await Promise.all([start(), start()]);
  const urls = pool.map(({ url }) => url).join();
  const own = { FRESHET_EMBED_GENERATIONS: `${otherModel}=${urls}` };
  const found = { FRESHET_EMBED_GENERATIONS: `${otherModel}=nats:${subject}` };
  engine = await site.startEngine(own);
  await site.startMergeWorker({ env: found });
  client = httpClient(engine.url);
  cli = reembedCli(site.env, tenant);
});

afterAll(async () => {
  await site.close();
  for (const server of pool) await server.stop();
  for (const folder of [servers, callers]) rmSync(folder, { recursive: true, force: true });
});

async function publish(id: string, text: string): Promise<number> {
  const payload = new TextEncoder().encode(JSON.stringify({ id, text }));
  return (await site.log.docs.publish({ tenant, payload })).seq;
}

const asking = { query: "who looks after the beacon", mode: "search", wait_ms: 30_000 };

it("a generation is built, fed and asked by servers of its model, also when one of them ends", async () => {
  await publish("beacon", "The beacon of the old harbour is looked after by Nora.");
  await publish("crane", "The crane of the old harbour is looked after by Per.");
  expect(await cli("start", "--model", otherModel, "--rate", "5000")).toMatchObject({ code: 0 });
  await eventually(async () =>
    expect((await site.log.generations.get(tenant)).generations.state).toBe("fed"),
  );
  await pool[0]?.kill9();
  const seq = await publish("pilot", "The pilot of the old harbour is Ida.");
  const fed = await client.question(tenant, {
    ...{ query: "who is the pilot", mode: "search", min_seq: seq },
    ...{ generation: 2, wait_ms: 30_000 },
  });
  expect(fed.sources[0]?.id).toBe("pilot");
  // The engine says that it can embed by it, without a graph of its own.
  expect(await cli("cut-over", "--force")).toMatchObject({ code: 0 });
  await eventually(async () => {
    const { origin, sources } = await client.question(tenant, asking);
    expect([origin?.generation, sources[0]?.id]).toEqual([2, "beacon"]);
  });
});
