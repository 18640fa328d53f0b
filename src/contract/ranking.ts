/** What a question may say of its ranking, and what the reply then says of it. */

import { z } from "zod";
import { limits } from "./limits.ts";

export const rankBySchema = z.enum(["hybrid", "dense", "lexical"]);

/** By meaning and words together, by meaning alone, by words alone. */
export type RankBy = z.infer<typeof rankBySchema>;

/**
 * Fields of a question. None has a default here, so that a node of an older release is asked in
 * words that it knows.
 */
export const rankingFields = {
  /** `hybrid` where it is absent. */
  rank_by: rankBySchema.optional(),
  /** Passages whose cosine with the question is below it are left out. */
  min_cosine: z.number().min(-1).max(1).optional(),
  /**
   * Whether a question that nothing found is relevant to is refused as `no_results`, before the
   * model is asked. Absent: answers are, as the engine is set up, and searches are not.
   */
  decline: z.boolean().optional(),
  /**
   * Near-duplicates are counted instead of shown. Above 0 passages that differ from those before
   * them are preferred as well, at 1 without regard to the question.
   */
  diversity: z.number().min(0).max(1).optional(),
  /** What the model reads of a document: the passage, its neighbours too, or all that fits. */
  context: z.enum(["chunk", "window", "document"]).optional(),
  /** False: a reranker that the engine has is not asked. */
  rerank: z.boolean().optional(),
  /** Why the sources are what they are; such a question shares nothing with equal ones. */
  explain: z.boolean().optional(),
} as const;

/** Fields of a source. */
export const scoreFields = {
  /** With the question, -1 to 1: comparable between questions. Absent from an older node. */
  cosine: z.number().optional(),
  /** How well the words match, from 0, by the statistics of this reply's nearest passages. */
  bm25: z.number().optional(),
  /** How well the words that both are about agree, from 0; absent without that signal. */
  sparse: z.number().optional(),
  /** What the reranker said of it. */
  rerank: z.number().optional(),
  /** Passages that say nearly the same and were left out for it; with `diversity`. */
  duplicates: z.int().optional(),
  /** What the model reads in place of `text`: chunks `first` to `last` of this version. */
  context: z.object({ text: z.string(), first: z.int(), last: z.int() }).optional(),
} as const;

/** How far what was found is about the question; below the threshold nothing is. */
export const relevanceSchema = z.object({
  /** 0 to 1, comparable between questions. */
  score: z.number(),
  threshold: z.number(),
  /** With the question, of the passage that fits best by meaning and words. */
  cosine: z.number(),
  /** Share of the question's words in it, rare words counting more. */
  coverage: z.number(),
});

export type Relevance = z.infer<typeof relevanceSchema>;

const rank = z.int();

const explainedSourceSchema = z.object({
  id: z.string(),
  chunk: z.int(),
  /** Among the candidates by cosine alone, from 1. */
  dense_rank: rank,
  /** By BM25 alone; absent where no word matches. */
  lexical_rank: rank.optional(),
  /** By weighted terms alone; absent where none matches, or without that signal. */
  sparse_rank: rank.optional(),
  fused_rank: rank,
  rerank_rank: rank.optional(),
  /** What the fused score is made of, each from 0 to 1. */
  nearness: z.number(),
  words: z.number(),
  /** Absent where the passage was ranked by the other two alone. */
  sparse: z.number().optional(),
  /** What better passages that it is like added; absent where none did. */
  lift: z.number().optional(),
  freshness: z.number(),
  /** Before it was scaled to the best of the reply. */
  fused: z.number(),
});

export const explanationSchema = z.object({
  rank_by: rankBySchema,
  weights: z.object({
    nearness: z.number(),
    words: z.number(),
    sparse: z.number().optional(),
  }),
  /** The question's terms, and how rare each is among the nearest passages. */
  terms: z.array(z.object({ term: z.string(), rarity: z.number() })).max(limits.explainedTermsMax),
  /** Candidates that each shard brought, and what of cold's the heads hid. */
  shards: z.object({
    hot: z.int(),
    cold: z.int(),
    hidden_superseded: z.int(),
    hidden_expired: z.int(),
    /** How often cold was asked: again where hidden ones left too few, or a merge came between. */
    cold_searches: z.int(),
  }),
  /** Candidates, and where they went. */
  pool: z.object({
    candidates: z.int(),
    repeated: z.int(),
    below_min_cosine: z.int(),
    /** Not of the list that `rank_by` names. */
    unmatched: z.int(),
    duplicates: z.int(),
    beyond_top_k: z.int(),
  }),
  sources: z.array(explainedSourceSchema).max(limits.topKMax),
  /** What the model read; absent where none was asked. */
  prompt: z.object({ sources: z.int(), chars: z.int(), cut: z.int() }).optional(),
});

export type Explanation = z.infer<typeof explanationSchema>;
