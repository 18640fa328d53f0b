/**
 * The references of the query bench: one thread that embeds and searches an index, and Weaviate alone
 * with a near-vector and a BM25 search at once. Both answer the same questions.
 */

import { questionTerms } from "../../src/cold/terms.ts";
import { openClient } from "../../src/cold/weaviate-client.ts";
import { chunksOf } from "../../src/cold/weaviate-search.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { loadTokenizer } from "../../src/text/tokenizer.ts";
import { readRecords } from "../support/records.ts";
import { dimensions, modelShape, queryThreads } from "./models.ts";
import type { RecoverySite } from "./recovery-site.ts";
import { openRawIndex } from "./reference/raw-hnswlib.ts";
import { openRaw } from "./reference/raw-loop.ts";

const k = limits.candidatesPerShard;

export interface RawLane {
  /** Milliseconds of the question's embedding alone, and with the search of the index. */
  ask(question: string): Promise<{ readonly embedMs: number; readonly ms: number }>;
  embed(question: string): Promise<Float32Array>;
  close(): Promise<void>;
}

/** One lane, as the engine's own embedding of questions is. */
export async function openRawLane(site: RecoverySite, tenant: TenantId): Promise<RawLane> {
  const { modelDir, graphFile, log } = site;
  const tokenizer = await loadTokenizer(modelDir);
  const session = await openRaw({ graphFile, threads: queryThreads, spinning: "as ours" });
  const vectors = (await readRecords(log.chunks, tenant)).flatMap((record) =>
    record.kind === "upsert" ? record.body.chunks.map(({ vector }) => Array.from(vector)) : [],
  );
  const index = openRawIndex(vectors.length, dimensions);
  for (const [label, vector] of vectors.entries()) index.add(vector, label);
  const embed = async (question: string): Promise<Float32Array> => {
    const flat = await session.run([tokenizer.encode(question, modelShape.maxTokens)]);
    return flat.slice(0, dimensions);
  };
  return {
    embed,
    async ask(question) {
      const begun = performance.now();
      const vector = await embed(question);
      const embedMs = performance.now() - begun;
      index.nearest(Array.from(vector), k);
      return { embedMs, ms: performance.now() - begun };
    },
    close: () => session.close(),
  };
}

export interface WeaviateAlone {
  /** Milliseconds of both searches at once. */
  ask(question: string, vector: Float32Array): Promise<number>;
  close(): Promise<void>;
}

/** The vendor's client; of each object only what a source shows. */
const properties = ["documentId" as const, "version" as const, "chunk" as const, "record" as const];

export async function openWeaviateAlone(
  site: RecoverySite,
  tenant: TenantId,
): Promise<WeaviateAlone> {
  const client = await openClient(site.weaviate);
  const chunks = chunksOf(client, tenant);
  const options = { limit: k, returnProperties: properties };
  return {
    async ask(question, vector) {
      const near = Array.from(vector);
      const terms = questionTerms(question);
      const begun = performance.now();
      const [nearest, lexical] = await Promise.all([
        chunks.query.nearVector(near, { ...options, returnMetadata: ["distance"] }),
        chunks.query.bm25(terms, {
          ...options,
          queryProperties: ["terms"],
          returnMetadata: ["score"],
        }),
      ]);
      const ms = performance.now() - begun;
      if (nearest.objects.length + lexical.objects.length === 0) throw new Error("cold is empty");
      return ms;
    },
    close: () => client.close(),
  };
}
