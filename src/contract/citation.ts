/** Citations of an answer: which words of which version each cited sentence rests on. */

import { z } from "zod";

/**
 * What the cited passage says of the sentence, by its words, numbers and names: a check that any
 * reader can repeat, not a proof of its sense. `weak`: part of it; `unsupported`: less, or a number
 * or a name of the sentence does not occur.
 */
export const supportSchema = z.enum(["supported", "weak", "unsupported"]);
export type Support = z.infer<typeof supportSchema>;

export const citationSchema = z.object({
  /** `[1]` in the answer, `sources[0]`. */
  marker: z.int(),
  id: z.string(),
  version: z.int(),
  chunk: z.int(),
  /** DOCS sequence of the operation that published this version. */
  seq: z.int(),
  shard: z.enum(["hot", "cold"]),
  /**
   * Where the sentences that it rests on lie in the version's cleaned and redacted text, UTF-16
   * units, the end not in it. Absent for what was stored before ranges were recorded.
   */
  start: z.int().optional(),
  end: z.int().optional(),
  /** Where the cited sentence stands in `answer`, UTF-16 units. */
  sentence: z.object({ start: z.int(), end: z.int() }),
  support: supportSchema,
});
export type Citation = z.infer<typeof citationSchema>;

/** Whose documents, and of which log: a sequence means something only there. */
export const originSchema = z.object({
  tenant: z.string(),
  deployment: z.string(),
  /** Of the tenant's documents, under another embedding model than the first; absent for 1. */
  generation: z.int().min(2).optional(),
});
