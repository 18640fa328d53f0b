/** What a reply says of the language models behind it: who was passed over, and what it took. */

import { z } from "zod";

/** Tokens and cost of all calls of models for one question, also of those that failed. */
export const usageSchema = z.object({
  prompt_tokens: z.int(),
  completion_tokens: z.int(),
  /** By the prices of the endpoints, in their currency; absent where one of them has none. */
  cost: z.number().optional(),
  /** True: an endpoint did not count, and its tokens are estimates. */
  estimated: z.boolean().optional(),
});

export type ModelUsage = z.infer<typeof usageSchema>;

/** Why it was not the first endpoint of the chain that answered. */
export const fallbackSchema = z.object({
  /** That of the last endpoint that was passed over, or `quota_exceeded`. */
  reason: z.string(),
  /** In the order in which they were asked. */
  passed: z.array(z.object({ endpoint: z.string(), reason: z.string() })),
});

export type Fallback = z.infer<typeof fallbackSchema>;
