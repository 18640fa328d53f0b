/**
 * What a document and a question cost when the tenant has a thousand chunks in cold, and when it has
 * a hundred or a thousand times as many; what a chunk takes on disk; and what a document costs when
 * one, two or three engines share the partitions. What more tenants cost is the bench `tenants`.
 */

import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { resolveAddresses } from "../../src/cli/addresses.ts";
import { connectLog, type PublisherConnection } from "../../src/cli/connect.ts";
import { type TenantId, tenantId } from "../../src/contract/ids.ts";
import type { UpsertRecord } from "../../src/contract/record.ts";
import type { BenchContext } from "./context.ts";
import { createFeed } from "./engine.ts";
import { nodesRows } from "./growth-nodes.ts";
import { interleave, roundsMin } from "./interleave.ts";
import { type Asker, openAskers } from "./query-ask.ts";
import { mixedRecords } from "./query-corpus.ts";
import { sizeName } from "./query-options.ts";
import { distinctQuestions } from "./query-questions.ts";
import { keepingNothing, makeSample, mergeAll, untilReady } from "./query-site.ts";
import { fillChunks } from "./recovery-records.ts";
import { openRecoverySite, type RecoverySite } from "./recovery-site.ts";
import { type BenchResult, measured, type Row } from "./report.ts";
import { median, percentile } from "./stats.ts";
import { cpuMsOf } from "./tenants-engine.ts";
import { loadDocuments } from "./texts.ts";

/** So many are made, appended and merged at a time: they are held in memory meanwhile. */
const chunksAtOnce = 20_000;
const documentsPerSide = 20;
const questionsPerSide = 25;
/** Short, so that embedding does not hide what the size of the tenant costs. */
const textChars = 100;
const merges = { confirmMs: 1_000, graceMs: 100 };

interface Tenant {
  readonly chunks: number;
  readonly tenant: TenantId;
}

interface Cost {
  readonly documentCpuMs: number;
  readonly questionCpuMs: number;
  readonly questionMs: number;
}

export async function benchGrowth(context: BenchContext): Promise<BenchResult> {
  const asksFor = (part: string): boolean => context.parts?.includes(part) ?? true;
  const cold = asksFor("cold") ? await coldRows(context) : [];
  const nodes = asksFor("nodes") ? await nodesRows(context) : [];
  return {
    settings: {
      cold: `${documentsPerSide} documents and ${questionsPerSide} questions (search, one after the other) a side and round, ${roundsMin} rounds; sides take turns; rows at or below the watermark are not kept in memory`,
      chunks: "made of two chunks of a sample that the engine embedded, no two alike",
    },
    rows: [...cold, ...nodes],
  };
}

async function coldRows(context: BenchContext): Promise<readonly Row[]> {
  const documents = await loadDocuments(context);
  const env = {
    FRESHET_MERGE_CONFIRM_MS: String(merges.confirmMs),
    FRESHET_MERGE_GRACE_MS: String(merges.graceMs),
  };
  const site = await openRecoverySite(context, { env, merges });
  try {
    const sample = await makeSample({ context, site, documents });
    const tenants = context.query.chunks.map((chunks): Tenant => {
      return { chunks, tenant: tenantId(`grow-${chunks}`) };
    });
    const disk: Row[] = [];
    for (const tenant of tenants) disk.push(...(await fillCold(context, site, { tenant, sample })));
    await site.startEngine({ env: keepingNothing });
    await untilReady(site);
    const texts = documents.map(({ text }) => text.slice(0, textChars));
    const next = distinctQuestions(documents);
    const addresses = resolveAddresses({}, { FRESHET_NATS_URL: site.natsUrl });
    const publisher = await connectLog(addresses);
    try {
      return [...(await costRows({ context, site, tenants, texts, next, publisher })), ...disk];
    } finally {
      await publisher.close();
    }
  } finally {
    await site.stop();
  }
}

/** Bytes of all files below a folder; files that are removed meanwhile count nothing. */
function bytesBelow(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => {
      const found = statSync(join(parentPath, name), { throwIfNoEntry: false });
      // Blocks of 512: Weaviate reserves room in sparse files.
      return 512 * (found?.blocks ?? 0);
    })
    .reduce((sum, bytes) => sum + bytes, 0);
}

