/**
 * Sources: change streams that others write, and how their events become operations. What the
 * command line, the store, the actors and the webhook route share.
 */

import { z } from "zod";
import { isTenantId, type TenantId } from "./ids.ts";
import { limits } from "./limits.ts";
import { ownStreams } from "./own-streams.ts";

/** Safe as a token of a subject, a key of a bucket and a name of a consumer. */
const namePattern = /^[a-z0-9][a-z0-9_-]{0,63}$/;

export const presetNames = ["debezium", "cloudevents", "github", "kafka"] as const;
export type PresetName = (typeof presetNames)[number];

export function isSourceName(value: string): boolean {
  return namePattern.test(value);
}

const nameSchema = z.string().regex(namePattern, {
  error: "a source's name is 1-64 lower-case letters, digits, _ or -",
});

const tenantSchema = z.custom<TenantId>((value) => typeof value === "string" && isTenantId(value), {
  error: "a tenant is 1-64 letters, digits, _ or -",
});

/**
 * Names of streams may hold nearly everything but what a subject gives a meaning. One of our own
 * would feed each document to itself, and hold those of every tenant.
 */
const streamSchema = z
  .string()
  .regex(/^[^\s.*>/\\]{1,255}$/, { error: "a stream's name has no spaces, dots, * or >" })
  .refine((name) => !ownStreams.includes(name), {
    error: "a source reads what others write, and this is a stream of Freshet's own",
  });

const subjectSchema = z.string().regex(/^[^\s]{1,255}$/, { error: "a subject has no spaces" });

/**
 * A secret is named, never stored: every node reads it from its own environment or files. The
 * prefix keeps a definition from naming what is not meant for it.
 */
const secretSchema = z.union([
  z.strictObject({
    env: z.string().regex(/^FRESHET_SOURCE_SECRET_[A-Z0-9_]{1,64}$/, {
      error: "a secret's variable is called FRESHET_SOURCE_SECRET_…",
    }),
  }),
  z.strictObject({
    file: z.string().regex(/^\/.{1,1023}$/, { error: "a secret's file is an absolute path" }),
  }),
]);

export const signatureKinds = ["github", "standard"] as const;

const inputSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("stream"),
    stream: streamSchema,
    /** Undefined for everything that the stream holds. */
    subject: subjectSchema.optional(),
    /** Where a new source begins: with all that is stored, with what comes, or after a sequence. */
    start: z.union([z.literal("all"), z.literal("new"), z.strictObject({ after: z.int().min(0) })]),
    /** Header that carries an event's key; undefined for the usual ones. */
    keyHeader: z.string().min(1).max(128).optional(),
  }),
  z.strictObject({
    kind: z.literal("webhook"),
    /** Who may send: undefined asks for the API key of the tenant. */
    signature: z.strictObject({ kind: z.enum(signatureKinds), secret: secretSchema }).optional(),
  }),
]);

export const sourceSchema = z.strictObject({
  name: nameSchema,
  tenant: tenantSchema,
  input: inputSchema,
  /** Which preset the expression is, for people; the expression itself is stored all the same. */
  preset: z.enum(presetNames).optional(),
  expression: z.string().min(1).max(limits.sourceExpressionCharsMax),
  options: z
    .record(
      z.string().regex(/^[A-Za-z][A-Za-z0-9_]{0,63}$/),
      z.string().max(limits.sourceOptionCharsMax),
    )
    .refine((value) => Object.keys(value).length <= limits.sourceOptionsMax, {
      error: `at most ${limits.sourceOptionsMax} options`,
    }),
  /**
   * Tells this source from an earlier one of the same name: part of its consumer's name and of its
   * message ids.
   */
  generation: z.string().regex(/^[a-z0-9]{8}$/),
  createdAtMs: z.number(),
});

export type SourceDefinition = z.infer<typeof sourceSchema>;
export type StreamInput = Extract<SourceDefinition["input"], { kind: "stream" }>;

