/**
 * Re-embedding beside questions: a tenant is embedded by another model while it is asked, then cut
 * over and rolled back under the same load. Each reply is compared with what its generation says.
 */

import { setTimeout as sleep } from "node:timers/promises";
import { ensureTools } from "../../ops/setup/ensure-tools.ts";
import { lineProgress } from "../../ops/setup/progress.ts";
import { connectEngine, type Engine } from "../../src/cli/http-client.ts";
import { compareGenerations } from "../../src/cli/reembed/compare.ts";
import { toFreshetError } from "../../src/contract/errors.ts";
import { compare, cutOver, phaseOf, rollBack } from "../../src/contract/generation.ts";
import { generationName, type TenantId, tenantId, type Version } from "../../src/contract/ids.ts";
import { confirmedTo } from "../../src/contract/manifest.ts";
import type { Answer } from "../../src/contract/query.ts";
import { changeGenerations } from "../../src/log/generations.ts";
import type { Bench, BenchContext } from "./context.ts";
import { makeSample } from "./query-site.ts";
import { fillChunks } from "./recovery-records.ts";
import { openRecoverySite, type RecoverySite } from "./recovery-site.ts";
import { measured, type Row } from "./report.ts";
import { median, percentile } from "./stats.ts";
import { loadDocuments } from "./texts.ts";

const tenant = tenantId("reembedded");
const model = "bge-small-en-v1.5";
/** The row that is wanted; less on a machine with little time (`--files`). */
const chunksWanted = 20_000;
const textsPerS = 40;
/** Questions a second of the load. */
const questionsPerS = 2;
const questionsCount = 40;
const idleMs = 20_000;
const nothing = { nats: false, temporal: false, weaviate: false, embedding: false, llm: false };
const pollMs = 500;
const endsWithinMs = 3 * 60 * 60_000;

interface Asked {
  readonly index: number;
  readonly ms: number;
  readonly generation: number;
  /** Of the sources; undefined for a question that failed. */
  readonly found: string | undefined;
  /** What cold's share was: one that is late or partial is no mix. */
  readonly cold: string | undefined;
  /** What it failed with. */
  readonly code?: string | undefined;
}

export const benchReembed: Bench = async (context) => {
  const chunks = context.files ?? chunksWanted;
  const merges = { confirmMs: 1_000, graceMs: 100 };
  const env = {
    ...{ FRESHET_MERGE_CONFIRM_MS: "1000", FRESHET_MERGE_GRACE_MS: "100" },
    // What is found must not depend on what has come back into memory meanwhile.
    FRESHET_HOT_KEPT_BYTES: "0",
  };
  const site = await openRecoverySite(context, { env, merges });
  try {
    const progress = lineProgress(context.say, () => performance.now());
    await ensureTools({ env: context.env, progress, want: { ...nothing, encoder: model } });
    return await run(context, site, chunks);
  } finally {
    await site.stop();
  }
};

async function run(context: BenchContext, site: RecoverySite, chunks: number) {
  const documents = await loadDocuments(context);
  const sample = await makeSample({ context, site, documents });
  const texts = sample.flatMap(({ body }) => body.chunks.map(({ text }) => text));
  const questions = Array.from({ length: questionsCount }, (_, at) =>
    (texts[(at * 7) % texts.length] ?? "").split(/\s+/).slice(0, 12).join(" "),
  );
  await site.log.docs.lastVersion(tenant);
  const filled = await fillChunks(site.log, { tenant, sample, chunks });
  await site.startWorker();
  await site.merges.force(tenant);
  await untilConfirmed(site, tenant);
  await site.startEngine();
  const engine = connectEngine(addressesOf(site), tenant);
  await until(async () => (await site.status())?.ready === true);
  const load = new Load(engine, questions);
  const idle = await load.during(() => sleep(idleMs));
  context.say(`${filled} chunks are re-embedded by ${model}`);
  const begunMs = performance.now();
  await site.merges.reembeds.start(tenant, { model, textsPerS });
  const building = await load.during(() => until(() => isFed(site)));
  const builtS = (performance.now() - begunMs) / 1_000;
  await until(async () => {
    const names = new Set([tenant, generationName(tenant, 2)] as readonly string[]);
    const own = (await site.status())?.tenants.filter((one) => names.has(one.tenant)) ?? [];
    return own.length === 2 && own.every(({ state }) => state === "ready");
  });
  // What a merge moves from memory to cold is found by another approximate search.
  await untilConfirmed(site, generationName(tenant, 2));
  const expected = await Promise.all([
    expectedOf(engine, questions, 1),
    expectedOf(engine, questions, 2),
  ]);
  const found = await compareGenerations({
    ...{ engine, k: 10, generations: [1, 2], signal: new AbortController().signal },
    questions: questions.map((query) => ({ query })),
    ...{ nowMs: () => Date.now(), monotonicMs: () => performance.now() },
  });
  await changeGenerations(site.log.generations, tenant, (record) => compare(record, found));
  const cutting = await load.during(() => change(site, engine, { to: 2 }));
  const back = await load.during(() => change(site, engine, { to: 1 }));
  const after = await expectedOf(engine, questions, undefined);
  const swapped = [...cutting, ...back];
  const foreign = swapped.filter(({ index, generation, found: sources }) => {
    return sources !== undefined && sources !== expected[generation - 1]?.[index];
  });
  for (const { index, generation, found: sources, cold } of foreign) {
    const wanted = expected[generation - 1]?.[index];
    const by = `by generation ${generation}, cold ${cold}`;
    context.say(`${questions[index]}, ${by}: ${sources}; wanted: ${wanted}`);
  }
  const unequal = after.filter((sources, index) => sources !== expected[0][index]);
  return {
    settings: {
      ...{ chunks: String(filled), model, "texts/s at most": String(textsPerS) },
      ...{ "questions/s": String(questionsPerS), phase: phaseOf(await recordOf(site)) },
    },
    rows: [
      times("reembed.question_p99_vs_idle", { of: building, against: idle }),
      count("reembed.mixed", foreign.length, swapped.length),
      // Those of the idle engine say what the machine cannot do by itself.
      failures("reembed.failed_idle", idle),
      failures("reembed.failed", [...building, ...swapped]),
      count("reembed.rollback_unequal", unequal.length, after.length),
      single("reembed.chunks_per_s", filled / builtS, "chunks/s"),
      single("reembed.overlap_at_10", found.overlap, ""),
    ],
  };
}

