/**
 * A search of the cold shard against Weaviate alone: its client asked for the same two lists at
 * once, ids and distances only. With filters, against none.
 */

import type { WeaviateClient } from "weaviate-client";
import { startWeaviate, type WeaviateAddress } from "../../ops/servers/weaviate.ts";
import { ensureTools } from "../../ops/setup/ensure-tools.ts";
import { lineProgress } from "../../ops/setup/progress.ts";
import { objectId } from "../../src/cold/object-id.ts";
import type { ColdObject, ColdShard } from "../../src/cold/port.ts";
import { connectWeaviate } from "../../src/cold/weaviate.ts";
import { openClient } from "../../src/cold/weaviate-client.ts";
import { normalFilter } from "../../src/contract/filter.ts";
import type { FilterInput } from "../../src/contract/filter-schema.ts";
import { type DocumentId, type TenantId, tenantId, type Version } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { silentLogger } from "../../src/contract/observation.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { queryTerms } from "../../src/text/lexical.ts";
import type { BenchContext } from "./context.ts";
import { interleave } from "./interleave.ts";
import { dimensions } from "./models.ts";
import { type BenchResult, measured, type Row } from "./report.ts";
import { percentile } from "./stats.ts";
import { loadDocuments } from "./texts.ts";
import { makeVectors } from "./vectors.ts";

const sizes = { "2k": 2_000, "20k": 20_000 };
const questions = 20;
const wordsPerQuestion = 7;
const chunkChars = 700;
/** Few: on a busy machine more of them outlast a request's time. */
const pagesInFlight = 3;
/** What a search may take beyond 1.3 times Weaviate alone: it brings back texts and vectors. */
const allowanceMs = 3;
const begin = Date.parse("2026-01-01T00:00:00Z");
const minuteMs = 60_000;
const chunksPerDocument = 4;
const limit = limits.candidatesPerShard;

export interface Question {
  readonly vector: Float32Array;
  readonly text: string;
}

interface Filled {
  readonly label: string;
  readonly tenant: TenantId;
  readonly cold: ColdShard;
  readonly client: WeaviateClient;
  readonly asked: readonly Question[];
}

export async function benchColdSearch(context: BenchContext): Promise<BenchResult> {
  const { address, stop } = await weaviate(context);
  const cold = connectWeaviate({
    ...{ ...address, dimensions, clock: systemClock, logger: silentLogger },
  });
  const client = await openClient(address);
  const texts = await chunkTexts(context);
  const rows: Row[] = [];
  try {
    await client.getWeaviateVersion();
    for (const [label, chunks] of Object.entries(sizes)) {
      const tenant = tenantId(`bench-${label}`);
      context.say(`${chunks} chunks into Weaviate`);
      const asked = await fill({ cold, tenant, chunks, texts });
      context.say(`searches of ${chunks} chunks`);
      const filled = { label, tenant, cold, client, asked };
      rows.push(...(await againstWeaviate(filled)), ...(await filtered(filled, chunks)));
    }
  } finally {
    await cold.close();
    await client.close();
    await stop();
  }
  const settings = {
    questions: String(questions),
    limit: String(limit),
    texts: String(texts.length),
  };
  return { settings, rows };
}

/** The server that the environment names, or one of this run's own. */
export async function weaviate({
  env,
  scratch,
}: BenchContext): Promise<{ address: WeaviateAddress; stop: () => Promise<void> }> {
  const url = env["FRESHET_WEAVIATE_URL"];
  if (url !== undefined) {
    const grpc = env["FRESHET_WEAVIATE_GRPC"] ?? `${new URL(url).hostname}:50051`;
    const apiKey = env["FRESHET_WEAVIATE_API_KEY"];
    return { address: { url, grpc, apiKey }, stop: async () => {} };
  }
  const progress = lineProgress(
    (line) => process.stderr.write(line),
    () => performance.now(),
  );
  const none = { nats: false, temporal: false, embedding: false, llm: false };
  const tools = await ensureTools({ env, progress, want: { ...none, weaviate: true } });
  if (tools.weaviate === undefined) throw new Error("weaviate is missing");
  const own = { dataDir: scratch, env, ports: {} };
  const { server, address } = await startWeaviate(own, tools.weaviate);
  return { address, stop: () => server.stop() };
}

export async function chunkTexts(context: BenchContext): Promise<readonly string[]> {
  const documents = await loadDocuments(context);
  return documents.flatMap(({ text }) => {
    const count = Math.max(1, Math.floor(text.length / chunkChars));
    return Array.from({ length: count }, (_, at) =>
      text.slice(at * chunkChars, (at + 1) * chunkChars),
    );
  });
}

