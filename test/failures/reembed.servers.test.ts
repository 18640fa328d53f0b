/**
 * A tenant gets another embedding model while it is asked and published to, and while engine and
 * worker are killed: no reply is of two generations, and each can take the other's place.
 */
import { cpSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Connection, Client as Temporal } from "@temporalio/client";
import { historyToJSON } from "@temporalio/common/lib/proto-utils.js";
import { afterAll, beforeAll, expect, it } from "vitest";
import { isNothing } from "../../src/contract/erase.ts";
import type { TenantGenerations } from "../../src/contract/generation.ts";
import { type DocumentId, generationName, type TenantId } from "../../src/contract/ids.ts";
import { mergeNames } from "../../src/contract/merge.ts";
import type { Answer } from "../../src/contract/query.ts";
import { reembedWorkflowId } from "../../src/contract/reembed.ts";
import { publishDeletes } from "../../src/log/guard/erase-deletes.ts";
import { checkSavedHistory } from "../merges/saved-history.ts";
import {
  type FreshetProcess,
  freshTenant,
  openSite,
  type Site,
} from "../support/engine-process.ts";
import { type Client, httpClient } from "../support/http-service.ts";
import { mergeForGood } from "../support/merge-for-good.ts";
import { cacheWithTwoModels, otherModel } from "../support/other-model.ts";
import { eventually } from "../support/promises.ts";
import { type ReembedCli, reembedCli } from "../support/reembed-cli.ts";

const cache = cacheWithTwoModels();
const tenant = freshTenant("reembed");
const second = generationName(tenant, 2);
const places = ["north", "south", "east", "west", "inner", "outer", "old", "new"];
const things = ["crane", "beacon", "pilot", "ferry", "winch", "buoy", "dock", "anchor"];
const questions = things.map((thing) => `who looks after the ${thing} of the old harbour`);
const documents = 96;
const removalMs = 360_000;
let site: Site;
let engine: FreshetProcess;
let worker: FreshetProcess;
let client: Client;
let cli: ReembedCli;

beforeAll(async () => {
  site = await openSite({ FRESHET_CACHE_DIR: cache, FRESHET_TENANT_SLEEP_S: "0" });
  [engine, worker] = await Promise.all([site.startEngine(), site.startMergeWorker()]);
  client = httpClient(engine.url);
  cli = reembedCli(site.env, tenant);
});

afterAll(async () => {
  await site.close();
  rmSync(cache, { recursive: true, force: true });
});

// --- what happens, in order: one story, because each step stands on the one before ---------------

it("refuses a model that is not installed, and says so where the build is looked at", async () => {
  const other = freshTenant("nomodel");
  await publish(other, textOf(1));
  expect(await cli("start", "--model", "no-such-model", "--tenant", other)).toMatchObject({
    code: 1,
    err: expect.stringContaining("no model no-such-model"),
  });
  expect((await cli("status", "--tenant", other)).out).toContain("failed");
  expect((await site.log.generations.get(other)).generations.state).toBe("single");
});

it("a build whose model is no embedder says so, is not begun twice, and is given up", async () => {
  const other = freshTenant("brokenmodel");
  await publish(other, textOf(1));
  const from = join(cache, "models", otherModel);
  const model = join(cache, "models", "no-embedder");
  const isGraph = (path: string): boolean => path.endsWith(".onnx");
  cpSync(from, model, { recursive: true, filter: (path) => !isGraph(path) });
  // Not copied and overwritten: `cpSync` leaves links links, to the model that is installed.
  for (const file of readdirSync(from).filter(isGraph)) {
    writeFileSync(join(model, file), "not a graph");
  }
  const start = ["start", "--model", "no-embedder", "--tenant", other] as const;
  expect((await cli(...start)).out).toContain("it has not begun, and is tried again");
  expect(await cli(...start)).toMatchObject({
    code: 1,
    err: expect.stringContaining("is being re-embedded already"),
  });
  expect((await cli("status", "--tenant", other)).out).toContain("is tried again");
  expect(await cli("abandon", "--tenant", other)).toMatchObject({
    code: 0,
    out: expect.stringContaining("it had not begun"),
  });
  expect(await cli("abandon", "--tenant", other)).toMatchObject({ code: 1 });
});

