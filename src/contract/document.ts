/**
 * What a publisher sends: one operation on one document. Wire format of DOCS and of POST
 * /v1/documents.
 */

import { z } from "zod";
import { type ErrorCode, FreshetError } from "./errors.ts";
import { type DocumentId, isDocumentId } from "./ids.ts";
import { describeIssue, hasProtoKey } from "./issue.ts";
import { repeatedKey, repeatedKeyMessage } from "./json-keys.ts";
import { canonicalLanguage } from "./language.ts";
import { limits } from "./limits.ts";
import { scalarSchema, valueProblem } from "./scalar.ts";
import { timestampSchema } from "./time.ts";
import { hasVisible } from "./visible.ts";
import { isPlainName } from "./well-formed.ts";

/**
 * A metadata value: a scalar or a short list of scalars; nesting is refused, because no filter
 * could reach it.
 */
const metadataValue = z.union([scalarSchema, z.array(scalarSchema).max(limits.metadataListMax)], {
  error: ({ input }) => valueProblem(input),
});

/**
 * Values are cleaned when a document is prepared; keys stay as they are, control characters and
 * all, because filters name them. Only what UTF-8 cannot say is refused.
 */
const metadataKey = z
  .string()
  .refine((key) => key !== "" && key.length <= limits.metadataKeyCharsMax, {
    error: `a key has 1 to ${limits.metadataKeyCharsMax} characters`,
  })
  .refine((key) => key.isWellFormed(), { error: "a key is text of whole characters" })
  .meta({ minLength: 1, maxLength: limits.metadataKeyCharsMax });

export const metadataSchema = z
  .record(metadataKey, metadataValue)
  .refine((value) => Object.keys(value).length <= limits.metadataKeysMax, {
    error: `at most ${limits.metadataKeysMax} metadata keys`,
  });

/**
 * Labels of who may read a document: names that programs compare, never text of people. They are
 * kept as they are, so they are neither cleaned nor redacted. Blanks around one are refused, since
 * an index would trim them.
 */
export const aclLabelSchema = z
  .string()
  .min(1)
  .max(limits.aclLabelCharsMax)
  .refine(isAclLabel, { error: "a label has no control characters and no blanks around it" });

/** The same for many at once. */
export function isAclLabel(text: string): boolean {
  const { length } = text;
  return (
    length > 0 && length <= limits.aclLabelCharsMax && isPlainName(text) && text.trim() === text
  );
}

/**
 * A set: sorted, each label once. An empty one is not the same as none: no group is let in, where
 * none leaves it to the engine (access.ts).
 */
const aclSchema = z
  .array(aclLabelSchema)
  .max(limits.aclLabelsMax)
  .transform((labels) => [...new Set(labels)].sort());

/** A BCP 47 tag in its canonical form: `zh-hans-cn` becomes `zh-Hans-CN`. */
const languageSchema = z
  .string()
  .max(limits.languageCharsMax)
  .transform((tag, context) => {
    const canonical = canonicalLanguage(tag);
    if (canonical !== undefined) return canonical;
    context.addIssue({ code: "custom", message: "is no language tag (BCP 47), such as de-CH" });
    return z.NEVER;
  });

export const idSchema = z.custom<DocumentId>(
  (value) => typeof value === "string" && isDocumentId(value),
  {
    error: ({ input }) => idProblem(input),
  },
);

function idProblem(input: unknown): string {
  if (input === undefined) return "is missing";
  if (typeof input === "number") return "is text: a number stands in quotes";
  return "is text of 1-512 bytes without control characters";
}

const upsertSchema = z.strictObject({
  op: z.literal("upsert").default("upsert"),
  id: idSchema,
  text: z.string(),
  title: z.string().max(limits.titleCharsMax).optional(),
  source: z.string().max(limits.sourceCharsMax).optional(),
  timestamp: timestampSchema.optional(),
  /** From then on the document is found no more; in the past, it never is. */
  expires_at: timestampSchema.optional(),
  language: languageSchema.optional(),
  acl: aclSchema.optional(),
  metadata: metadataSchema.optional(),
});

const deleteSchema = z.strictObject({ op: z.literal("delete"), id: idSchema });

/** The names of its fields: ours, so messages may say them. */
export const documentFields: ReadonlySet<string> = new Set(Object.keys(upsertSchema.shape));

