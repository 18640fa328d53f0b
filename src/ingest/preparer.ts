/**
 * A parsed operation to what is embedded and indexed: cleaned, redacted, cut into chunks with their
 * tokens. Everything of a document that reaches an index, a prompt or a log line goes through here
 * (I10).
 */

import { contentHash } from "../contract/content-hash.ts";
import type { Metadata, MetadataValue, UpsertOperation } from "../contract/document.ts";
import { FreshetError } from "../contract/errors.ts";
import type { DocumentInfo } from "../contract/record.ts";
import type { Scalar } from "../contract/scalar.ts";
import { withoutBlobs } from "../text/blobs.ts";
import { type Chunk, chunkText } from "../text/chunking.ts";
import { cleanText } from "../text/clean.ts";
import { type NameRedactor, type NamesText, namesVersion } from "../text/names.ts";
import type { Tokenizer } from "../text/port.ts";
import { Effort } from "../text/recognisers/effort.ts";
import { type FieldRedactor, fieldRedactor, labelOf } from "../text/redact-fields.ts";
import type { Redactor } from "../text/redaction.ts";

export interface PreparedDocument {
  readonly info: DocumentInfo;
  /** Empty when nothing visible is left of the text. */
  readonly chunks: readonly Chunk[];
  /** Version of the redaction rules. */
  readonly redactor: string;
  /** Why the document may not be stored at all. */
  readonly refusal?: string | undefined;
}

/**
 * Ids name documents, and labels groups: neither is redacted. What to do with one that holds
 * personal data.
 */
export type IdPolicy = "keep" | "refuse";

export type Preparer = (operation: UpsertOperation) => PreparedDocument | Promise<PreparedDocument>;

export interface PreparerOptions {
  readonly tokenizer: Tokenizer;
  /** The tenant's. */
  readonly redactor: Redactor;
  readonly ids?: IdPolicy | undefined;
}

/**
 * A preparer is deterministic: the same operation gives the same chunks on any node that has the
 * tenant's key.
 */
export function createPreparer(
  options: PreparerOptions,
): (operation: UpsertOperation) => PreparedDocument {
  return (operation) => assemble(operation, redactTexts(operation, options.redactor), options);
}

/** The same with the lane of names behind the recognisers. */
export function createPreparerWithNames(
  options: PreparerOptions & { readonly names: NameRedactor },
): Preparer {
  return async (operation) => {
    const redacted = redactTexts(operation, options.redactor);
    const prepared = assemble(
      operation,
      await withoutNames(operation, redacted, options.names),
      options,
    );
    return { ...prepared, redactor: `${prepared.redactor}+${namesVersion}` };
  };
}

/** What of an operation is text that people wrote. */
type Texts = Pick<UpsertOperation, "title" | "text" | "source" | "metadata">;

function redactTexts(operation: UpsertOperation, redactor: Redactor): Texts {
  // One for the whole document: many short values must not each cost the minimum.
  const effort = Effort.of(charsOf(operation));
  const fields = fieldRedactor(redactor, effort);
  const { title, source, metadata } = operation;
  return {
    text: redactor.redact(withoutBlobs(cleanText(operation.text)), effort).text,
    ...(title === undefined ? {} : { title: fields.line(title) }),
    ...(source === undefined ? {} : { source: fields.line(source) }),
    ...(metadata === undefined ? {} : { metadata: redactMetadata(metadata, fields) }),
  };
}

async function withoutNames(
  operation: UpsertOperation,
  redacted: Texts,
  names: NameRedactor,
): Promise<Texts> {
  const asked: NamesText[] = [];
  mapTexts(redacted, (text, label) => {
    const charsBefore = label === undefined ? operation.text.length : text.length;
    asked.push({ text, label, charsBefore });
    return text;
  });
  // In the same order.
  const answers = (await names.redact(asked)).values();
  return mapTexts(redacted, () => {
    const { value } = answers.next();
    if (value === undefined) throw new FreshetError("internal", "a text was not looked at");
    return value;
  });
}

/** Keys of metadata stay: programs choose them. */
function mapTexts(
  { text, title, source, metadata }: Texts,
  change: (text: string, label?: string) => string,
): Texts {
  const changeValue = (key: string, value: Scalar): Scalar =>
    typeof value === "string" ? change(value, labelOf(key)) : value;
  return {
    text: change(text),
    ...(title === undefined ? {} : { title: change(title, "") }),
    ...(source === undefined ? {} : { source: change(source, "") }),
    ...(metadata === undefined ? {} : { metadata: mapMetadata(metadata, changeValue) }),
  };
}

function assemble(
  operation: UpsertOperation,
  redacted: Texts,
  { tokenizer, redactor, ids = "keep" }: PreparerOptions,
): PreparedDocument {
  const { timestamp, expires_at, language, acl } = operation;
  const { title, text, source, metadata } = redacted;
  const info: DocumentInfo = {
    ...(title === undefined || title === "" ? {} : { title }),
    ...(source === undefined ? {} : { source }),
    ...(timestamp === undefined ? {} : { timestamp }),
    ...(expires_at === undefined ? {} : { expiresAtMs: expires_at }),
    ...(language === undefined ? {} : { language }),
    ...(acl === undefined ? {} : { acl }),
    contentHash: contentHash(operation),
    ...(metadata === undefined ? {} : { metadata }),
  };
  return {
    info,
    chunks: chunkText({ text, title, tokenizer }),
    redactor: redactor.version,
    ...(ids === "refuse" ? refusalOf(operation, redactor) : {}),
  };
}

/** Names the kinds, never the value. */
function refusalOf(
  { id, acl = [] }: UpsertOperation,
  redactor: Redactor,
): Pick<PreparedDocument, "refusal"> {
  // A control character stands in no label, so that no two of them make one value.
  for (const [field, text] of Object.entries({ id, acl: acl.join("\n\n") })) {
    const { counts } = redactor.redact(text);
    const found = Object.entries(counts).filter(([, count]) => count > 0);
    if (found.length === 0) continue;
    const kinds = found.map(([kind]) => kind).join(", ");
    return { refusal: `${field}: holds personal data (${kinds})` };
  }
  return {};
}

function charsOf({ text, title = "", source = "", metadata = {} }: UpsertOperation): number {
  const values = Object.entries(metadata).flat(2);
  const chars = values.reduce((sum: number, each) => sum + String(each).length, 0);
  return chars + text.length + title.length + source.length;
}

/** Of two keys that become one the last is kept, as JSON does with equal keys. */
function redactMetadata(metadata: Metadata, fields: FieldRedactor): Metadata {
  const values = mapMetadata(metadata, (key, value) => fields.value(key, value));
  return Object.fromEntries(
    Object.entries(values).map(([key, value]) => [fields.name(key), value]),
  );
}

function mapMetadata(metadata: Metadata, change: (key: string, value: Scalar) => Scalar): Metadata {
  return Object.fromEntries(
    Object.entries(metadata).map(([key, value]): [string, MetadataValue] => [
      key,
      Array.isArray(value) ? value.map((each: Scalar) => change(key, each)) : change(key, value),
    ]),
  );
}
