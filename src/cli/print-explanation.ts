/** `--explain` for people: one line for each source, and where the other candidates went. */

import type { Answer } from "../contract/query.ts";
import { printable } from "./print.ts";

export function explanationLines({ explain, relevance }: Answer): string[] {
  if (explain === undefined) return [];
  const { pool, shards, terms, weights, prompt } = explain;
  const words = terms.map(({ term, rarity }) => `${term} ${rarity.toFixed(2)}`).join(", ");
  const sources = explain.sources.map((source, index) => {
    const places = [
      `dense ${source.dense_rank}`,
      `lexical ${source.lexical_rank ?? "none"}`,
      ...(weights.sparse === undefined ? [] : [`sparse ${source.sparse_rank ?? "none"}`]),
      `fused ${source.fused_rank}`,
      ...(source.rerank_rank === undefined ? [] : [`rerank ${source.rerank_rank}`]),
    ];
    const both = `nearness ${source.nearness.toFixed(3)}, words ${source.words.toFixed(3)}`;
    const parts =
      source.sparse === undefined ? both : `${both}, sparse ${source.sparse.toFixed(3)}`;
    return `[${index + 1}] ${places.join(", ")}; ${parts}, freshness ${source.freshness.toFixed(3)}`;
  });
  return [
    `ranked by ${explain.rank_by}: ${weights.nearness} nearness + ${weights.words} words` +
      (weights.sparse === undefined ? "" : ` + ${weights.sparse} sparse`),
    `terms: ${printable(words) || "none"}`,
    ...sources,
    `candidates ${pool.candidates} (hot ${shards.hot}, cold ${shards.cold}); left out: ` +
      `${pool.repeated} repeated, ${pool.unmatched} unmatched, ` +
      `${pool.below_min_cosine} below min_cosine, ${pool.duplicates} duplicates, ` +
      `${pool.beyond_top_k} beyond top_k`,
    `hidden in cold: ${shards.hidden_superseded} superseded, ${shards.hidden_expired} expired`,
    ...(relevance === undefined ? [] : [`relevance ${relevance.score.toFixed(3)}`]),
    ...(prompt === undefined
      ? []
      : [
          `the model read ${prompt.sources} sources, ${prompt.chars} characters, ${prompt.cut} cut`,
        ]),
    "",
  ];
}
