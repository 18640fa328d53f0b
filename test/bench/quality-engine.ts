/**
 * Quality of the engine's own ranking, from the hot shard's candidates on: each mode, diversity,
 * and the decision that nothing is relevant.
 *
 * Three kinds of questions tell how good that decision is. Those that have an answer should not be
 * declined. Of the collection's unanswerable ones a passage on the subject is there, and does not
 * say it: in SQuAD 2.0 people wrote them to look answerable by that very passage. Of absent ones
 * the subject is not there: the same questions, without the documents that share the title of a
 * relevant one.
 */

import type { DocumentId, Position, Version } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { rankBySchema } from "../../src/contract/ranking.ts";
import { createExactHotShardFactory } from "../../src/hot/memory.ts";
import type { HotShard } from "../../src/hot/port.ts";
import { diversify } from "../../src/retrieval/diversity.ts";
import { type Fused, rank } from "../../src/retrieval/fusion.ts";
import { relevanceOf, relevanceThreshold } from "../../src/retrieval/relevance.ts";
import type { Collection, Judged } from "./beir.ts";
import { dimensions } from "./models.ts";
import { measured, type Row } from "./report.ts";
import { mean, ndcg, percentile, rocAuc } from "./stats.ts";

const k = 10;
const diversities = [0, 0.1, 0.3] as const;

interface Vectors {
  readonly documents: readonly Float32Array[];
  readonly queries: readonly Float32Array[];
  readonly unanswerable: readonly Float32Array[];
}

interface Asked {
  readonly text: string;
  readonly vector: Float32Array;
}

export function engineRows(collection: Collection, vectors: Vectors): readonly Row[] {
  const { name, documents, queries } = collection;
  const all = shardOf(collection, vectors, () => true);
  const asked = queries.map((query, index) => ({
    ...query,
    vector: vectors.queries[index] as Float32Array,
  }));
  const score = (rankingOf: (question: Asked) => readonly Fused[]): number[] =>
    asked.map((question) =>
      ndcg({
        ranking: rankingOf(question).map(({ candidate }) => candidate.documentId),
        gains: question.gains,
        k,
      }),
    );
  const modes = rankBySchema.options.map((rankBy) =>
    row(
      `quality.engine_${rankBy}.${name}`,
      score((question) => search(all, question, { rankBy }).fused),
    ),
  );
  const [hybrid = null] = modes.map(({ value }) => value);
  const diverse = diversities.map((diversity) => {
    const scores = score(
      (question) =>
        diversify(search(all, question, { limit: limits.diversityPoolMax }).fused, {
          diversity,
          limit: k,
        }).fused,
    );
    return { ...row(`quality.diversity_${diversity}.${name}`, scores, hybrid) };
  });
  const relevance = (shard: HotShard, questions: readonly Asked[]): number[] =>
    questions.map((question) => relevanceOf(search(shard, question).relevance));
  const kinds = {
    unanswerable: relevance(
      all,
      collection.unanswerable.map((text, index) => ({
        text,
        vector: vectors.unanswerable[index] as Float32Array,
      })),
    ),
    absent: bySubject(collection, asked).flatMap(({ titles, questions }) => {
      const isLeft = (index: number): boolean => !titles.has(documents[index]?.title ?? "");
      const rest = shardOf(collection, vectors, isLeft);
      const scores = relevance(rest, questions);
      rest.close();
      return scores;
    }),
  };
  const answerable = relevance(all, asked);
  all.close();
  return [
    ...modes,
    ...diverse,
    declinedRow(`quality.declined_answerable.${name}`, answerable),
    ...Object.entries(kinds).flatMap(([kind, scores]) =>
      scores.length === 0
        ? []
        : [
            declinedRow(`quality.declined_${kind}.${name}`, scores),
            measured({
              ...{ name: `quality.relevance_auc_${kind}.${name}`, unit: "ROC AUC" },
              ...{ value: rocAuc(answerable, scores), p50: null, p99: null },
              n: answerable.length + scores.length,
            }),
          ],
    ),
  ];
}

function search(
  shard: HotShard,
  { text, vector }: Asked,
  options: { readonly rankBy?: "hybrid" | "dense" | "lexical"; readonly limit?: number } = {},
) {
  const perList = limits.candidatesPerShard;
  const hot = shard.search({ vector, text, limit: perList, wanted: { vectors: true } });
  return rank({ question: text, hot, cold: [], limit: k, perList, ...options });
}

function shardOf(
  { documents }: Collection,
  vectors: Vectors,
  isIn: (index: number) => boolean,
): HotShard {
  const shard = createExactHotShardFactory()({ dimensions });
  for (const [index, { id, text }] of documents.entries()) {
    if (!isIn(index)) continue;
    const [version, position] = [(index + 1) as Version, (index + 1) as Position];
    const chunks = [{ text, vector: vectors.documents[index] as Float32Array }];
    shard.upsert({ documentId: id as DocumentId, version, position, info: {}, chunks });
  }
  return shard;
}

/**
 * Questions by the titles of what answers them. None where titles do not repeat: then they name
 * documents and no subjects.
 */
function bySubject(
  { documents }: Collection,
  asked: readonly (Asked & Judged)[],
): readonly { readonly titles: ReadonlySet<string>; readonly questions: readonly Asked[] }[] {
  const titleOf = new Map(documents.map(({ id, title = "" }) => [id, title]));
  const subjects = new Set(titleOf.values());
  if (subjects.size > documents.length / 4) return [];
  const groups = new Map<string, { titles: Set<string>; questions: Asked[] }>();
  for (const question of asked) {
    const titles = [...question.gains.keys()].map((id) => titleOf.get(id) ?? "").sort();
    const key = titles.join("\n");
    const group = groups.get(key) ?? { titles: new Set(titles), questions: [] };
    group.questions.push(question);
    groups.set(key, group);
  }
  return [...groups.values()];
}

function row(name: string, scores: readonly number[], against: number | null = null): Row {
  return measured({
    ...{ name, unit: "nDCG@10", value: mean(scores), against },
    p50: percentile(scores, 0.5),
    p99: percentile(scores, 0.01),
    n: scores.length,
  });
}

function declinedRow(name: string, relevances: readonly number[]): Row {
  const declined = relevances.filter((relevance) => relevance < relevanceThreshold);
  return measured({
    ...{ name, unit: "of 1", value: declined.length / relevances.length },
    ...{ p50: null, p99: null, n: relevances.length },
  });
}
