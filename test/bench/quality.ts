/** Retrieval quality: what int8 costs against fp32, and what words add to vectors. */

import type { Candidate } from "../../src/contract/candidate.ts";
import type { DocumentId, Version } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { splitByLength } from "../../src/embedding/batching.ts";
import type { SparseEncoder } from "../../src/embedding/onnx-sparse.ts";
import { fuse } from "../../src/retrieval/fusion.ts";
import { lexicalMatch } from "../../src/text/chunk-terms.ts";
import { bm25, type CorpusStats, queryTerms, termCounts, terms } from "../../src/text/lexical.ts";
import type { Tokenizer } from "../../src/text/port.ts";
import { loadTokenizer } from "../../src/text/tokenizer.ts";
import { type Collection, collectionFolders, readCollection } from "./beir.ts";
import type { BenchContext } from "./context.ts";
import {
  batchLimits,
  compileGraph,
  dimensions,
  embeddingModel,
  ingestThreads,
  modelShape,
} from "./models.ts";
import { opCounts } from "./op-counts.ts";
import { answerRows } from "./quality-answers.ts";
import { engineRows } from "./quality-engine.ts";
import { openSparseBench, sparseRows } from "./quality-sparse.ts";
import { openRaw, type RawSession } from "./reference/raw-loop.ts";
import { type BenchResult, measured, type Row, skipped } from "./report.ts";
import { mean, ndcg, percentile } from "./stats.ts";

const k = 10;
const headline = "quality.int8_vs_fp32";

interface Sessions {
  readonly fp32: RawSession;
  readonly int8: RawSession;
}

export async function benchQuality(context: BenchContext): Promise<BenchResult> {
  if (context.dataset === undefined) {
    const why = "it needs --dataset with a collection in BEIR form";
    return { settings: {}, rows: [skipped(headline, "nDCG@10", why)] };
  }
  const { modelDir } = await embeddingModel(context);
  const tokenizer = await loadTokenizer(modelDir);
  const files = {
    fp32: await compileGraph(context, modelDir, "fp32"),
    int8: await compileGraph(context, modelDir, "int8"),
  };
  const open = { threads: ingestThreads, spinning: "as ours" } as const;
  const sessions: Sessions = {
    fp32: await openRaw({ ...open, graphFile: files.fp32 }),
    int8: await openRaw({ ...open, graphFile: files.int8 }),
  };
  const sparse = await openSparseBench(context);
  const collections: CollectionRows[] = [];
  for (const folder of collectionFolders(context.dataset)) {
    const collection = readCollection(folder);
    context.say(
      `${collection.name}: ${collection.documents.length} documents, ${collection.queries.length} queries`,
    );
    const { int8: session } = sessions;
    const answers = await answerRows(collection, { tokenizer, session });
    const measuredOf = await measureCollection(collection, { tokenizer, sessions, sparse });
    collections.push({ ...measuredOf, rows: [...measuredOf.rows, ...answers] });
  }
  await sessions.fp32.close();
  await sessions.int8.close();
  await sparse?.close();
  return {
    settings: {
      texts: `title and text, whole, at most ${modelShape.maxTokens} tokens; queries without a relevant document are left out`,
      measure: `nDCG@${k}, linear gains; bm25 over the whole collection; fused as the engine does, from the best ${limits.candidatesPerShard} of each list`,
      answers: `without a model, from the five best chunks; at most ${limits.extractiveSentencesMax} sentences and ${limits.extractiveCharsMax} characters behind the first, or ${limits.extractiveListLinesMax} lines of a list`,
      "follow-ups":
        "second questions about a paragraph whose shared name became a pronoun, behind the first question and its answer; carried over without a model",
      "ops fp32": await opCounts(files.fp32),
      "ops int8": await opCounts(files.int8),
    },
    rows: [headlineRow(collections), ...collections.flatMap(({ rows }) => rows)],
  };
}

interface CollectionRows {
  readonly name: string;
  readonly scores: Readonly<Record<"fp32" | "int8", readonly number[]>>;
  readonly rows: readonly Row[];
}

/** The collection on which int8 does worst speaks for all. */
function headlineRow(collections: readonly CollectionRows[]): Row {
  const lossOf = ({ scores }: CollectionRows) => mean(scores.int8) / mean(scores.fp32);
  const [worst] = collections.toSorted((left, right) => lossOf(left) - lossOf(right));
  if (worst === undefined) return skipped(headline, "nDCG@10", "no collection");
  const { int8, fp32 } = worst.scores;
  const row = qualityRow(headline, int8, fp32);
  return { ...row, note: `on ${worst.name}, the worst of ${collections.length}` };
}

