/**
 * Answers without a model, over the engine's own chunks and fusion: whether an accepted answer
 * stands in them, how long they are, whether their citations hold, and follow-up questions.
 */

import { extractiveAnswer } from "../../src/answer/cited-sentences.ts";
import { carriedOver, standsAlone } from "../../src/answer/follow-up.ts";
import { citationsOf } from "../../src/answer/references.ts";
import type { Candidate } from "../../src/contract/candidate.ts";
import type { DocumentId, Version } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import type { Source } from "../../src/contract/query.ts";
import { splitByLength } from "../../src/embedding/batching.ts";
import { fuse } from "../../src/retrieval/fusion.ts";
import { lexicalMatch } from "../../src/text/chunk-terms.ts";
import { type Chunk, chunkText } from "../../src/text/chunking.ts";
import { queryTerms } from "../../src/text/lexical.ts";
import type { Tokenizer } from "../../src/text/port.ts";
import type { Collection, Judged } from "./beir.ts";
import { followUpPairs } from "./follow-ups.ts";
import { batchLimits, dimensions, modelShape } from "./models.ts";
import type { RawSession } from "./reference/raw-loop.ts";
import { measured, type Row } from "./report.ts";
import { mean, percentile } from "./stats.ts";

const topK = 5;
const pairsMax = 100;

interface Parts {
  readonly tokenizer: Tokenizer;
  readonly session: RawSession;
}

interface Indexed extends Pick<Chunk, "text" | "heading" | "range"> {
  readonly id: string;
  readonly title: string | undefined;
  readonly chunk: number;
  readonly vector: Float32Array;
}

/** None for a collection without accepted answers. */
export async function answerRows(collection: Collection, parts: Parts): Promise<readonly Row[]> {
  const queries = collection.queries.filter(({ answers }) => answers.length > 0);
  if (queries.length === 0) return [];
  const chunks = await indexed(collection, parts);
  const vectors = await embedQueries(queries, parts);
  const found = queries.map((query, index) => sourcesOf(query.text, vectors[index], chunks));
  const answers = queries.map(({ text: question }, index) => {
    const begun = performance.now();
    const sources = found[index] ?? [];
    const answer = extractiveAnswer({ question, sources });
    const citations = citationsOf(answer, sources);
    return { answer, citations, ms: performance.now() - begun };
  });
  const holds = (text: string, { answers: accepted }: Judged): number =>
    accepted.some((each) => plain(text).includes(plain(each))) ? 1 : 0;
  const row = (name: string, unit: string, values: readonly number[]): Row =>
    measured({
      ...{ name: `quality.${name}.${collection.name}`, unit, value: mean(values) },
      ...{ p50: percentile(values, 0.5), p99: percentile(values, 0.99), n: values.length },
    });
  const times = answers.map(({ ms }) => ms);
  return [
    row(
      "answer_span",
      "share",
      queries.map((query, at) => holds(answers[at]?.answer ?? "", query)),
    ),
    row(
      "context_span",
      "share",
      queries.map((query, at) => holds(textOf(found[at]), query)),
    ),
    row(
      "answer_sentences",
      "sentences",
      answers.map(({ citations }) => citations.length),
    ),
    row(
      "answer_chars",
      "characters",
      answers.map(({ answer }) => answer.length),
    ),
    row(
      "answer_supported",
      "share",
      answers.flatMap(({ citations }) =>
        citations.map(({ support }) => (support === "supported" ? 1 : 0)),
      ),
    ),
    { ...row("answer_ms", "ms", times), value: percentile(times, 0.5) },
    ...(await followUpRows(collection, queries, {
      chunks,
      parts,
      answerOf: (query) => answers[queries.indexOf(query)]?.answer ?? "",
    })),
  ];
}

