/** Replies of the HTTP API as schemas: the OpenAPI document is made from them, the compiler ties them to the types. */

import { z } from "zod";
import { type ErrorCode, errorTable } from "../contract/errors.ts";
import type { DocumentState, EngineStatus } from "../contract/service.ts";
import type { LineResult } from "./ndjson.ts";
import type { Problem } from "./problem.ts";
import type { Readiness } from "./readiness.ts";

const errorCode = z.enum(Object.keys(errorTable) as [ErrorCode, ...ErrorCode[]]);
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

export const documentStateSchema = z.union([
  z.object({
    id: z.string(),
    status: z.literal("visible"),
    seq: z.int(),
    shard: z.enum(["hot", "cold"]),
  }),
  z.object({ id: z.string(), status: z.literal("absent"), visible_seq: z.int() }),
]) satisfies z.ZodType<DocumentState>;

const serviceState = z.enum(["up", "down", "none"]);

const tenantStatusSchema = z.object({
  tenant: z.string(),
  state: z.enum(["recovering", "ready"]),
  visible_seq: z.int(),
  documents: z.int(),
  hot: z.object({ documents: z.int(), chunks: z.int(), bytes: z.int() }),
  watermark: z.int(),
  unmerged_chunks: z.int(),
  records_to_replay: z.int(),
  records_replayed: z.int(),
  operations_behind: z.int(),
});

export const engineStatusSchema = z.object({
  node: z.string(),
  ready: z.boolean(),
  refusal: z.string().optional(),
  partitions: z.object({ total: z.int(), owned: z.int(), joining: z.int() }),
  tenants: z.array(tenantStatusSchema),
  services: z.object({
    log: serviceState,
    cold: serviceState,
    temporal: serviceState,
    model: serviceState,
  }),
}) satisfies z.ZodType<EngineStatus>;

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
