/** The routes of feedback, as the OpenAPI document describes them. */

import type { ErrorCode } from "../contract/errors.ts";
import { feedbackPageSchema, feedbackReceiptSchema, feedbackSchema } from "../contract/feedback.ts";
import { limits } from "../contract/limits.ts";

type Json = Readonly<Record<string, unknown>>;

/** By the names under which the paths refer to them. */
export const feedbackSchemas = {
  Feedback: feedbackSchema,
  FeedbackPage: feedbackPageSchema,
  FeedbackReceipt: feedbackReceiptSchema,
};

const content = (name: keyof typeof feedbackSchemas): Json => ({
  "application/json": { schema: { $ref: `#/components/schemas/${name}` } },
});

/** @param parts `problems`: replies of any route of a tenant, and of these codes */
export function feedbackPath({
  tenantHeader,
  problems,
}: {
  readonly tenantHeader: Json;
  readonly problems: (...codes: readonly ErrorCode[]) => Json;
}): Json {
  const page = { type: "integer", minimum: 1, maximum: limits.feedbackPageMax };
  return {
    post: {
      operationId: "giveFeedback",
      summary: "What somebody thinks of an answer and of its sources",
      parameters: [tenantHeader],
      requestBody: { required: true, content: content("Feedback") },
      responses: {
        202: { description: "stored, its texts redacted", content: content("FeedbackReceipt") },
        ...problems("invalid_json"),
      },
    },
    get: {
      operationId: "listFeedback",
      summary: "The tenant's feedback, oldest first",
      parameters: [
        tenantHeader,
        {
          ...{ name: "after", in: "query", schema: { type: "integer", minimum: 0 } },
          description: "`next` of the page before; the first page has none",
        },
        {
          ...{ name: "limit", in: "query" },
          schema: { ...page, default: limits.feedbackPageDefault },
        },
      ],
      responses: {
        200: { description: "a page", content: content("FeedbackPage") },
        ...problems(),
      },
    },
  };
}
