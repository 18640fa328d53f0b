/**
 * A parsed operation to what is embedded and indexed: cleaned, redacted, cut into chunks with their
 * tokens. Everything of a document that reaches an index, a prompt or a log line goes through here
 * (I10).
 */

import { contentHash } from "../contract/content-hash.ts";
import type { Metadata, MetadataValue, UpsertOperation } from "../contract/document.ts";
import type { DocumentInfo } from "../contract/record.ts";
import { withoutBlobs } from "../text/blobs.ts";
import { type Chunk, chunkText } from "../text/chunking.ts";
import { cleanText } from "../text/clean.ts";
import type { Tokenizer } from "../text/port.ts";
import { Effort } from "../text/recognisers/effort.ts";
import { type FieldRedactor, fieldRedactor } from "../text/redact-fields.ts";
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

/** Ids name documents and are not redacted; what to do with one that holds personal data. */
export type IdPolicy = "keep" | "refuse";

export type Preparer = (operation: UpsertOperation) => PreparedDocument;

/**
 * A preparer is deterministic: the same operation gives the same chunks on any node that has the
 * tenant's key.
 * @param options.redactor the tenant's
 */
export function createPreparer(options: {
  readonly tokenizer: Tokenizer;
  readonly redactor: Redactor;
  readonly ids?: IdPolicy | undefined;
}): Preparer {
  const { tokenizer, redactor, ids = "keep" } = options;

  return (operation) => {
    // One for the whole document: many short values must not each cost the minimum.
    const effort = Effort.of(charsOf(operation));
    const fields = fieldRedactor(redactor, effort);
    const title = operation.title === undefined ? undefined : fields.line(operation.title);
    const { text } = redactor.redact(withoutBlobs(cleanText(operation.text)), effort);
    const { source, timestamp, expires_at, language, acl, metadata } = operation;
    const info: DocumentInfo = {
      ...(title === undefined || title === "" ? {} : { title }),
      ...(source === undefined ? {} : { source: fields.line(source) }),
      ...(timestamp === undefined ? {} : { timestamp }),
      ...(expires_at === undefined ? {} : { expiresAtMs: expires_at }),
      ...(language === undefined ? {} : { language }),
      ...(acl === undefined ? {} : { acl }),
      contentHash: contentHash(operation),
      ...(metadata === undefined ? {} : { metadata: redactMetadata(metadata, fields) }),
    };
    return {
      info,
      chunks: chunkText({ text, title, tokenizer }),
      redactor: redactor.version,
      ...(ids === "refuse" ? refusalOf(operation.id, redactor) : {}),
    };
  };
}

/** Names the kinds, never the value. */
function refusalOf(id: string, redactor: Redactor): Pick<PreparedDocument, "refusal"> {
  const { counts } = redactor.redact(id);
  const found = Object.entries(counts).filter(([, count]) => count > 0);
  if (found.length === 0) return {};
  return { refusal: `id: holds personal data (${found.map(([kind]) => kind).join(", ")})` };
}

function charsOf({ text, title = "", source = "", metadata = {} }: UpsertOperation): number {
  const values = Object.entries(metadata).flat(2);
  const chars = values.reduce((sum: number, each) => sum + String(each).length, 0);
  return chars + text.length + title.length + source.length;
}

/** Of two keys that become one the last is kept, as JSON does with equal keys. */
function redactMetadata(metadata: Metadata, fields: FieldRedactor): Metadata {
  return Object.fromEntries(
    Object.entries(metadata).map(([key, value]): [string, MetadataValue] => [
      fields.name(key),
      Array.isArray(value)
        ? value.map((each) => fields.value(key, each))
        : fields.value(key, value),
    ]),
  );
}
