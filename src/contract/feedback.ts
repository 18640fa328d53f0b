/** What people think of an answer: judgements of its sources, for who improves rankings. */

import { z } from "zod";
import { FreshetError } from "./errors.ts";
import { isDocumentId } from "./ids.ts";
import { describeIssue } from "./issue.ts";
import { limits } from "./limits.ts";
import { hasVisible } from "./visible.ts";

const wellFormed = (value: string): boolean => value.isWellFormed();
const noText = { error: "is no Unicode text" };

const judgementSchema = z.strictObject({
  /** Of the source's document. */
  id: z.string().refine(isDocumentId, { error: "is no document id" }),
  version: z.int().min(0).optional(),
  chunk: z.int().min(0).optional(),
  /** -1: misleading, 0: says nothing about the question, 1: answers it. */
  relevance: z.number().min(-1).max(1),
});

export const feedbackSchema = z.strictObject({
  /** The question that was answered; redacted like one. */
  query: z
    .string()
    .max(limits.questionCharsMax)
    .refine(hasVisible, { error: "is empty" })
    .refine(wellFormed, { error: "is no Unicode text" }),
  sources: z.array(judgementSchema).max(limits.feedbackSourcesMax).default([]),
  /** Redacted. */
  comment: z.string().max(limits.feedbackCommentCharsMax).refine(wellFormed, noText).optional(),
  /** By which the caller knows the answer; kept as it is. */
  answer_id: z
    .string()
    .regex(/^[\w.:-]{1,128}$/, { error: "is up to 128 letters, digits and _.:-" })
    .optional(),
  /** That of the answer. */
  visible_seq: z.int().min(0).optional(),
});

export type Feedback = z.infer<typeof feedbackSchema>;

/** As it is stored: placeholders may be longer than what they stand for. */
export const redactedFeedbackSchema = feedbackSchema.extend({
  query: z.string(),
  comment: z.string().optional(),
});

export const storedFeedbackSchema = z.object({
  ...redactedFeedbackSchema.shape,
  /** Its place among the tenant's, growing. */
  seq: z.int(),
  /** When it was stored, by the log's clock, RFC 3339. */
  at: z.string(),
});

export type StoredFeedback = z.infer<typeof storedFeedbackSchema>;

export const feedbackPageSchema = z.object({
  feedback: z.array(storedFeedbackSchema),
  /** What the next page begins after; null at the end. */
  next: z.int().nullable(),
});

export type FeedbackPage = z.infer<typeof feedbackPageSchema>;

export const feedbackReceiptSchema = z.object({ seq: z.int() });

/** @throws FreshetError invalid_request */
export function parseFeedback(value: unknown): Feedback {
  const result = feedbackSchema.safeParse(value);
  if (result.success) return result.data;
  const names = [...Object.keys(feedbackSchema.shape), ...Object.keys(judgementSchema.shape)];
  throw new FreshetError(
    "invalid_request",
    describeIssue(result.error, { root: "request", names }),
  );
}