it("builds a generation beside the one that answers, through kill -9 of worker and engine, a pause and new documents", async () => {
  for (let index = 0; index < documents; index += 1) await publish(tenant, textOf(index));
  await publish(tenant, { id: "doc-3", op: "delete" });
  await publish(tenant, { id: "doc-4", text: "The winch of the old harbour is kept by Nora now." });
  await merged(tenant);
  expect(await cli("cut-over")).toMatchObject({ code: 1 });
  await started("--rate", "20");
  await eventually(async () => expect(await cursorOf(second)).toBeGreaterThan(0));
  await worker.kill9();
  const cursor = await cursorOf(second);
  await publish(tenant, { id: "late-1", text: "The ferry of the late harbour runs at noon." });
  await worker.restart();
  await eventually(async () => expect(await cursorOf(second)).toBeGreaterThan(cursor));

  expect(await cli("pause")).toMatchObject({ code: 0 });
  await eventually(async () => expect((await cli("status")).out).toContain("build paused"));
  const paused = await cursorOf(second);
  await engine.kill9();
  await publish(tenant, { id: "doc-5", op: "delete" });
  await engine.restart();
  expect(await cursorOf(second)).toBe(paused);
  // Nothing of it is asked.
  expect((await answersOf(undefined)).map(({ generation }) => generation)).toEqual(
    questions.map(() => 1),
  );
  await expect(client.question(tenant, { ...asked(0), generation: 2 })).rejects.toMatchObject({
    code: "invalid_request",
  });

  expect(await cli("resume", "--rate", "5000")).toMatchObject({ code: 0 });
  await eventually(async () => expect((await generations()).state).toBe("fed"));
  await eventually(async () => {
    const { tenants } = await client.status();
    const names: readonly string[] = [tenant, second];
    const both = tenants.filter((one) => names.includes(one.tenant));
    expect(both.map(({ state }) => state)).toEqual(["ready", "ready"]);
    expect(new Set(both.map(({ documents: live }) => live)).size).toBe(1);
  });
  checkSavedHistory(await historyOfBuild(), {
    ...{ name: "reembed", holds: "beginGeneration" },
    hides: ["harbour", "Nora"],
  });
});

it("is cut over only after a comparison, and no reply is of two generations meanwhile (GN1)", async () => {
  const refused = await cli("cut-over");
  expect(refused).toMatchObject({ code: 1 });
  expect(refused.err).toContain("not compared");
  const compared = await cli("compare", "--sample", "12", "--url", engine.url, "--json");
  expect(compared).toMatchObject({ code: 0 });
  expect(JSON.parse(compared.out)).toMatchObject({
    phase: "compared",
    compared: { questions: 12, k: 10 },
  });

  const [first, next] = [await answersOf(1), await answersOf(2)];
  // Other vectors, so other scores: a mixed reply would be seen.
  expect(next).not.toEqual(first);
  const seen = await askedWhile(async () => {
    expect(await cli("cut-over")).toMatchObject({ code: 0 });
    await eventually(async () =>
      expect((await client.question(tenant, asked(0))).origin?.generation).toBe(2),
    );
  });
  for (const { index, reply } of seen) {
    expect(reply).toEqual((reply.generation === 1 ? first : next)[index]);
  }
  const order = seen.map(({ reply }) => reply.generation);
  expect(order[0]).toBe(1);
  expect(order.at(-1)).toBe(2);
  expect(order).toEqual([...order].sort());
});

it("answers the same after kill -9 of the engine, and shows what is published to both", async () => {
  const before = await answersOf(undefined);
  await engine.kill9();
  await engine.restart();
  await eventually(async () => expect(await answersOf(undefined)).toEqual(before));
  const seq = await publish(tenant, {
    id: "late-2",
    text: "The gantry of the quay is painted blue.",
  });
  for (const generation of [1, 2]) {
    const asking = {
      query: "which colour has the gantry",
      mode: "search",
      min_seq: seq,
      generation,
    };
    const { sources } = await client.question(tenant, { ...asking, wait_ms: 30_000 });
    expect(sources[0]?.id).toBe("late-2");
  }
});

it("an erased document is gone from both", async () => {
  const deletes = await publishDeletes(site.log, { tenant, ids: ["doc-7" as DocumentId] });
  const { receipt } = await site.merges.eraseDocuments(tenant, deletes);
  expect(isNothing(receipt.left)).toBe(true);
  for (const name of [tenant, second]) {
    const document = { documentId: "doc-7" as DocumentId, keep: null };
    expect(await site.cold.staleIds(name, document)).toEqual([]);
  }
});

it("is rolled back at once, with the answers of the old generation", async () => {
  const expected = await answersOf(1);
  expect(await cli("rollback")).toMatchObject({ code: 0 });
  await eventually(async () => expect(await answersOf(undefined)).toEqual(expected));
  expect(await cli("finish")).toMatchObject({ code: 1 });
});

