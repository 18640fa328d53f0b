/**
 * Who did what: what a surface reports of a request, and what the audit trail keeps of it. Counts
 * and codes only, never content; a document is named by a digest under the trail's key, if at all.
 */

import { z } from "zod";
import type { DocumentId, TenantId } from "./ids.ts";
import { limits } from "./limits.ts";

const surfaces = ["http", "openai", "webhook", "mcp", "nats", "cli", "engine"] as const;
export type AuditSurface = (typeof surfaces)[number];

const operations = [
  ...[
    "ask",
    "publish",
    "delete",
    "read",
    "list",
    "status",
    "models",
    "metrics",
    "listen",
    "usage",
    "call",
    "feedback",
  ],
  ...["key_create", "key_rotate", "key_revoke", "dlq_replay"],
  ...["merge_force", "merge_pause", "merge_resume", "merge_cancel", "merge_scrub"],
  ...["reembed_start", "reembed_pause", "reembed_resume", "reembed_compare", "reembed_cut_over"],
  ...["reembed_rollback", "reembed_finish", "reembed_abandon"],
  ...["webhook_add", "webhook_remove", "webhook_pause", "webhook_resume", "webhook_rotate"],
  ...["webhook_replay", "webhook_test"],
  ...["backup_create", "backup_restore"],
  ...["tenant_suspend", "tenant_resume", "tenant_sleep", "tenant_wake"],
  ...["tenant_erase", "document_erase"],
  ...["tenant_privacy", "tenant_rotate_key", "tenant_rewrap_keys"],
  ...["account_create", "account_rotate", "account_revoke", "account_engine"],
  ...["source_add", "source_remove"],
  // Of the trail itself: a process begins and ends, and how many entries it had no room for.
  ...["start", "stop", "lost"],
] as const;
export type AuditOperation = (typeof operations)[number];

/** What happened, as a surface tells it. */
export interface AuditEvent {
  /** Unknown of a caller that was refused before it was known. */
  readonly tenant?: TenantId | undefined;
  /** Names who called without giving it away (`Identity.credential`). */
  readonly credential: string;
  readonly surface: AuditSurface;
  readonly operation: AuditOperation;
  /** `ok`, or a code of the error table. */
  readonly outcome: string;
  /** Of a request with many documents. */
  readonly accepted?: number | undefined;
  readonly refused?: number | undefined;
  /** Never kept: only its digest is, and only under a key. */
  readonly document?: DocumentId | undefined;
}

/** Where surfaces report. It returns at once, never throws, and never waits. */
export interface AuditTrail {
  record(event: AuditEvent): void;
}

export const noAudit: AuditTrail = { record: () => {} };

/** Of a caller that showed nothing, and of one whose key or token opened nothing. */
export const noCredential = "none";
export const unknownCredential = "unknown";

const count = z.int().min(0);

/** Equal events of one block are one entry. */
export const auditEntrySchema = z.strictObject({
  /** Unix milliseconds of the first; `until` of the last, where there were several. */
  at: count,
  until: count.optional(),
  times: z.int().min(1),
  tenant: z.string().max(limits.auditNameCharsMax).optional(),
  credential: z.string().max(limits.auditNameCharsMax),
  surface: z.enum(surfaces),
  operation: z.enum(operations),
  outcome: z.string().max(limits.auditNameCharsMax),
  accepted: count.optional(),
  refused: count.optional(),
  document: z
    .string()
    .regex(/^[0-9a-f]{16}$/)
    .optional(),
});
export type AuditEntry = z.infer<typeof auditEntrySchema>;