const addressesOf = ({ httpUrl: http }: RecoverySite): Parameters<typeof connectEngine>[0] => ({
  ...{ http, nats: "", temporal: { address: "", namespace: "" }, temporalUi: undefined },
  ...{ partitions: 0, dataDir: "" },
});

/** Questions at a steady rate, each in its turn. */
class Load {
  readonly #engine: Engine;
  readonly #questions: readonly string[];
  #asked = 0;

  constructor(engine: Engine, questions: readonly string[]) {
    this.#engine = engine;
    this.#questions = questions;
  }

  async during(work: () => Promise<unknown>): Promise<readonly Asked[]> {
    const running: Promise<Asked>[] = [];
    let isOver = false;
    const asking = (async () => {
      for (let nextMs = performance.now(); !isOver; nextMs += 1_000 / questionsPerS) {
        await sleep(Math.max(0, nextMs - performance.now()));
        running.push(this.#ask());
      }
    })();
    await work();
    isOver = true;
    await asking;
    return Promise.all(running);
  }

  async #ask(): Promise<Asked> {
    const index = this.#asked % this.#questions.length;
    this.#asked += 1;
    const begunMs = performance.now();
    let code: string | undefined;
    const asking = answerOf(this.#engine, this.#questions[index] ?? "");
    const reply = await asking.catch((thrown: unknown) => {
      ({ code } = toFreshetError(thrown));
      return undefined;
    });
    const ms = performance.now() - begunMs;
    const generation = reply?.origin?.generation ?? 1;
    const cold = reply?.coverage.cold;
    return { index, ms, generation, found: reply && foundIn(reply), cold, code };
  }
}

function answerOf(engine: Engine, query: string, generation?: number): Promise<Answer> {
  const question = { query, mode: "search", top_k: 8, cache: false };
  return engine.ask(
    generation === undefined ? question : { ...question, generation },
    new AbortController().signal,
  );
}

/** Texts and scores: the documents are copies of a sample, and copies share their places. */
const foundIn = ({ sources }: Answer): string =>
  sources.map(({ text, score }) => `${text.slice(0, 24)} ${score.toFixed(3)}`).join(", ");

async function expectedOf(
  engine: Engine,
  questions: readonly string[],
  generation: number | undefined,
): Promise<readonly string[]> {
  const found: string[] = [];
  for (const query of questions) found.push(foundIn(await answerOf(engine, query, generation)));
  return found;
}

async function change(site: RecoverySite, engine: Engine, { to }: { readonly to: 1 | 2 }) {
  await sleep(2_000);
  await changeGenerations(site.log.generations, tenant, async (record) => {
    const last = await site.log.chunks.last(generationName(tenant, to));
    const now = { at: last?.version ?? (0 as Version), atMs: Date.now() };
    return to === 2 ? cutOver(record, { ...now, isForced: false }) : rollBack(record, now);
  });
  await until(async () => ((await answerOf(engine, "any")).origin?.generation ?? 1) === to);
  await sleep(2_000);
}

const recordOf = async ({ log }: RecoverySite) => (await log.generations.get(tenant)).generations;
const isFed = async (site: RecoverySite) => (await recordOf(site)).state === "fed";

async function untilConfirmed({ log }: RecoverySite, of: TenantId): Promise<void> {
  await until(async () => {
    const stored = await log.manifests.get(of);
    return stored !== null && confirmedTo(stored.manifest) === stored.manifest.to;
  });
}

async function until(check: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + endsWithinMs;
  while (!(await check())) {
    if (performance.now() > endMs) throw new Error("it takes too long");
    await sleep(pollMs);
  }
}

function times(
  name: string,
  { of, against }: { readonly of: readonly Asked[]; readonly against: readonly Asked[] },
): Row {
  const [ms, before] = [of, against].map((all) => all.map((one) => one.ms)) as [number[], number[]];
  const p99 = percentile(ms, 0.99);
  return measured({
    ...{ name, unit: "ms", value: p99, against: percentile(before, 0.99) },
    ...{ p50: median(ms), p99, n: ms.length },
  });
}

const count = (name: string, value: number, n: number): Row =>
  measured({ name, unit: "replies", value, p50: null, p99: null, n });

function failures(name: string, of: readonly Asked[]): Row {
  const codes = of.flatMap(({ code }) => code ?? []);
  const counted = [...new Set(codes)].map(
    (code) => `${codes.filter((one) => one === code).length} ${code}`,
  );
  return { ...count(name, codes.length, of.length), note: counted.join(", ") || undefined };
}

const single = (name: string, value: number, unit: string): Row =>
  measured({ name, unit, value, p50: null, p99: null, n: 1 });