it(
  "the old generation is removed from every store when it is given up, and the new one goes on",
  async () => {
    expect(await cli("cut-over")).toMatchObject({ code: 0 });
    expect(await cli("finish")).toMatchObject({ code: 0 });
    const expected = await answersOf(undefined);
    await swept(async () => {
      expect((await generations()).released).toEqual([]);
      expect(await site.cold.hasTenant(tenant)).toBe(false);
      expect(await site.log.erasure.count({ tenant, of: "records" })).toBe(1);
    });
    expect(await answersOf(undefined)).toEqual(expected);
    await engine.kill9();
    await engine.restart();
    const seq = await publish(tenant, {
      id: "late-3",
      text: "The sluice is opened by Ida at dawn.",
    });
    const asking = { query: "who opens the sluice", mode: "search", min_seq: seq, wait_ms: 30_000 };
    const reply = await client.question(tenant, asking);
    expect(reply.sources[0]?.id).toBe("late-3");
    expect(reply.origin?.generation).toBe(2);
  },
  removalMs,
);

it("an erase of the tenant leaves nothing of any generation", async () => {
  const { receipt } = await site.merges.eraseTenant(tenant);
  expect(isNothing(receipt.left)).toBe(true);
  expect(await site.cold.hasTenant(second)).toBe(false);
  expect((await site.log.chunks.last(second))?.reason).toBe("tenant_erased");
});

// --- the ways of it ------------------------------------------------------------------------------

/** What sweeps do, which look each minute and remove twice what is given up (GR2): asked for now. */
const swept = (check: () => Promise<void>): Promise<void> =>
  withTemporal(({ schedule }) =>
    eventually(async () => {
      const ids: string[] = [];
      for await (const { scheduleId } of schedule.list()) ids.push(scheduleId);
      // The first deployment of a namespace has the plain name.
      const own = `${mergeNames.sweepSchedule}-${site.log.deployment}`;
      await schedule.getHandle(ids.includes(own) ? own : mergeNames.sweepSchedule).trigger();
      await sleep(1_000);
      await check();
    }),
  );

function textOf(index: number) {
  const [place, thing] = [places[index % 8] ?? "", things[(index * 5 + 3) % 8] ?? ""];
  const text = `The ${thing} of the ${place} harbour is looked after by keeper ${index}. `;
  return { id: `doc-${index}`, title: `${place} notes`, text: text + "It is old, and it is red." };
}

async function publish(of: TenantId, document: object): Promise<number> {
  const payload = new TextEncoder().encode(JSON.stringify(document));
  return (await site.log.docs.publish({ tenant: of, payload })).seq;
}

async function merged(name: TenantId): Promise<void> {
  const newest = await site.log.docs.lastVersion(name);
  await eventually(async () => expect(await cursorOf(name)).toBe(newest));
  await mergeForGood(site, name);
}

async function started(...flags: readonly string[]): Promise<void> {
  expect(await cli("start", "--model", otherModel, ...flags)).toMatchObject({ code: 0 });
}

const cursorOf = async (name: TenantId): Promise<number> =>
  (await site.log.chunks.last(name))?.version ?? 0;

const generations = async (): Promise<TenantGenerations> =>
  (await site.log.generations.get(tenant)).generations;

interface Shown {
  readonly generation: number;
  readonly ids: readonly string[];
  readonly scores: readonly (number | undefined)[];
}

function shown({ origin, sources }: Answer): Shown {
  const scores = sources.map(({ score }) => Math.round(score * 1e4) / 1e4);
  return { generation: origin?.generation ?? 1, ids: sources.map(({ id }) => id), scores };
}

const asked = (index: number) => ({ query: questions[index], mode: "search", top_k: 8 });

function answersOf(generation: number | undefined): Promise<readonly Shown[]> {
  const of = generation === undefined ? {} : { generation };
  return Promise.all(
    questions.map(async (_, index) =>
      shown(await client.question(tenant, { ...asked(index), ...of })),
    ),
  );
}

/** One question after another, from before the work until after it. */
async function askedWhile(work: () => Promise<void>) {
  const seen: { readonly index: number; readonly reply: Shown }[] = [];
  let isOver = false;
  const asking = (async () => {
    for (let at = 0; !isOver; at += 1) {
      const index = at % questions.length;
      seen.push({ index, reply: shown(await client.question(tenant, asked(index))) });
    }
  })();
  await eventually(() => expect(seen.length).toBeGreaterThan(3));
  await work();
  const before = seen.length;
  await eventually(() => expect(seen.length).toBeGreaterThan(before + 3));
  isOver = true;
  await asking;
  return seen;
}

const historyOfBuild = (): Promise<string> =>
  withTemporal(async ({ workflow }) =>
    historyToJSON(await workflow.getHandle(reembedWorkflowId(tenant)).fetchHistory()),
  );

async function withTemporal<Result>(use: (client: Temporal) => Promise<Result>): Promise<Result> {
  const { FRESHET_TEMPORAL_ADDRESS: address = "", FRESHET_TEMPORAL_NAMESPACE: namespace = "" } =
    site.env;
  const connection = await Connection.connect({ address });
  try {
    return await use(new Temporal({ connection, namespace }));
  } finally {
    await connection.close();
  }
}
