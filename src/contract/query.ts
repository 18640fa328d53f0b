/** Questions in, answers out: the wire format of `query.<tenant>` and `POST /answer`. */

import { z } from "zod";
import { citationSchema, originSchema } from "./citation.ts";
import { metadataSchema } from "./document.ts";
import { FreshetError } from "./errors.ts";
import { filterNames, filterSchema } from "./filter-schema.ts";
import { generationMax } from "./ids.ts";
import { describeIssue, hasProtoKey } from "./issue.ts";
import { canonicalLanguage } from "./language.ts";
import { limits } from "./limits.ts";
import { fallbackSchema, usageSchema } from "./model-use.ts";
import { explanationSchema, rankingFields, relevanceSchema, scoreFields } from "./ranking.ts";
import { timeText } from "./time.ts";
import { hasVisible } from "./visible.ts";

/**
 * How much newer documents come before older ones: a document's relevance is multiplied with
 * `1 - weight * (1 - 0.5 ^ (age / half_life_s))`. Absent, age plays no part.
 */
export const recencySchema = z.strictObject({
  /**
   * What a document's age is counted from: `timestamp`, the time that its author gave, or else that
   * of its publication; `published_at`, always that of its publication.
   */
  field: z.enum(["timestamp", "published_at"]).default("timestamp"),
  /** Seconds after which half of the weighted part is gone. */
  half_life_s: z.number().positive().max(limits.recencyHalfLifeSecondsMax),
  /** 0: age plays no part; 1: a document of great age counts nothing. */
  weight: z.number().min(0).max(1).default(0.5),
});

export type Recency = z.infer<typeof recencySchema>;

const wellFormed = (value: string): boolean => value.isWellFormed();

/** One message before the question, as the caller saw or said it. */
export const turnSchema = z.strictObject({
  role: z.enum(["user", "assistant"]),
  content: z.string().max(limits.turnCharsMax).refine(wellFormed, { error: "is no Unicode text" }),
});
export type Turn = z.infer<typeof turnSchema>;

const historySchema = z
  .array(turnSchema)
  .max(limits.historyTurnsMax)
  .refine((turns) => charsOf(turns) <= limits.historyCharsMax, {
    error: `holds more than ${limits.historyCharsMax} characters`,
  });

export function charsOf(turns: readonly Turn[]): number {
  return turns.reduce((sum, { content }) => sum + content.length, 0);
}

export const questionSchema = z.strictObject({
  query: z
    .string()
    .max(limits.questionCharsMax)
    .refine(hasVisible, { error: "is empty" })
    .refine(wellFormed, { error: "is no Unicode text" }),
  top_k: z.int().min(1).max(limits.topKMax).default(5),
  max_tokens: z.int().min(1).max(limits.maxTokensMax).default(200),
  filter: filterSchema.optional(),
  recency: recencySchema.optional(),
  mode: z.enum(["answer", "search"]).default("answer"),
  /** Read-your-writes: the `seq` of a publish that this question must see (I8). */
  min_seq: z.int().min(0).optional(),
  /**
   * The reply holds every operation that was acknowledged longer ago than this when the question
   * came, or it is refused with `too_stale`; it waits for them up to `wait_ms`.
   */
  max_staleness_ms: z.int().min(0).max(limits.stalenessMsMax).optional(),
  /**
   * Documents and versions as they were after this operation, or at this time (RFC 3339). What was
   * erased, has expired, or is denied to the reader since is not shown.
   */
  as_of: z
    .union([z.int().min(1), timeText], { error: "is neither a seq nor a time (RFC 3339)" })
    .optional(),
  wait_ms: z.int().min(0).max(limits.waitMsMax).default(5_000),
  deadline_ms: z.int().min(1).max(limits.deadlineMsMax).default(limits.deadlineMsDefault),
  stream: z.boolean().default(false),
  /**
   * False: searched and written anew, and kept for no other question. Without a default, so that a
   * node of an older release is asked in words that it knows.
   */
  cache: z.boolean().optional(),
  ...rankingFields,
  /** The conversation before this question, oldest first; without a default, as all that follow. */
  history: historySchema.optional(),
  /** Wishes for the answer's form. They stand beside the sources and change no rule about them. */
  instructions: z
    .string()
    .max(limits.instructionsCharsMax)
    .refine(wellFormed, { error: "is no Unicode text" })
    .optional(),
  /** BCP 47: of the answer. Sentences of the sources stay in theirs. */
  language: z
    .string()
    .max(limits.languageCharsMax)
    .refine((tag) => canonicalLanguage(tag) !== undefined, {
      error: "is no language tag (BCP 47), such as de-CH",
    })
    .optional(),
  max_sentences: z.int().min(1).max(limits.answerSentencesMax).optional(),
  /** True: nothing leaves but sentences of the sources, to the letter, and their markers. */
  quote: z.boolean().optional(),
  /** Of a tenant that is being re-embedded: ask this generation, whichever answers by itself. */
  generation: z.int().min(1).max(generationMax).optional(),
});

/** The names of its fields: ours, so messages may say them. */
export const questionFields: ReadonlySet<string> = new Set(Object.keys(questionSchema.shape));

export type Question = z.infer<typeof questionSchema>;

