/** Feedback: what one may say, and how much of it is kept. */

import { questionLimits } from "./questions.ts";
import { atMost, below, type Relations } from "./relation.ts";
import { dayMs, KiB, MiB } from "./units.ts";

export const feedbackLimits = {
  /** As many as an answer may have. */
  feedbackSourcesMax: 50,
  feedbackCommentCharsMax: 2_000,
  /** A body at these bounds, every character escaped. */
  feedbackBytesMax: 128 * KiB,
  /** Half a year: what is older judges documents that have changed. */
  feedbackKeptMs: 180 * dayMs,
  /** Of a tenant; its oldest leave, so that who floods pushes out nobody else's. */
  feedbackPerTenantMax: 2_000,
  feedbackStreamBytesMax: 256 * MiB,
  feedbackPageDefault: 100,
  feedbackPageMax: 500,
  /** Of all tenants of a node; each is one write to the log. */
  feedbackInFlightMax: 32,
  /** Passages that an export looks up for each question: what a ranking is tried on. */
  feedbackExportTopK: 50,
} as const;

export const feedbackRelations: Relations = {
  "feedback has room for every source of an answer": [
    atMost(questionLimits.topKMax, feedbackLimits.feedbackSourcesMax),
    atMost(feedbackLimits.feedbackExportTopK, questionLimits.topKMax),
  ],
  "feedback at its bounds is within the bound of its bytes": [
    below(
      6 * (questionLimits.questionCharsMax + feedbackLimits.feedbackCommentCharsMax) +
        feedbackLimits.feedbackSourcesMax * 4 * 400,
      feedbackLimits.feedbackBytesMax,
    ),
  ],
  "a page of feedback is a part of what a tenant has": [
    atMost(feedbackLimits.feedbackPageDefault, feedbackLimits.feedbackPageMax),
    below(feedbackLimits.feedbackPageMax, feedbackLimits.feedbackPerTenantMax),
  ],
};
