/** Why a reply has the sources that it has: what the steps of its ranking report, put together. */

import type { Candidate } from "../contract/candidate.ts";
import { limits } from "../contract/limits.ts";
import type { Explanation, RankBy } from "../contract/ranking.ts";
import type { Fused, Ranking } from "./fusion.ts";

export interface Explained {
  readonly rankBy: RankBy;
  readonly ranking: Ranking;
  readonly found: { readonly hot: number; readonly cold: number };
  readonly hidden: {
    readonly superseded: number;
    readonly expired: number;
    readonly coldSearches: number;
  };
  /** Left out as near-duplicates. */
  readonly folded: number;
  /** In the order of the reply. */
  readonly shown: readonly Candidate[];
  /** In the reranker's order; absent where it was not asked, or did not answer. */
  readonly reranked: readonly Candidate[] | undefined;
}

export function explanationOf(explained: Explained): Omit<Explanation, "prompt"> {
  const { ranking, hidden, found, folded, shown, reranked } = explained;
  const { counts } = ranking;
  const fused = new Map(ranking.fused.map((each, index) => [each.candidate, { each, index }]));
  const places = ranking.places();
  const beyond = counts.pool - counts.unmatched - counts.belowMinCosine - folded - shown.length;
  return {
    rank_by: explained.rankBy,
    weights: weightsOf(ranking),
    terms: ranking.terms.slice(0, limits.explainedTermsMax),
    shards: {
      ...found,
      hidden_superseded: hidden.superseded,
      hidden_expired: hidden.expired,
      cold_searches: hidden.coldSearches,
    },
    pool: {
      candidates: counts.pool,
      repeated: counts.repeated,
      below_min_cosine: counts.belowMinCosine,
      unmatched: counts.unmatched,
      duplicates: folded,
      beyond_top_k: Math.max(0, beyond),
    },
    sources: shown.flatMap((candidate) => {
      const known = fused.get(candidate);
      if (known === undefined) return [];
      const { dense, lexical, sparse } = places(candidate);
      const rerankRank = reranked === undefined ? 0 : reranked.indexOf(candidate) + 1;
      return [
        {
          ...{ id: candidate.documentId, chunk: candidate.chunk, dense_rank: dense },
          ...(lexical === undefined ? {} : { lexical_rank: lexical }),
          ...(sparse === undefined ? {} : { sparse_rank: sparse }),
          fused_rank: known.index + 1,
          ...(rerankRank === 0 ? {} : { rerank_rank: rerankRank }),
          ...partsOf(known.each),
        },
      ];
    }),
  };
}

function weightsOf({ weights: { nearness, words, sparse } }: Ranking): Explanation["weights"] {
  return { nearness, words, ...(sparse === undefined ? {} : { sparse }) };
}

function partsOf({ signals, raw }: Fused) {
  const { near, words, terms, lift, freshness } = signals;
  const parts = { nearness: near, words, ...(terms === undefined ? {} : { sparse: terms }) };
  return { ...parts, ...(lift === 0 ? {} : { lift }), freshness, fused: raw };
}