export async function fill(into: {
  readonly cold: ColdShard;
  readonly tenant: TenantId;
  readonly chunks: number;
  readonly texts: readonly string[];
  /** Labels of a document; by default none has any. */
  readonly labelsOf?: (document: number) => readonly string[] | undefined;
}): Promise<readonly Question[]> {
  const { cold, tenant, chunks, texts, labelsOf } = into;
  const set = makeVectors(chunks, questions);
  const textOf = (index: number): string => texts[index % texts.length] as string;
  const objects = set.base.map((vector, index): ColdObject => {
    const document = Math.floor(index / chunksPerDocument);
    const key = {
      documentId: `document-${document}` as DocumentId,
      version: 1 as Version,
      chunk: index % chunksPerDocument,
    };
    const timestamp = begin + index * minuteMs;
    return {
      ...key,
      id: objectId({ tenant, ...key }),
      chunkCount: chunksPerDocument,
      // No two chunks are alike.
      text: `${textOf(index)} ${index}`,
      heading: `Part ${document % 50} > Section ${document % 7}`,
      range: [key.chunk * chunkChars, (key.chunk + 1) * chunkChars],
      info: {
        ...{ title: `Document ${document}`, source: `https://example.org/${document}`, timestamp },
        metadata: { team: `team-${index % 10}`, n: index },
        acl: labelsOf?.(document),
      },
      vector,
    };
  });
  await cold.ensureTenant(tenant);
  let at = 0;
  const writer = async (): Promise<void> => {
    while (at < objects.length) {
      const page = objects.slice(at, at + limits.mergePageObjects);
      at += limits.mergePageObjects;
      await cold.upsert(tenant, page);
    }
  };
  await Promise.all(Array.from({ length: pagesInFlight }, writer));
  return set.queries.map((vector, index) => ({
    vector,
    text: (textOf(index * 37).match(/\p{L}{3,}/gu) ?? []).slice(0, wordsPerQuestion).join(" "),
  }));
}

interface Timed {
  readonly ms: number[];
  /** Of this thread, all searches together. */
  cpuMs: number;
}

const timed = (): Timed => ({ ms: [], cpuMs: 0 });

async function each<Item>(
  items: readonly Item[],
  into: Timed,
  search: (item: Item) => Promise<unknown>,
): Promise<void> {
  const before = process.threadCpuUsage();
  for (const item of items) {
    const begun = performance.now();
    await search(item);
    into.ms.push(performance.now() - begun);
  }
  const { user, system } = process.threadCpuUsage(before);
  into.cpuMs += (user + system) / 1_000;
}

async function againstWeaviate({ label, tenant, cold, client, asked }: Filled): Promise<Row[]> {
  const chunks = client.collections.use("FreshetChunk").withTenant(tenant);
  const alone = async ({ vector, text }: Question, properties: string[], vectors: boolean) => {
    const common = { limit, returnProperties: properties, includeVector: vectors };
    const near = { ...common, targetVector: "default", returnMetadata: ["distance" as const] };
    const words = { ...common, queryProperties: ["terms"], returnMetadata: ["score" as const] };
    await Promise.all([
      chunks.query.nearVector(Array.from(vector), near),
      chunks.query.bm25(queryTerms(text).join(" "), words),
    ]);
  };
  const sides = { ours: timed(), ids: timed(), whole: timed() };
  await interleave({
    ours: () => each(asked, sides.ours, (question) => cold.search({ tenant, limit, ...question })),
    ids: () => each(asked, sides.ids, (question) => alone(question, [], false)),
    whole: () => each(asked, sides.whole, (question) => alone(question, ["record", "terms"], true)),
  });
  const { ours, ids, whole } = sides;
  const overIds = latency(`cold.over_weaviate.${label}`, ours.ms, ids.ms);
  return [
    {
      ...measured({ ...overIds, value: Math.max(0, (overIds.value ?? 0) - allowanceMs) }),
      note: `without ${allowanceMs} ms, against the two lists at once, ids and distances only`,
    },
    latency(`cold.search_ms.${label}`, ours.ms, ids.ms),
    latency(`cold.search_vs_client_ms.${label}`, ours.ms, whole.ms),
    measured({
      name: `cold.main_thread_ms.${label}`,
      unit: "ms of CPU",
      value: ours.cpuMs / ours.ms.length,
      against: ids.cpuMs / ids.ms.length,
      ...{ p50: null, p99: null, n: ours.ms.length },
      note: "a search, against the client's for ids and distances only",
    }),
  ];
}

/** Every chunk has a time and a number of its own. */
function filtersOf(chunks: number): Readonly<Record<string, FilterInput>> {
  const minutes = (share: number): string =>
    new Date(begin + Math.floor(chunks * share) * minuteMs).toISOString();
  const documents = Math.floor(chunks / chunksPerDocument);
  return {
    "time-half": { timestamp: { gte: minutes(0.25), lt: minutes(0.75) } },
    "time-1pct": { timestamp: { gte: minutes(0.5), lt: minutes(0.51) } },
    team: { "metadata.team": "team-3" },
    "not-team": { type: "nin", key: "team", value: ["team-3", "team-4"] },
    "100-ids": { id: Array.from({ length: 100 }, (_, at) => `document-${at % documents}`) },
    "number-half": { "metadata.n": { gte: Math.floor(chunks / 2) } },
    "number-1pct": { "metadata.n": { gte: Math.floor(chunks * 0.99) } },
  };
}

async function filtered({ label, tenant, cold, asked }: Filled, chunks: number): Promise<Row[]> {
  const some = asked.slice(0, questions / 2);
  const rows: Row[] = [];
  for (const [name, input] of Object.entries(filtersOf(chunks))) {
    const filter = normalFilter(input);
    const sides = { filtered: timed(), unfiltered: timed() };
    const search = (question: Question) => cold.search({ tenant, limit, ...question });
    await interleave({
      filtered: () =>
        each(some, sides.filtered, (question) =>
          cold.search({ tenant, limit, filter, ...question }),
        ),
      unfiltered: () => each(some, sides.unfiltered, search),
    });
    const row = `cold.filtered_vs_unfiltered.${name}.${label}`;
    rows.push(latency(row, sides.filtered.ms, sides.unfiltered.ms));
  }
  return rows;
}

export function latency(name: string, ms: readonly number[], against: readonly number[]): Row {
  const value = percentile(ms, 0.5);
  const p99 = percentile(ms, 0.99);
  const reference = percentile(against, 0.5);
  return measured({ name, unit: "ms", value, against: reference, p50: value, p99, n: ms.length });
}
