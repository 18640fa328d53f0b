/** What a conversion takes and gives: text with what the file says of itself. */

import type { FileKind, SkipReason } from "./port.ts";

export interface Converted {
  readonly title?: string | undefined;
  /** Markdown, as far as it has structure. */
  readonly text: string;
  /** As the file writes it: RFC 3339, a day, a date of mail. */
  readonly date?: string | undefined;
  readonly metadata?: FileMetadata | undefined;
  /** Which part of its file it is: a message, an attachment. The first one may have none. */
  readonly part?: string | undefined;
}

export type FileMetadata = Readonly<Record<string, string | number | boolean | readonly string[]>>;

export type ConvertedPart =
  | Converted
  | { readonly skipped: SkipReason; readonly detail?: string | undefined };

export interface ConversionRequest {
  readonly kind: FileKind;
  readonly bytes: Uint8Array;
}

/** Says which reason to count for a file. */
export class Unreadable extends Error {
  readonly reason: SkipReason;
  readonly detail: string | undefined;

  constructor(reason: SkipReason, detail?: string) {
    super(reason);
    this.reason = reason;
    this.detail = detail;
  }
}

export function isConverted(part: ConvertedPart): part is Converted {
  return !("skipped" in part);
}
