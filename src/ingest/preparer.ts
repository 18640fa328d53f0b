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
import { cleanLine, cleanText } from "../text/clean.ts";
import type { Tokenizer } from "../text/port.ts";
import { Effort } from "../text/recognisers/effort.ts";
import type { Redactor } from "../text/redaction.ts";

export interface PreparedDocument {
  readonly info: DocumentInfo;
  /** Empty when nothing visible is left of the text. */
  readonly chunks: readonly Chunk[];
  /** Version of the redaction rules. */
  readonly redactor: string;
}

export type Preparer = (operation: UpsertOperation) => PreparedDocument;

/** A preparer is deterministic: the same operation gives the same chunks on any node. */
export function createPreparer(options: {
  readonly tokenizer: Tokenizer;
  readonly redactor: Redactor;
}): Preparer {
  const { tokenizer, redactor } = options;

  return (operation) => {
    // One for the whole document: many short values must not each cost the minimum.
    const effort = Effort.of(charsOf(operation));
    const redactLine = (text: string): string => redactor.redact(cleanLine(text), effort).text;
    const title = operation.title === undefined ? undefined : redactLine(operation.title);
    const { text } = redactor.redact(withoutBlobs(cleanText(operation.text)), effort);
    const { source, timestamp, expires_at, language, acl, metadata } = operation;
    const info: DocumentInfo = {
      ...(title === undefined || title === "" ? {} : { title }),
      ...(source === undefined ? {} : { source: redactLine(source) }),
      ...(timestamp === undefined ? {} : { timestamp }),
      ...(expires_at === undefined ? {} : { expiresAtMs: expires_at }),
      ...(language === undefined ? {} : { language }),
      ...(acl === undefined ? {} : { acl }),
      contentHash: contentHash(operation),
      ...(metadata === undefined ? {} : { metadata: redactMetadata(metadata, redactLine) }),
    };
    return { info, chunks: chunkText({ text, title, tokenizer }), redactor: redactor.version };
  };
}

function charsOf({ text, title = "", source = "", metadata = {} }: UpsertOperation): number {
  const values = Object.values(metadata).flat();
  const texts = values.filter((value) => typeof value === "string");
  return texts.reduce((sum, each) => sum + each.length, text.length + title.length + source.length);
}

/** Keys are chosen by programs and are what filters name; values come from people. */
function redactMetadata(metadata: Metadata, redactLine: (text: string) => string): Metadata {
  const redactScalar = <Value>(value: Value): Value | string =>
    typeof value === "string" ? redactLine(value) : value;
  return Object.fromEntries(
    Object.entries(metadata).map(([key, value]): [string, MetadataValue] => [
      key,
      Array.isArray(value) ? value.map(redactScalar) : redactScalar(value),
    ]),
  );
}
