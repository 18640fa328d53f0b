/**
 * Quality of answers as users get them: a collection through the engine, from JetStream to HTTP,
 * and its questions with half of it in cold, all of it, and all of it kept in memory beside. With
 * the signals and the encoder that the environment names (`FRESHET_SPARSE`, `FRESHET_MODEL_DIR`).
 */

import { setTimeout as sleep } from "node:timers/promises";
import { request } from "undici";
import { type TenantId, tenantId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import type { Answer } from "../../src/contract/query.ts";
import { forEachAtMost } from "../../src/runtime/for-each.ts";
import { type Collection, collectionFolders, readCollection } from "./beir.ts";
import type { BenchContext } from "./context.ts";
import { openSparseBench } from "./quality-sparse.ts";
import { keepingNothing, mergeAll, untilReady } from "./query-site.ts";
import { openRecoverySite, type RecoverySite } from "./recovery-site.ts";
import { type BenchResult, measured, type Row, skipped } from "./report.ts";
import { mean, ndcg, percentile } from "./stats.ts";

const k = 10;
const contextChunks = 5;
const pollMs = 100;
const asksAtOnce = 4;
const residentWithinMs = 120_000;
const headline = "quality.placement_spread";

interface Site {
  readonly context: BenchContext;
  readonly site: RecoverySite;
}

interface Judgement {
  readonly ndcg: number;
  /** Whether the first chunks hold an accepted answer; undefined where the question has none. */
  readonly hasSpan: boolean | undefined;
}

export async function benchQualityPlacements(context: BenchContext): Promise<BenchResult> {
  if (context.dataset === undefined) {
    const why = "it needs --dataset with a collection in BEIR form";
    return { settings: {}, rows: [skipped(headline, "nDCG@10", why)] };
  }
  // Installs the model of the signal, if it is asked for; the engine opens its own.
  await (await openSparseBench(context))?.close();
  const site = await openRecoverySite(context, { merges: { confirmMs: 1_000, graceMs: 100 } });
  try {
    const rows: Row[] = [];
    for (const folder of collectionFolders(context.dataset))
      rows.push(...(await rowsOf({ context, site }, readCollection(folder))));
    return {
      settings: {
        texts: "title and text of each document, cut by the engine",
        measure: `nDCG@${k}, linear gains; a document ranks by its best chunk`,
        sparse: context.env["FRESHET_SPARSE"] ?? "off",
        model: context.env["FRESHET_MODEL_DIR"] ?? site.modelDir,
      },
      rows,
    };
  } finally {
    await site.stop();
  }
}

async function rowsOf(at: Site, collection: Collection): Promise<readonly Row[]> {
  const { name, documents } = collection;
  const tenant = tenantId(`quality-${name}`);
  const merged = [{ state: "cold", chunks: documents.length, tenant }] as const;
  const { context, site } = at;
  const judge = async (placement: string): Promise<readonly Judgement[]> => {
    context.say(`${name}: ${collection.queries.length} questions, ${placement}`);
    return askAll(at, tenant, { collection, placement });
  };
  await site.startEngine({ env: keepingNothing });
  await untilReady(site);
  const middle = Math.floor(documents.length / 2);
  await publish(at, tenant, documents.slice(0, middle));
  await mergeAll(context, site, merged);
  await publish(at, tenant, documents.slice(middle));
  const half = await judge("complete");
  await mergeAll(context, site, merged);
  await restart(site, keepingNothing);
  const cold = await judge("complete");
  await restart(site, {});
  await untilResident(site, tenant);
  const resident = await judge("resident");
  await site.killEngine();
  const placements = { half, cold, resident };
  const rows = Object.entries(placements).flatMap(([placement, judged]) => [
    row(`quality.placed_${placement}.${name}`, judged),
    ...spanRow(`quality.placed_span_${placement}.${name}`, judged),
  ]);
  const values = Object.values(placements).map((judged) => mean(judged.map((each) => each.ndcg)));
  const spread = Math.max(...values) - Math.min(...values);
  const n = collection.queries.length;
  return [
    measured({
      ...{ name: `${headline}.${name}`, unit: "nDCG@10", value: spread },
      ...{ p50: null, p99: null, n },
    }),
    ...rows,
  ];
}

async function restart(site: RecoverySite, env: Readonly<Record<string, string>>): Promise<void> {
  await site.killEngine();
  await site.startEngine({ env });
  await untilReady(site);
}

async function publish(
  { site, context }: Site,
  tenant: TenantId,
  documents: Collection["documents"],
): Promise<void> {
  context.say(`${tenant}: ${documents.length} documents`);
  let last = 0;
  for (const { id, title, body } of documents) {
    const text = body === "" ? (title ?? "") : body;
    const payload = new TextEncoder().encode(JSON.stringify({ id, title, text }));
    last = (await site.log.docs.publish({ tenant, payload })).seq;
  }
  while (((await site.log.chunks.last(tenant))?.version ?? 0) < last) await sleep(pollMs);
}

async function askAll(
  { site }: Site,
  tenant: TenantId,
  options: { readonly collection: Collection; readonly placement: string },
): Promise<readonly Judgement[]> {
  const { collection, placement } = options;
  const judged: Judgement[] = [];
  await forEachAtMost(collection.queries, asksAtOnce, async ({ text, gains, answers }) => {
    const { sources, coverage } = await ask(site, tenant, text);
    if (coverage.cold !== placement)
      throw new Error(`cold was ${coverage.cold} and not ${placement}`);
    const ranking = [...new Set(sources.map(({ id }) => id))];
    const shown = sources.slice(0, contextChunks).map((source) => source.text);
    const isShown = answers.some((answer) => shown.some((chunk) => chunk.includes(answer)));
    judged.push({
      ndcg: ndcg({ ranking, gains, k }),
      hasSpan: answers.length === 0 ? undefined : isShown,
    });
  });
  return judged;
}

async function ask(site: RecoverySite, tenant: TenantId, query: string): Promise<Answer> {
  const question = { query, mode: "search", top_k: limits.topKMax, cache: false };
  const { statusCode, body } = await request(`${site.httpUrl}/answer`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-tenant": tenant },
    body: JSON.stringify(question),
  });
  const text = await body.text();
  if (statusCode !== 200) throw new Error(`a question was refused: ${text}`);
  return JSON.parse(text) as Answer;
}

async function untilResident(site: RecoverySite, tenant: TenantId): Promise<void> {
  const endMs = performance.now() + residentWithinMs;
  while ((await ask(site, tenant, "what is kept")).coverage.cold !== "resident") {
    if (performance.now() > endMs) throw new Error("the tenant did not become resident in time");
    await sleep(pollMs);
  }
}

function row(name: string, judged: readonly Judgement[]): Row {
  const scores = judged.map((each) => each.ndcg);
  return measured({
    ...{ name, unit: "nDCG@10", value: mean(scores), n: scores.length },
    ...{ p50: percentile(scores, 0.5), p99: percentile(scores, 0.01) },
  });
}

function spanRow(name: string, judged: readonly Judgement[]): readonly Row[] {
  const spans = judged.flatMap(({ hasSpan }) => (hasSpan === undefined ? [] : [hasSpan ? 1 : 0]));
  if (spans.length === 0) return [];
  const value = mean(spans);
  return [measured({ name, unit: "of 1", value, p50: null, p99: null, n: spans.length })];
}
