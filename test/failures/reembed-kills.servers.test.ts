/**
 * Engine and merge worker are killed at every stage of a re-embedding while documents are
 * published, removed and asked for: each reply shows what was so at its `visible_seq`, that number
 * never goes back, and in the end each document is what its last operation made of it.
 */

import { rmSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { isNothing } from "../../src/contract/erase.ts";
import {
  type GenerationPhase,
  phaseOf,
  type TenantGenerations,
} from "../../src/contract/generation.ts";
import { generationName, type TenantId } from "../../src/contract/ids.ts";
import type { Answer } from "../../src/contract/query.ts";
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
const tenant = freshTenant("kills");
const things = ["crane", "beacon", "pilot", "ferry", "winch", "buoy", "dock", "anchor"];
const documents = 24;
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

// --- what was published, and what was seen -------------------------------------------------------

interface Operation {
  readonly seq: number;
  readonly isDelete: boolean;
}

const history = new Map<string, Operation[]>();
let published = 0;

async function publishOne(of: TenantId = tenant): Promise<number> {
  const at = published;
  published += 1;
  const id = `doc-${(at * 7) % documents}`;
  const isDelete = at % 5 === 4;
  const text = `The ${things[at % 8]} of the harbour is looked after by keeper ${at}.`;
  const payload = new TextEncoder().encode(
    JSON.stringify(isDelete ? { id, op: "delete" } : { id, text }),
  );
  const { seq } = await site.log.docs.publish({ tenant: of, payload });
  if (of === tenant) history.set(id, [...(history.get(id) ?? []), { seq, isDelete }]);
  return seq;
}

const stateAt = (id: string, seq: number): Operation | undefined =>
  history.get(id)?.findLast((operation) => operation.seq <= seq);

const faults: string[] = [];
let replies = 0;
let shown = 0;
const answering: number[] = [];

/** One reply tells one moment, of one generation. */
function judge({ sources, visible_seq: visible, origin }: Answer, isAnswering: boolean): void {
  replies += 1;
  const generation = origin?.generation ?? 1;
  if (isAnswering) {
    if (visible < shown) faults.push(`visible_seq ${visible} of ${generation} after ${shown}`);
    shown = Math.max(shown, visible);
    if (answering.at(-1) !== generation) answering.push(generation);
  }
  for (const { id, version } of sources) {
    const due = stateAt(id, visible);
    if (due?.seq === version && !due.isDelete) continue;
    faults.push(`${id} of ${version} at ${visible}, due ${JSON.stringify(due)}, of ${generation}`);
  }
}

/** While it goes on, documents come and go and are asked for; failures to answer are none. */
async function underLoad(work: () => Promise<void>): Promise<void> {
  let isOver = false;
  const publishing = (async () => {
    while (!isOver) {
      await publishOne();
      await sleep(150);
    }
  })();
  const asking = (async () => {
    for (let at = 0; !isOver; at += 1) {
      const query = `who looks after the ${things[at % 8]}`;
      const asked = { query, mode: "search", top_k: 20 };
      await client.question(tenant, asked).then(
        (answer) => judge(answer, true),
        (thrown: unknown) => refused(thrown),
      );
      await sleep(100);
    }
  })();
  try {
    await work();
  } finally {
    isOver = true;
    await Promise.all([publishing, asking]);
  }
  expect(faults).toEqual([]);
}

function refused(thrown: unknown): void {
  const { code } = thrown as { readonly code?: string };
  if (code === "no_results" || code === "internal") faults.push(`refused with ${code}`);
}

/** Killed in the middle of the work, and started again. */
async function killed(
  what: readonly FreshetProcess[],
  work: () => Promise<unknown>,
  afterMs = 150,
) {
  const working = work();
  await sleep(afterMs);
  await Promise.all(what.map((one) => one.kill9()));
  await Promise.all(what.map((one) => one.restart()));
  return working;
}

/** Tried until it is done: what fails because something was killed is done again. */
async function done(action: string, ...flags: readonly string[]): Promise<void> {
  const wanted: Readonly<Record<string, (phase: GenerationPhase) => boolean>> = {
    "cut-over": (phase) => phase === "cut-over",
    rollback: (phase) => phase === "rolled-back",
    compare: (phase) => phase === "compared",
    finish: (phase) => phase === "idle",
    abandon: (phase) => phase === "idle",
    start: (phase) => phase !== "idle",
  };
  const isThere = async () => wanted[action]?.(phaseOf(await generations())) === true;
  await eventually(async () => {
    if (await isThere()) return;
    await cli(action, ...flags);
    expect(await isThere()).toBe(true);
  });
}

const generations = async (): Promise<TenantGenerations> =>
  (await site.log.generations.get(tenant)).generations;

const inState = (state: TenantGenerations["state"]) =>
  eventually(async () => expect((await generations()).state).toBe(state));

/** All that was published is shown by each that is fed, and nothing else. */
async function settled(...numbers: readonly number[]): Promise<void> {
  const last = Math.max(...[...history.values()].flat().map(({ seq }) => seq));
  for (const generation of numbers) {
    for (const thing of things) {
      const query = `who looks after the ${thing}`;
      const asked = { query, mode: "search", top_k: 50, generation, min_seq: last };
      await eventually(async () => {
        const answer = await client.question(tenant, { ...asked, wait_ms: 10_000 });
        expect(answer.coverage.cold).toBe("complete");
        judge(answer, false);
        expect(answer.visible_seq).toBe(last);
        const live = [...history].filter(([, operations]) => operations.at(-1)?.isDelete === false);
        expect(answer.sources.map(({ id }) => id).sort()).toEqual(live.map(([id]) => id).sort());
      });
    }
  }
  expect(faults).toEqual([]);
}

// --- the stages ----------------------------------------------------------------------------------

it("a build is begun, killed in each way, and abandoned", async () => {
  for (let at = 0; at < 3 * documents; at += 1) await publishOne();
  await eventually(async () => {
    const last = await site.log.docs.lastVersion(tenant);
    expect((await site.log.chunks.last(tenant))?.version).toBe(last);
  });
  await mergeForGood(site, tenant);
  await underLoad(async () => {
    await killed([worker], () => done("start", "--model", otherModel, "--rate", "10"));
    await killed([engine], () => sleep(500));
    await killed([engine, worker], () => sleep(500));
    await killed([engine, worker], () => done("abandon"));
  });
  await settled(1);
}, 300_000);

it("one is built, compared, cut over, rolled back, cut over again and kept, and killed at each step", async () => {
  const start = ["start", "--model", otherModel, "--rate", "5000"] as const;
  await underLoad(async () => {
    await killed([engine, worker], () => done(...start));
    await killed([worker], () => inState("fed"));
  });
  await settled(1, 3);
  await underLoad(async () => {
    await killed([engine], () => done("compare", "--sample", "4", "--url", engine.url));
    // While the record is changed, and while the engine changes over.
    for (const afterMs of [40, 300]) {
      await killed([engine, worker], () => done("cut-over"), afterMs);
      await answeredBy(3);
      if (afterMs === 300) break;
      await killed([engine], () => done("rollback"), afterMs);
      await answeredBy(1);
    }
  });
  await settled(1, 3);
  await underLoad(async () => {
    await killed([engine, worker], () => done("finish"));
    await answeredBy(3);
  });
  await settled(3);
  expect(replies).toBeGreaterThan(50);
  // Never back and forth but at a command; whoever asks between two of them may get no answer.
  expect(answering.length).toBeLessThanOrEqual([1, 3, 1, 3].length);
  expect(answering.at(-1)).toBe(3);
}, 600_000);

it("a node that starts in the middle of a cut-over answers as the other one does", async () => {
  await done("start", "--model", "all-MiniLM-L6-v2", "--rate", "5000");
  await inState("fed");
  let second: FreshetProcess | undefined;
  await underLoad(async () => {
    const starting = site.startEngine();
    await sleep(300);
    await done("cut-over", "--force");
    second = await starting;
    await answeredBy(4);
    await killed([engine], () => sleep(100));
    await answeredBy(4);
  });
  await settled(3, 4);
  client = httpClient(second?.url ?? "");
  await settled(3, 4);
}, 300_000);

it("a tenant that is erased during a build leaves nothing of either, and nothing begins again", async () => {
  await done("rollback");
  await done("abandon");
  await done("start", "--model", "all-MiniLM-L6-v2", "--rate", "1");
  await eventually(async () => {
    expect((await site.log.chunks.last(generationName(tenant, 5)))?.version).toBeGreaterThan(0);
  });
  const erasing = site.merges.eraseTenant(tenant);
  await killed([engine, worker], () => sleep(1));
  const { receipt } = await erasing;
  expect(isNothing(receipt.left)).toBe(true);
  for (const number of [1, 3, 4, 5]) {
    const name = generationName(tenant, number);
    expect(await site.cold.hasTenant(name)).toBe(false);
    expect(await site.log.erasure.count({ tenant: name, of: "records" })).toBeLessThanOrEqual(1);
  }
  const { code, err } = await cli("start", "--model", otherModel);
  expect({ code, err }).toMatchObject({ code: 1, err: expect.stringContaining("erased") });
}, 400_000);

const answeredBy = (generation: number) =>
  eventually(async () => {
    const { origin } = await client.question(tenant, { query: "the crane", mode: "search" });
    expect(origin?.generation ?? 1).toBe(generation);
  });