/** Appended and merged, slice by slice; the rows say what it took on disk. */
async function fillCold(
  context: BenchContext,
  site: RecoverySite,
  {
    tenant: { chunks, tenant },
    sample,
  }: { readonly tenant: Tenant; readonly sample: readonly UpsertRecord[] },
): Promise<readonly Row[]> {
  const folders = { cold: "weaviate", log: "nats" } as const;
  const sizes = () =>
    Object.values(folders).map((name) => bytesBelow(join(context.scratch, "data", name)));
  const before = sizes();
  const begun = performance.now();
  for (let done = 0; done < chunks; done += chunksAtOnce) {
    const count = Math.min(chunksAtOnce, chunks - done);
    const records = mixedRecords(sample, { chunks: count, seed: chunks + done });
    await fillChunks(site.log, { tenant, sample: records, chunks: count });
    await mergeAll(context, site, [{ state: "cold", chunks: count, tenant }]);
    context.say(`${tenant}: ${done + count} chunks after ${seconds(begun)} s`);
  }
  const after = sizes();
  return Object.keys(folders).map((name, index) => {
    const value = Math.max(0, (after[index] ?? 0) - (before[index] ?? 0)) / chunks;
    return measured({
      ...{ name: `growth.${name}_disk_bytes_per_chunk.${sizeName(chunks)}`, unit: "bytes" },
      ...{ value, p50: null, p99: null, n: 1 },
    });
  });
}

const seconds = (begunMs: number): string => ((performance.now() - begunMs) / 1_000).toFixed(0);

interface Measuring {
  readonly context: BenchContext;
  readonly site: RecoverySite;
  readonly tenants: readonly Tenant[];
  readonly texts: readonly string[];
  readonly next: () => string;
  readonly publisher: PublisherConnection;
}

async function costRows(measuring: Measuring): Promise<readonly Row[]> {
  const { context, site, tenants } = measuring;
  const askers = await openAskers(site);
  const costs = new Map<Tenant, Cost[]>(tenants.map((tenant) => [tenant, []]));
  try {
    const side = (tenant: Tenant) => async (): Promise<void> => {
      costs.get(tenant)?.push(await costOf(measuring, tenant, askers.nats));
    };
    context.say("costs");
    await interleave(Object.fromEntries(tenants.map((one) => [one.tenant, side(one)])));
  } finally {
    await askers.close();
  }
  const [smallest] = tenants;
  return tenants.flatMap((tenant) =>
    (["documentCpuMs", "questionCpuMs", "questionMs"] as const).map((what) => {
      const of = (one: Tenant | undefined): number[] =>
        // Without the round that `interleave` does not count.
        (one === undefined ? [] : (costs.get(one) ?? [])).slice(1).map((cost) => cost[what]);
      const values = of(tenant);
      // What the others are measured against has no target.
      const prefix = tenant === smallest ? "smallest." : "";
      return measured({
        ...{ name: `growth.${prefix}${rowNames[what]}.${sizeName(tenant.chunks)}`, unit: "ms" },
        ...{ value: median(values), against: tenant === smallest ? null : median(of(smallest)) },
        ...{ p50: median(values), p99: Math.max(...values), n: values.length },
      });
    }),
  );
}

const rowNames = {
  documentCpuMs: "document_cpu_ms",
  questionCpuMs: "question_cpu_ms",
  questionMs: "question_p50_ms",
} as const satisfies Record<keyof Cost, string>;

let published = 0;

async function costOf(
  { site, texts, next, publisher }: Measuring,
  { tenant }: Tenant,
  asker: Asker,
): Promise<Cost> {
  const feed = await createFeed(publisher.log, tenant);
  try {
    const documentsCpuMs = await cpuMsOf(site, async () => {
      for (let index = 0; index < documentsPerSide; index += 1) {
        published += 1;
        const text = `${published} ${texts[published % texts.length] ?? ""}`;
        await feed.publish({ id: `document-${published}`, text });
      }
    });
    const times: number[] = [];
    const questionsCpuMs = await cpuMsOf(site, async () => {
      for (let index = 0; index < questionsPerSide; index += 1) {
        const begun = performance.now();
        const reply = await asker.ask(tenant, { query: next(), mode: "search", top_k: 5 });
        if ("refused" in reply) throw new Error(`a question was refused: ${reply.refused}`);
        if (reply.cold !== "complete") throw new Error(`cold was ${reply.cold}`);
        times.push(performance.now() - begun);
      }
    });
    return {
      documentCpuMs: documentsCpuMs / documentsPerSide,
      questionCpuMs: questionsCpuMs / questionsPerSide,
      questionMs: percentile(times, 0.5),
    };
  } finally {
    feed.close();
  }
}