export type MetadataValue = z.infer<typeof metadataValue>;
export type Metadata = Readonly<Record<string, MetadataValue>>;
export type UpsertOperation = z.infer<typeof upsertSchema>;
export type DeleteOperation = z.infer<typeof deleteSchema>;
export type Operation = UpsertOperation | DeleteOperation;

/** For the OpenAPI document, where each has a name, which generated clients take over. */
export const operationSchema = z.union([
  upsertSchema.meta({ id: "Upsert" }),
  deleteSchema.meta({ id: "Delete" }),
]);

export type ParsedOperation =
  | { readonly ok: true; readonly operation: Operation }
  | { readonly ok: false; readonly error: FreshetError; readonly id: string | undefined };

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });

/**
 * Bytes from a publisher to an operation. Never throws: a bad document is data (a `reject` record),
 * not a failure of the reader. `id` is what could be salvaged for the publisher's event.
 */
export function parseOperation(payload: Uint8Array, textBytesMax: number): ParsedOperation {
  let text: string;
  let json: unknown;
  try {
    text = utf8.decode(payload);
    json = JSON.parse(text);
  } catch (cause) {
    return refused("invalid_json", "the body is not valid JSON in UTF-8", { cause });
  }
  const repeated = repeatedKey(text);
  if (repeated === undefined) return checkOperation(json, textBytesMax);
  // Of two ids neither is the document's.
  const id = repeated === "id" ? undefined : idOf(json);
  return refused("invalid_json", repeatedKeyMessage(repeated, documentFields), { id });
}

/** The same for a value that is parsed already (HTTP bodies). */
export function checkOperation(json: unknown, textBytesMax: number): ParsedOperation {
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    return refused("invalid_document", "a document is a JSON object");
  }
  const raw = json as Record<string, unknown>;
  const id = idOf(raw);
  const op = raw["op"] ?? "upsert";
  if (op !== "upsert" && op !== "delete") return refused("unknown_operation", undefined, { id });
  const result = op === "delete" ? deleteSchema.safeParse(raw) : upsertSchema.safeParse(raw);
  if (!result.success) {
    const schema = { root: "document", names: Object.keys(upsertSchema.shape) };
    const told = describeIssue(result.error, schema);
    // The most frequent mistake: rows of a table, or of another engine, as they are.
    const way = told === "document: has a field that is not known" ? "; metadata takes it" : "";
    return refused("invalid_document", `${told}${way}`, { id });
  }
  if (hasProtoKey(raw["metadata"])) {
    return refused("invalid_document", "metadata: invalid key in record", { id });
  }
  const operation = result.data;
  const problem = operation.op === "upsert" ? contentProblem(operation, textBytesMax) : undefined;
  if (problem !== undefined) return refused(problem.code, problem.message, { id });
  return { ok: true, operation };
}

function idOf(json: unknown): DocumentId | undefined {
  if (typeof json !== "object" || json === null || !("id" in json)) return undefined;
  return typeof json.id === "string" && isDocumentId(json.id) ? json.id : undefined;
}

/** What the schema cannot say: bounds in bytes, and a text without a word. */
function contentProblem(
  { text, metadata }: UpsertOperation,
  textBytesMax: number,
): { readonly code: ErrorCode; readonly message: string } | undefined {
  const bytes = Buffer.byteLength(text, "utf8");
  if (bytes > textBytesMax) {
    const message = `text has ${bytes} bytes, the limit is ${textBytesMax}`;
    return { code: "document_too_large", message };
  }
  if (!hasVisible(text)) return { code: "invalid_document", message: "text: is empty" };
  const metadataBytes = metadata === undefined ? 0 : Buffer.byteLength(JSON.stringify(metadata));
  if (metadataBytes > limits.metadataBytesMax) {
    const message = `metadata has ${metadataBytes} bytes, the limit is ${limits.metadataBytesMax}`;
    return { code: "document_too_large", message };
  }
  return undefined;
}

function refused(
  code: ErrorCode,
  message?: string,
  options: { id?: string | undefined; cause?: unknown } = {},
): ParsedOperation {
  const error = new FreshetError(code, message, { cause: options.cause });
  return { ok: false, error, id: options.id };
}
