/**
 * Quotas: what a tenant, or one credential of it, may use. The file of `FRESHET_QUOTAS_FILE`, what
 * the engine tells of their use, and the port that the parts of the engine decide by.
 */

import { z } from "zod";
import { FreshetError } from "./errors.ts";
import { isTenantId, type TenantId } from "./ids.ts";
import { canonicalLanguage } from "./language.ts";
import { limits } from "./limits.ts";

const perSecond = z.number().positive().max(1e9);
const amount = z.int().min(0);

/** Each absent one is unlimited. */
const rates = {
  /** Upserts, whichever way they come; deletes always pass. */
  documents_per_second: perSecond,
  /** Of their payloads, as DOCS holds them. */
  bytes_per_second: perSecond,
  questions_per_second: perSecond,
  /** Of the language models, read and written, in a day of UTC. */
  model_tokens_per_day: amount,
  /** For which language models work, in a day of UTC. */
  model_seconds_per_day: amount,
  /** Questions that language models work for at a time. */
  model_questions_at_once: amount,
};
const amounts = {
  /** Chunks in memory and in cold. */
  stored_chunks: amount,
  /** Memory of the hot shard and the heads, which no eviction frees. */
  hot_bytes: amount,
};
/** What comes at once after a pause: so many seconds of each rate, and one document at least. */
const burst = { burst_seconds: z.number().positive().max(3_600) };

const quotaSchema = z.strictObject({ ...rates, ...amounts, ...burst }).partial();
const credentialQuotaSchema = z.strictObject({ ...rates, ...burst }).partial();

export type Quota = Readonly<z.infer<typeof quotaSchema>>;
export type QuotaName = keyof typeof rates | keyof typeof amounts;

/** An entry of the file: `null` lifts what the default sets. */
const entryOf = <Shape extends z.ZodRawShape>(schema: z.ZodObject<Shape>) =>
  z.strictObject(
    Object.fromEntries(
      Object.entries(schema.shape).map(([name, value]) => [
        name,
        (value as z.ZodOptional<z.ZodNumber>).unwrap().nullable().optional(),
      ]),
    ) as { [Name in keyof Shape]: z.ZodOptional<z.ZodNullable<z.ZodNumber>> },
  );

const tenantEntry = entryOf(quotaSchema);
const credentialEntry = entryOf(credentialQuotaSchema);
export type QuotaEntry = Readonly<z.infer<typeof tenantEntry>>;

/** How answers of a tenant are to be written, where a question does not say otherwise. */
export const answerDefaultsSchema = z
  .strictObject({
    /** Beside those of a question, which cannot take them away. */
    instructions: z
      .string()
      .max(limits.instructionsCharsMax)
      .refine((value) => value.isWellFormed(), { error: "is no Unicode text" }),
    language: z
      .string()
      .max(limits.languageCharsMax)
      .refine((tag) => canonicalLanguage(tag) !== undefined, { error: "is no language tag" }),
    max_sentences: z.int().min(1).max(limits.answerSentencesMax),
  })
  .partial();
export type AnswerDefaults = Readonly<z.infer<typeof answerDefaultsSchema>>;

const tenantNames = z.string().refine(isTenantId, "a tenant is 1-64 letters, digits, _ or -");

/** By name. A record of Zod leaves out `__proto__` without a word; a tenant may be called so. */
const byName = <Entry extends z.ZodType>(names: z.ZodType<string, string>, entry: Entry) =>
  z.preprocess(
    (value) => (isObject(value) ? new Map(Object.entries(value)) : value),
    z.map(names, entry, {
      error: ({ code }) => (code === "invalid_type" ? "is an object, by name" : undefined),
    }),
  );

const isObject = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The file of `FRESHET_QUOTAS_FILE`, the same on all nodes. */
export const quotasFileSchema = z.strictObject({
  format: z.literal(1),
  /** Of each tenant, field by field, unless its own entry says otherwise. */
  default: tenantEntry.optional(),
  tenants: byName(tenantNames, tenantEntry).optional(),
  /** Of each credential within its tenant. */
  credential_default: credentialEntry.optional(),
  /** By id: that of a key of the key store, `env` for those of `FRESHET_API_KEYS`. */
  credentials: byName(z.string().min(1).max(128), credentialEntry).optional(),
  /** Not what a tenant may use, but how it is answered: its operator sets both. */
  answers: z
    .strictObject({
      /** Of each tenant, field by field, unless its own entry says otherwise. */
      default: answerDefaultsSchema.optional(),
      tenants: byName(tenantNames, answerDefaultsSchema).optional(),
    })
    .optional(),
});

/** Who uses something; a credential only where the surface knows one. */
export interface QuotaUser {
  readonly tenant: TenantId;
  readonly credential?: string | undefined;
}

/** What a tenant holds, by which amounts are judged. */
export interface HeldAmounts {
  readonly chunks: number;
  /** Hot shard and heads together. */
  readonly hotBytes: number;
}

