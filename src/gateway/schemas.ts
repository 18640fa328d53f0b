/**
 * Replies of the HTTP API as schemas, beside those of `src/contract`: the OpenAPI document is made
 * from them, the compiler ties them to the types.
 */

import { z } from "zod";
import { type ErrorCode, errorTable } from "../contract/errors.ts";
import type { LineResult } from "./ndjson.ts";
import type { Problem } from "./problem.ts";
import type { Readiness } from "./readiness.ts";

export const errorCode = z.enum(Object.keys(errorTable) as [ErrorCode, ...ErrorCode[]]);
const details = z.record(z.string(), z.unknown()).optional();

export const problemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: errorCode,
  retryable: z.boolean(),
  details,
}) satisfies z.ZodType<Problem>;

export const publishedSchema = z.object({
  /** The freshness token: give it as `min_seq` to a question that must see this write. */
  seq: z.int(),
});

const lineResultSchema = z.union([
  z.object({ line: z.int(), id: z.string(), seq: z.int() }),
  z.object({
    line: z.int(),
    error: z.object({ code: errorCode, message: z.string(), retryable: z.boolean(), details }),
  }),
]) satisfies z.ZodType<LineResult>;

export const lineResultsSchema = z.object({ results: z.array(lineResultSchema) });

export const readinessSchema = z.object({
  ready: z.boolean(),
  /** What is not there yet; empty when ready. */
  missing: z.array(z.string()),
  recovery: z.object({
    tenants_ready: z.int(),
    tenants_total: z.int(),
    records_replayed: z.int(),
    records_to_replay: z.int(),
    operations_behind: z.int(),
  }),
}) satisfies z.ZodType<Readiness>;