async function measureCollection(
  collection: Collection,
  parts: {
    readonly tokenizer: Tokenizer;
    readonly sessions: Sessions;
    readonly sparse: SparseEncoder | undefined;
  },
): Promise<CollectionRows> {
  const { documents, queries, name } = collection;
  const { tokenizer, sessions } = parts;
  const embed = (session: RawSession, texts: readonly string[]) =>
    embedAll(session, tokenizer, texts);
  const vectors = async (session: RawSession) => ({
    documents: await embed(
      session,
      documents.map(({ text }) => text),
    ),
    queries: await embed(
      session,
      queries.map(({ text }) => text),
    ),
  });
  const similarity = ({ documents: base, queries: asked }: Awaited<ReturnType<typeof vectors>>) =>
    asked.map((query) => Float32Array.from(base, (vector) => innerProduct(query, vector)));
  const own = await vectors(sessions.int8);
  const fp32 = similarity(await vectors(sessions.fp32));
  const int8 = similarity(own);
  const unanswerable = await embed(sessions.int8, collection.unanswerable);
  const lexical = lexicalScores(collection);
  const score = (rank: (query: number) => readonly string[]): number[] =>
    queries.map(({ gains }, query) => ndcg({ ranking: rank(query), gains, k }));
  const byScore = (lists: readonly Float32Array[]) => (query: number) =>
    best(lists[query], k).map((index) => documents[index]?.id ?? "");
  const scores = { fp32: score(byScore(fp32)), int8: score(byScore(int8)) };
  const words = score(byScore(lexical));
  const fused = score((query) => fusedRanking(collection, query, { dense: int8, lexical }));
  return {
    name,
    scores,
    rows: [
      qualityRow(`quality.dense_fp32.${name}`, scores.fp32),
      qualityRow(`quality.dense_int8.${name}`, scores.int8, scores.fp32),
      qualityRow(`quality.bm25.${name}`, words),
      qualityRow(`quality.fused.${name}`, fused, scores.int8),
      ...engineRows(collection, { ...own, unanswerable }),
      ...(parts.sparse === undefined ? [] : await sparseRows(collection, own, parts.sparse)),
    ],
  };
}

function qualityRow(name: string, scores: readonly number[], against?: readonly number[]): Row {
  return measured({
    name,
    unit: "nDCG@10",
    value: mean(scores),
    against: against === undefined ? null : mean(against),
    p50: percentile(scores, 0.5),
    p99: percentile(scores, 0.01),
    n: scores.length,
  });
}

async function embedAll(
  session: RawSession,
  tokenizer: Tokenizer,
  texts: readonly string[],
): Promise<Float32Array[]> {
  const tokens = texts.map((text) => tokenizer.encode(text, modelShape.maxTokens));
  const vectors = new Array<Float32Array>(texts.length);
  const lengths = tokens.map(({ length }) => length);
  for (const indexes of splitByLength(lengths, batchLimits)) {
    const flat = await session.run(indexes.map((index) => tokens[index] as Int32Array));
    for (const [row, index] of indexes.entries()) {
      vectors[index] = flat.slice(row * dimensions, (row + 1) * dimensions);
    }
  }
  return vectors;
}

function lexicalScores({ documents, queries }: Collection): Float32Array[] {
  const indexed = documents.map(({ text }) => {
    const list = terms(text);
    return { counts: termCounts(list), length: list.length };
  });
  const frequency = termCounts(indexed.flatMap(({ counts }) => [...counts.keys()]));
  const stats: CorpusStats = {
    documents: documents.length,
    averageLength: mean(indexed.map(({ length }) => length)),
    documentFrequency: (term) => frequency.get(term) ?? 0,
  };
  return queries.map(({ text }) => {
    const queryTerms = terms(text);
    return Float32Array.from(indexed, (document) => bm25({ queryTerms, ...document, stats }));
  });
}

/** The engine's own fusion, over what the two lists of its shards would bring. */
function fusedRanking(
  { documents, queries }: Collection,
  query: number,
  lists: { readonly dense: readonly Float32Array[]; readonly lexical: readonly Float32Array[] },
): readonly string[] {
  const dense = lists.dense[query];
  const lexical = lists.lexical[query];
  const limit = limits.candidatesPerShard;
  const matched = best(lexical, limit).filter((index) => (lexical?.[index] ?? 0) > 0);
  const pool = new Set([...best(dense, limit), ...matched]);
  const question = queries[query]?.text ?? "";
  const queried = queryTerms(question);
  const hot = [...pool].map(
    (index): Candidate => ({
      shard: "hot",
      documentId: (documents[index]?.id ?? "") as DocumentId,
      version: 1 as Version,
      chunk: 0,
      text: documents[index]?.text ?? "",
      info: {},
      cosine: dense?.[index] ?? -1,
      lexical: lexicalMatch(queried, { text: documents[index]?.text ?? "" }),
    }),
  );
  const perList = limits.candidatesPerShard;
  return fuse({ question, hot, cold: [], limit: k, perList }).map(
    ({ candidate }) => candidate.documentId,
  );
}

/** Indexes of the `count` highest scores. */
function best(scores: Float32Array | undefined, count: number): number[] {
  return Array.from(scores ?? [], (score, index) => ({ score, index }))
    .sort((left, right) => right.score - left.score || left.index - right.index)
    .slice(0, count)
    .map(({ index }) => index);
}

function innerProduct(left: Float32Array, right: Float32Array): number {
  let sum = 0;
  for (let index = 0; index < left.length; index += 1) {
    sum += (left[index] as number) * (right[index] as number);
  }
  return sum;
}
