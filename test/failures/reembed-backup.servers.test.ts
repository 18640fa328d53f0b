/**
 * The drill with generations: a tenant that was cut over, and one whose build is under way, are
 * backed up, everything is destroyed, and they are restored on fresh servers.
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { plainEnvironment } from "../../ops/servers/context.ts";
import { type Servers, startServers } from "../../ops/servers/start-servers.ts";
import { silentProgress } from "../../ops/setup/progress.ts";
import { generationName, type TenantId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { type Environment, freshTenant, openSite, type Site } from "../support/engine-process.ts";
import { type Client, httpClient } from "../support/http-service.ts";
import { mergeForGood } from "../support/merge-for-good.ts";
import { cacheWithTwoModels, otherModel } from "../support/other-model.ts";
import { eventually } from "../support/promises.ts";
import { reembedCli } from "../support/reembed-cli.ts";
import { runCommand } from "../support/run-freshet.ts";

const cache = cacheWithTwoModels();
const folder = mkdtempSync(join(tmpdir(), "freshet-reembed-backup-"));
const store = join(folder, "store");
const [cut, built] = [freshTenant("cut"), freshTenant("built")];
const settings = { FRESHET_CACHE_DIR: cache, FRESHET_TENANT_SLEEP_S: "0" };
const things = ["crane", "beacon", "pilot", "ferry", "winch", "buoy", "dock", "anchor"];
let site: Site;
let restored: Site | undefined;
let fresh: Servers | undefined;
let client: Client;
let before: readonly unknown[];

beforeAll(async () => {
  site = await openSite(settings);
  const [engine] = await Promise.all([site.startEngine(), site.startMergeWorker()]);
  client = httpClient(engine.url);
}, 240_000);

afterAll(async () => {
  await restored?.close();
  await site.close();
  await fresh?.stop();
  for (const place of [folder, cache]) rmSync(place, { recursive: true, force: true });
});

async function publish(tenant: TenantId, id: string, text: string): Promise<number> {
  const payload = new TextEncoder().encode(JSON.stringify({ id, text }));
  const { seq } = await site.log.docs.publish({ tenant, payload });
  await site.event(seq);
  return seq;
}

const stateOf = async (at: Site, tenant: TenantId): Promise<string> =>
  (await at.log.generations.get(tenant)).generations.state;

async function run(parameters: readonly string[], env: Environment) {
  const running = runCommand(["backup", ...parameters], env);
  const code = await running.ended;
  return { code, stdout: running.stdout(), stderr: running.stderr() };
}

/** What each generation finds, and which one answers. */
async function answers(): Promise<readonly unknown[]> {
  const found: unknown[] = [];
  for (const of of [{}, { generation: 1 }, { generation: 2 }]) {
    for (const thing of things) {
      const query = `who looks after the ${thing}`;
      const asked = { query, mode: "search", ...of };
      const { sources, origin, coverage } = await client.question(cut, asked);
      // On a busy machine cold may be late, and the answer says so: it is asked again.
      expect(coverage.cold).toBe("complete");
      const shown = sources.map(({ shard: _, score, ...source }) => [score.toFixed(6), source]);
      found.push([origin?.generation ?? 1, shown]);
    }
  }
  return found;
}