/** What a mapper's expression sees. */
export interface SourceEvent {
  /** Of the message; of a webhook its route's path. */
  readonly subject: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Parsed JSON; text that is none as a string; nothing at all as null. */
  readonly body: unknown;
  readonly key: unknown;
  /** Of the message in its stream; 0 for a webhook. */
  readonly sequence: number;
  /** RFC 3339. */
  readonly publishedAt: string;
}

/** One operation as it goes to DOCS. */
export interface MappedOperation {
  readonly id: string;
  readonly payload: string;
}

/** What became of one event. */
export type Mapped =
  | { readonly kind: "operations"; readonly operations: readonly MappedOperation[] }
  /** The expression returned nothing, or said why it leaves the event out. */
  | { readonly kind: "skipped"; readonly reason: string }
  /** It never will: the event becomes a dead letter. */
  | { readonly kind: "failed"; readonly message: string };

/** Counts since the source was added; a crash may forget the last second of them. */
const countsShape = {
  /** Operations that DOCS has acknowledged. */
  operations: z.int(),
  /** Events that became operations, were left out, and could not be mapped. */
  mapped: z.int(),
  skipped: z.int(),
  failed: z.int(),
  skippedByReason: z.record(z.string(), z.int()),
};
export type SourceCounts = z.infer<z.ZodObject<typeof countsShape>>;
export const sourceCountsSchema: z.ZodType<SourceCounts> = z.looseObject(countsShape);

export const noCounts: SourceCounts = {
  ...{ operations: 0, mapped: 0, skipped: 0, failed: 0 },
  skippedByReason: {},
};

/** What the owner of a source says of it from time to time. */
const stateShape = {
  generation: z.string(),
  /** Which node has it. */
  node: z.string(),
  /** By the log's clock: everything that was published for it before this was acknowledged. */
  settledAtMs: z.number(),
  /** Up to here all of its stream was acknowledged. Absent in states of an earlier release. */
  sequence: z.int().optional(),
  atMs: z.number(),
  counts: sourceCountsSchema,
  /** Why it does not advance now; undefined while it does. */
  trouble: z.string().optional(),
};
export type SourceState = z.infer<z.ZodObject<typeof stateShape>>;
/** With what a later Freshet adds: its owner stores it again and again. */
export const sourceStateSchema: z.ZodType<SourceState> = z.looseObject(stateShape);

/** An event that could not be mapped: a pointer and a reason, never its content (I10). */
export const sourceLetterSchema = z.object({
  source: nameSchema,
  generation: z.string(),
  tenant: tenantSchema,
  subject: z.string(),
  /** In the source's stream; 0 for a webhook. */
  sequence: z.int(),
  /** What the sender called the delivery of a webhook, where it did. */
  delivery: z.string().optional(),
  message: z.string(),
  atMs: z.number(),
});
export type SourceLetter = z.infer<typeof sourceLetterSchema>;

/** How far a source has read its stream, as the broker says. */
export interface SourceProgress {
  /** Everything up to this sequence of the stream is dealt with. */
  readonly sequence: number;
  /** Events that are stored and not dealt with. */
  readonly lag: number;
}

/** A webhook's request, as the gateway received it; names of headers in lower case. */
export interface WebhookRequest {
  readonly name: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** Whose API key came with it; undefined when none did, or a wrong one. */
  readonly caller: TenantId | undefined;
}

/** What became of it. */
export const webhookReceiptSchema = z.object({
  /** Operations that DOCS has. */
  operations: z.array(z.object({ id: z.string(), seq: z.int() })),
  /** Why the event was left out. */
  skipped: z.string().optional(),
  /** Why it could not be mapped: it is in the source's dead letters. */
  failed: z.string().optional(),
});
export type WebhookReceipt = z.infer<typeof webhookReceiptSchema>;

export interface Webhooks {
  /** Whose documents a webhook brings. @throws FreshetError not_found, log_unavailable */
  tenantOf(name: string): Promise<TenantId>;
  /** @throws FreshetError unauthorized, not_ready (no secret here), and what publishing throws */
  receive(request: WebhookRequest): Promise<WebhookReceipt>;
}