async function followUpRows(
  { name }: Collection,
  queries: readonly Judged[],
  at: {
    readonly chunks: readonly Indexed[];
    readonly parts: Parts;
    readonly answerOf: (query: Judged) => string;
  },
): Promise<readonly Row[]> {
  const pairs = followUpPairs(queries, pairsMax);
  if (pairs.length === 0) return [];
  const hits = async (texts: readonly string[]): Promise<number[]> => {
    const vectors = await embedQueries(
      texts.map((text) => ({ text })),
      at.parts,
    );
    return texts.map((text, index) => {
      const sources = sourcesOf(text, vectors[index], at.chunks);
      return sources.some(({ id }) => pairs[index]?.second.gains.has(id)) ? 1 : 0;
    });
  };
  const standing = await hits(pairs.map(({ second }) => second.text));
  const alone = await hits(pairs.map(({ leaning }) => leaning));
  const carried = await hits(
    pairs.map(({ first, leaning: question }) => {
      const history = [
        { role: "user" as const, content: first.text },
        { role: "assistant" as const, content: at.answerOf(first) },
      ];
      const asked = { question, history };
      return standsAlone(asked) ? question : carriedOver(asked);
    }),
  );
  const row = (kind: string, unit: string, values: readonly number[]): Row =>
    measured({
      ...{ name: `quality.${kind}.${name}`, unit, value: mean(values), n: values.length },
      ...{ p50: percentile(values, 0.5), p99: percentile(values, 0.99) },
    });
  const losses = standing.map((hit, index) => hit - (carried[index] ?? 0));
  return [
    row("follow_up_standing", "hit@5", standing),
    row("follow_up_alone", "hit@5", alone),
    row("follow_up_carried", "hit@5", carried),
    row("follow_up_loss", "hit@5", losses),
  ];
}

async function indexed(
  { documents }: Collection,
  { tokenizer, session }: Parts,
): Promise<readonly Indexed[]> {
  const cut = documents.flatMap(({ id, title, body }) =>
    chunkText({ text: body, title, tokenizer }).map((chunk, index) => ({
      ...{ id, title, chunk: index, tokens: chunk.tokens },
      ...{ text: chunk.text, heading: chunk.heading, range: chunk.range },
    })),
  );
  const vectors = await embedTokens(
    cut.map(({ tokens }) => tokens),
    session,
  );
  return cut.map(({ tokens: _, ...chunk }, index) => ({
    ...chunk,
    vector: vectors[index] as Float32Array,
  }));
}

function embedQueries(
  queries: readonly { readonly text: string }[],
  { tokenizer, session }: Parts,
): Promise<readonly Float32Array[]> {
  return embedTokens(
    queries.map(({ text }) => tokenizer.encode(text, modelShape.maxTokens)),
    session,
  );
}

async function embedTokens(
  tokens: readonly Int32Array[],
  session: RawSession,
): Promise<readonly Float32Array[]> {
  const vectors = new Array<Float32Array>(tokens.length);
  for (const indexes of splitByLength(
    tokens.map(({ length }) => length),
    batchLimits,
  )) {
    const flat = await session.run(indexes.map((index) => tokens[index] as Int32Array));
    for (const [row, index] of indexes.entries()) {
      vectors[index] = flat.slice(row * dimensions, (row + 1) * dimensions);
    }
  }
  return vectors;
}

/** As a resident tenant's search brings them: every chunk is a candidate, fusion picks. */
function sourcesOf(
  question: string,
  vector: Float32Array | undefined,
  chunks: readonly Indexed[],
): readonly Source[] {
  const queried = queryTerms(question);
  const hot = chunks.map(
    (chunk): Candidate => ({
      ...{ shard: "hot", documentId: chunk.id as DocumentId, version: 1 as Version },
      ...{ chunk: chunk.chunk, text: chunk.text, heading: chunk.heading, range: chunk.range },
      info: { title: chunk.title },
      cosine: cosine(vector, chunk.vector),
      lexical: lexicalMatch(queried, chunk),
    }),
  );
  const fused = fuse({ question, hot, cold: [], limit: topK, perList: limits.candidatesPerShard });
  return fused.map(({ candidate, score }) => ({
    ...{ id: candidate.documentId, version: 1, chunk: candidate.chunk, score, shard: "hot" },
    text: candidate.text,
    ...(candidate.range && { start: candidate.range[0], end: candidate.range[1] }),
    ...(candidate.info.title === undefined ? {} : { title: candidate.info.title }),
  }));
}

/** Of vectors of length 1. */
function cosine(left: Float32Array | undefined, right: Float32Array): number {
  let sum = 0;
  for (const [index, value] of right.entries()) sum += value * (left?.[index] ?? 0);
  return sum;
}

const plain = (text: string): string => text.toLowerCase().replace(/\s+/g, " ").trim();
const textOf = (sources: readonly Source[] = []): string =>
  sources.map(({ text }) => text).join("\n");