it("a tenant that was cut over and one that is being built are in a backup", async () => {
  for (const tenant of [cut, built]) {
    for (const [at, thing] of things.entries()) {
      await publish(tenant, `doc-${at}`, `The ${thing} of the harbour is kept by keeper ${at}.`);
    }
  }
  // More than a page of texts: at one a second the second one waits for a minute.
  const more = Array.from({ length: limits.reembedPageTexts }, (_, at) =>
    publish(built, `boat-${at}`, `Boat ${at} lies at the quay.`),
  );
  await Promise.all(more);
  for (const tenant of [cut, built]) await mergeForGood(site, tenant);
  const ofCut = reembedCli(site.env, cut);
  const start = ["start", "--model", otherModel, "--rate"];
  expect(await ofCut(...(start as [string, ...string[]]), "5000")).toMatchObject({ code: 0 });
  await eventually(async () => expect(await stateOf(site, cut)).toBe("fed"));
  await mergeForGood(site, generationName(cut, 2));
  // Its newest is in memory alone, of both.
  await publish(cut, "doc-2", "The pilot of the harbour is kept by Nora now.");
  await eventually(async () =>
    expect(await ofCut("cut-over", "--force")).toMatchObject({ code: 0 }),
  );
  await eventually(async () => {
    before = await answers();
    expect(before[0]).toMatchObject([2, expect.anything()]);
  });

  const ofBuilt = reembedCli(site.env, built);
  expect(await ofBuilt(...(start as [string, ...string[]]), "1")).toMatchObject({ code: 0 });
  const second = generationName(built, 2);
  await eventually(async () => expect(await site.log.chunks.last(second)).not.toBeNull());
  const { code, stderr } = await run(["create", store, "--json"], site.env);
  expect({ code, stderr }).toMatchObject({ code: 0 });
  expect(await run(["verify", store], site.env)).toMatchObject({ code: 0 });
}, 240_000);

it("after everything was destroyed they are restored, and the models that it takes are named", async () => {
  await site.close();
  fresh = await startServers({
    dataDir: join(folder, "fresh"),
    env: plainEnvironment(process.env),
    progress: silentProgress,
    want: { llm: false },
  });
  restored = await openSite(settings, undefined, {
    servers: fresh,
    prepare: async (_, env) => {
      const made = await run(["restore", store], env);
      expect(made).toMatchObject({ code: 0, stdout: expect.stringContaining("is restored") });
      expect(made.stderr).toContain(`embedded by ${otherModel}, which no backup holds; install`);
    },
  });
  const [engine] = await Promise.all([restored.startEngine(), restored.startMergeWorker()]);
  client = httpClient(engine.url);
  await eventually(async () => expect(await answers()).toEqual(before));
}, 240_000);

it("both generations go on: they are fed, rolled back and cut over as before", async () => {
  const at = restored as Site;
  const cli = reembedCli(at.env, cut);
  const text = "The sluice of the harbour is opened by Ida.";
  const payload = new TextEncoder().encode(JSON.stringify({ id: "late", text }));
  const { seq } = await at.log.docs.publish({ tenant: cut, payload });
  const asked = { query: "who opens the sluice", mode: "search", min_seq: seq, wait_ms: 30_000 };
  for (const generation of [1, 2]) {
    const { sources } = await client.question(cut, { ...asked, generation });
    expect(sources[0]?.id).toBe("late");
  }
  for (const [action, generation] of [
    ["rollback", 1],
    ["cut-over", 2],
  ] as const) {
    const flags = action === "cut-over" ? ["--force"] : [];
    expect(await cli(action, ...flags)).toMatchObject({ code: 0 });
    await eventually(async () => {
      const { origin, sources } = await client.question(cut, asked);
      expect([origin?.generation ?? 1, sources[0]?.id]).toEqual([generation, "late"]);
    });
  }
}, 180_000);

it("the build that was under way goes on when it is started again with the same model", async () => {
  const at = restored as Site;
  const cli = reembedCli(at.env, built);
  expect(await stateOf(at, built)).toBe("building");
  expect((await cli("status")).out).toContain("reembed start");
  const started = await cli("start", "--model", otherModel, "--rate", "5000");
  expect(started).toMatchObject({ code: 0 });
  await eventually(async () => expect(await stateOf(at, built)).toBe("fed"));
  await eventually(async () => {
    const query = "who looks after the beacon";
    const asked = { query, mode: "search", generation: 2 };
    const { sources } = await client.question(built, asked);
    expect(sources[0]?.id).toBe("doc-1");
  });
}, 180_000);
