/**
 * What a service tells of a document and of itself, as schemas: for those who make it known and for
 * those who read it. The compiler ties them to the types.
 */

import { z } from "zod";
import { type ErrorCode, errorTable } from "./errors.ts";
import type { StoredEvent } from "./events.ts";
import { isTenantId } from "./ids.ts";
import type { QuarantinedRecord } from "./quarantine.ts";
import type { DocumentPage, DocumentState, EngineStatus } from "./service.ts";
import type { LifeSummary } from "./tenant-life.ts";

export const documentStateSchema = z.union([
  z.object({
    id: z.string(),
    status: z.literal("visible"),
    seq: z.int(),
    shard: z.enum(["hot", "cold"]),
  }),
  z.object({ id: z.string(), status: z.literal("absent"), visible_seq: z.int() }),
]) satisfies z.ZodType<DocumentState>;

export const documentPageSchema = z.object({
  documents: z.array(z.object({ id: z.string(), seq: z.int(), shard: z.enum(["hot", "cold"]) })),
  next: z.string().nullable(),
}) satisfies z.ZodType<DocumentPage>;

const errorCodes = Object.keys(errorTable) as [ErrorCode, ...ErrorCode[]];

export const storedEventSchema = z.object({
  id: z.string().nullable(),
  seq: z.int(),
  status: z.enum(["visible", "deleted", "superseded", "rejected"]),
  reason: z.enum(errorCodes).optional(),
  message: z.string().optional(),
  at: z.string(),
}) satisfies z.ZodType<StoredEvent>;

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

const quarantinedSchema = z.object({
  stream: z.string(),
  seq: z.int(),
  subject: z.string(),
  why: z.enum(["foreign", "unreadable"]),
}) satisfies z.ZodType<QuarantinedRecord>;

const lifeSummarySchema = z.object({
  asleep: z.int(),
  suspended: z.int(),
  erasing: z.int(),
  erased: z.int(),
  tenants: z.array(
    z.object({
      tenant: z.string().refine(isTenantId),
      state: z.enum(["asleep", "suspended", "erasing", "erased"]),
      since: z.int(),
    }),
  ),
}) satisfies z.ZodType<LifeSummary>;

export const engineStatusSchema = z.object({
  node: z.string(),
  ready: z.boolean(),
  refusal: z.string().optional(),
  partitions: z.object({
    total: z.int(),
    owned: z.int(),
    joining: z.int(),
    blocked_by: z.enum(errorCodes).optional(),
  }),
  tenants: z.array(tenantStatusSchema),
  resting: lifeSummarySchema.optional(),
  quarantined: z.array(quarantinedSchema).optional(),
  services: z.object({
    log: serviceState,
    cold: serviceState,
    temporal: serviceState,
    model: serviceState,
    embedding: z.enum(["up", "down"]).optional(),
  }),
}) satisfies z.ZodType<EngineStatus>;