export const sourceSchema = z.object({
  id: z.string(),
  version: z.int(),
  chunk: z.int(),
  score: z.number(),
  text: z.string(),
  /** Where `text` lies in the version's cleaned text, UTF-16 units; absent where not recorded. */
  start: z.int().optional(),
  end: z.int().optional(),
  /** Headings above the passage, the outermost first. */
  heading: z.string().optional(),
  title: z.string().optional(),
  source: z.string().optional(),
  /** The time that the author gave, RFC 3339. */
  timestamp: z.string().optional(),
  /** When this version was published, by the log's clock, RFC 3339. */
  published_at: z.string().optional(),
  /** When it stops being found, RFC 3339. */
  expires_at: z.string().optional(),
  language: z.string().optional(),
  acl: z.array(z.string()).optional(),
  metadata: metadataSchema.optional(),
  shard: z.enum(["hot", "cold"]),
  ...scoreFields,
});

/** One numbered source: `[1]` in the answer is `sources[0]`. `score`: 0 to 1, within one reply. */
export type Source = z.infer<typeof sourceSchema>;

export const coverageSchema = z.object({
  /** `complete`: everything visible was searched. */
  hot: z.enum(["complete"]),
  /**
   * `empty`: nothing is merged yet; `resident`: memory holds all, cold was not asked; `partial`:
   * the filter hid so many of the nearest that others which match may be missing; `timeout`,
   * `unavailable`, `stale`: why it is not covered.
   */
  cold: z.enum(["complete", "empty", "resident", "partial", "timeout", "unavailable", "stale"]),
  /** The model that wrote the answer; `extractive` when none answered, `none` for a search. */
  llm: z.string(),
  /** Only where a reranker is set up and was to be asked; without it the fused order stands. */
  rerank: z.enum(["complete", "timeout", "unavailable"]).optional(),
  /**
   * Only where the engine has the sparse signal and ranks by it. `partial`: some of the nearest
   * were stored without it, and rank by the other two, all where they are many; `unavailable`: the
   * question has none.
   */
  sparse: z.enum(["complete", "partial", "unavailable"]).optional(),
  /** Only where `context` asks for more than the passage: whether all of that could be read. */
  context: z.enum(["complete", "partial"]).optional(),
  /** Why no model was asked although there is one: the tenant's tokens of the day are used up. */
  llm_reason: z.enum(["quota_exceeded"]).optional(),
});

export type Coverage = z.infer<typeof coverageSchema>;

const wholeCoverages: ReadonlySet<Coverage["cold"]> = new Set(["complete", "empty", "resident"]);

/** I12: whether the reply rests on everything that is visible. */
export function isWhole(cold: Coverage["cold"]): boolean {
  return wholeCoverages.has(cold);
}

export const timingsSchema = z.object({
  embed: z.number(),
  hot: z.number(),
  cold: z.number(),
  fuse: z.number(),
  llm: z.number(),
  total: z.number(),
});

/** Milliseconds per stage. */
export type Timings = z.infer<typeof timingsSchema>;

/**
 * What was taken from an equal question: `hit` when it was, `miss` when it was made for this one,
 * `off` where nothing is kept or asked for.
 */
export const cacheSchema = z.object({
  search: z.enum(["hit", "miss", "off"]),
  /** `none`: there was nothing to keep, as in a search, or without a language model. */
  answer: z.enum(["hit", "miss", "off", "none"]),
});

export const answerSchema = z.object({
  answer: z.string(),
  sources: z.array(sourceSchema),
  /** One for each marker of each cited sentence, in their order; absent in a search. */
  citations: z.array(citationSchema).optional(),
  /** What was searched for and answered in place of a question that leaned on `history`. */
  rewritten_query: z.string().optional(),
  origin: originSchema.optional(),
  coverage: coverageSchema,
  /** Every operation of the tenant up to this DOCS sequence was covered. */
  visible_seq: z.int(),
  /** The operation that `as_of` names: what came later is not in it. */
  as_of: z.int().optional(),
  /** Absent from a node of an older release. */
  cache: cacheSchema.optional(),
  /** Absent from a node of an older release. */
  relevance: relevanceSchema.optional(),
  /** With `explain`. */
  explain: explanationSchema.optional(),
  /** What the endpoint in `coverage.llm` runs; absent where no model wrote the answer. */
  model: z.string().optional(),
  /** Only where the model's tokens (`max_tokens`) were used up before its answer was at its end. */
  finish_reason: z.literal("length").optional(),
  /** Only where it was not the first endpoint of the chain that wrote the answer. */
  fallback: fallbackSchema.optional(),
  /** Absent in a search, and from a node of an older release. */
  usage: usageSchema.optional(),
  timings: timingsSchema,
});

export type Answer = z.infer<typeof answerSchema>;

/**
 * What a streamed answer sends before it is complete: one `retrieval`, then any number of `delta`.
 * The surfaces end it with `done` or `error`.
 */
export type AnswerEvent =
  | { readonly type: "retrieval"; readonly sources: readonly Source[]; readonly coverage: Coverage }
  | { readonly type: "delta"; readonly text: string };

/** @throws FreshetError invalid_request, naming the first field of ours that is wrong */
export function parseQuestion(value: unknown): Question {
  const result = questionSchema.safeParse(value);
  if (!result.success) {
    const schema = {
      root: "request",
      names: [
        ...Object.keys(questionSchema.shape),
        ...Object.keys(recencySchema.shape),
        ...Object.keys(turnSchema.shape),
        ...filterNames,
      ],
    };
    throw new FreshetError("invalid_request", describeIssue(result.error, schema));
  }
  if (hasProtoKey((value as { filter?: unknown }).filter)) {
    throw new FreshetError("invalid_request", "filter: invalid key in record");
  }
  return result.data;
}