export interface QuotaRefusal {
  readonly quota: QuotaName;
  readonly of: "tenant" | "credential";
  readonly limit: number;
  readonly retryAfterMs: number;
}

/** The typed error, the same on every surface; HTTP makes `Retry-After` of it. */
export function quotaExceeded({ quota, of, limit, retryAfterMs }: QuotaRefusal): FreshetError {
  const retry_after_ms = Math.ceil(retryAfterMs);
  const details = { quota, of, limit, retry_after_ms };
  return new FreshetError("quota_exceeded", `the ${of} may have ${limit} ${quota}`, { details });
}

/**
 * The quotas of a node, and what its tenants have used. Decisions hold where the node owns the
 * tenant; the caller sees to that.
 */
export interface Quotas {
  quotaOf(tenant: TenantId): Quota;
  /** Whether a publish of this user has to be admitted at all. */
  limitsPublishing(user: QuotaUser): boolean;
  /**
   * @returns takes it back: one that found no owner and is asked again is charged once
   * @throws FreshetError quota_exceeded; then nothing is charged
   */
  admitQuestion(user: QuotaUser): () => void;
  /**
   * An upsert that comes over HTTP, before it is stored. What is admitted is not charged again when
   * it comes out of the log. @throws FreshetError quota_exceeded; then nothing is charged
   */
  admitDocument(user: QuotaUser, bytes: number): void;
  /**
   * An operation that comes out of the log, in its order. How long it has to wait, milliseconds:
   * what was not admitted is charged now, and processed when the rate allows.
   */
  takeIn(
    tenant: TenantId,
    operation: { readonly bytes: number; readonly isDelete: boolean },
  ): number;
  /** Why the tenant may not store more; undefined while it may. */
  refusalOfMore(tenant: TenantId, held: HeldAmounts): FreshetError | undefined;
  /**
   * Asked once for each question that may need a model: undefined where its day's tokens or seconds
   * are used up, or as many questions as may be are under way. Reads what earlier owners stored.
   */
  admitModel(user: QuotaUser): Promise<ModelTurn | undefined>;
  answersOf(tenant: TenantId): AnswerDefaults;
  useOf(tenant: TenantId): Promise<TenantUse>;
}

/** A question's right to use language models. */
export interface ModelTurn {
  /** After each call of a model. */
  used(call: ModelAmounts): void;
  /** Once, when the question needs no model any more. */
  end(): void;
}

export interface ModelAmounts {
  readonly tokens: number;
  readonly ms: number;
}

/** What the quotas know of a tenant's use. */
export interface TenantUse {
  readonly quota: Quota;
  readonly lastMinute: {
    readonly documents: number;
    readonly bytes: number;
    readonly questions: number;
  };
  readonly modelToday: ModelAmounts;
  /** What may come at once now, of the rates that are limited. */
  readonly left: Partial<Record<QuotaName, number>>;
}

export const tenantUsageSchema = z.object({
  tenant: z.string(),
  documents: z.int(),
  /** Chunks in memory and in cold; what is replaced counts until a merge. */
  stored_chunks: z.int(),
  hot_bytes: z.int(),
  /** Published and not processed yet. */
  operations_behind: z.int(),
  last_minute: z.object({
    /** Operations that came out of the log. */
    documents: z.int(),
    bytes: z.int(),
    questions: z.int(),
  }),
  model_tokens_today: z.int(),
  /** Absent from a node of an older release. */
  model_seconds_today: z.number().optional(),
  /** How long DOCS keeps raw text, null: for ever; absent: for the replay window. */
  raw_retention_ms: z.int().nullable().optional(),
  /** Whether DOCS holds it sealed; absent: in plain text. */
  encryption: z.enum(["on", "required"]).optional(),
  /** Only what is limited. */
  quota: quotaSchema,
  /** Of what is limited: what is left of it now. */
  left: z
    .strictObject({ ...rates, ...amounts })
    .partial()
    .catchall(z.number()),
});
export type TenantUsage = z.infer<typeof tenantUsageSchema>;

/** What bounds a burst in bytes from below: the largest document has to pass. */
export const quotaBytesBurstMin = limits.httpDocumentBytesMax;

/** Tokens of one day of UTC, as they are stored: they outlive their owner. */
export interface DayTokens {
  /** Days since 1970 in UTC. */
  readonly day: number;
  readonly tenant: number;
  /** Of credentials that have a limit. */
  readonly credentials: Readonly<Record<string, number>>;
  /** Milliseconds of models, in the same way; absent in what an older release stored. */
  readonly tenant_ms?: number | undefined;
  readonly credentials_ms?: Readonly<Record<string, number>> | undefined;
}

/** One entry a tenant; the last writer wins, so a writer first looks what is there. */
export interface TokenJournal {
  /** Null also when the entry cannot be read. @throws FreshetError log_unavailable */
  get(tenant: TenantId): Promise<DayTokens | null>;
  /** Stored before it returns. @throws FreshetError log_unavailable, overloaded */
  put(tenant: TenantId, tokens: DayTokens): Promise<void>;
}
