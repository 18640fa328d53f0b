/** Reading files: the process that converts them, and what one file may become. */

import { documentLimits } from "./documents.ts";
import { atMost, type Relations } from "./relation.ts";
import { KiB, MiB, minuteMs, secondMs } from "./units.ts";

export const formatLimits = {
  /** A file whose conversion takes longer is skipped: 1,000 pages of PDF take 10 s. */
  conversionDeadlineMs: minuteMs,
  /** The process loads libraries when it needs them; it only has to start. */
  conversionReadyMs: 30 * secondMs,
  /** Ends of the process over one file before the file is called broken: one may be an accident. */
  conversionAttemptsMax: 2,
  /** Heap of that process, MiB, and all its memory: a bomb ends it, and not the import. */
  conversionHeapMiBMax: 768,
  conversionMemoryBytesMax: 1_536 * MiB,
  /**
   * Markdown and the like is read line by line without a process, up to here: a line that is one
   * byte in the file is some sixty in memory.
   */
  readHereBytesMax: 4 * MiB,
  /** How often it looks at its memory, and whether the one that started it is still there. */
  conversionWatchMs: 100,
  /** A library makes a tree of a document's XML, some twenty times as large. */
  unpackedXmlBytesMax: 64 * MiB,
  /** Text that one file may become, and documents: a mailbox of years, a table of millions. */
  convertedTextBytesMax: 64 * MiB,
  convertedDocumentsMax: 20_000,
  /** Attachments of attachments, and attachments of one mail: more is an attack. */
  attachmentDepthMax: 3,
  attachmentsMax: 64,
  /** Front matter is a few lines; longer is text between two rules. */
  frontMatterCharsMax: 16 * KiB,
  /** A remote parser reads scans with a model: seconds a page. */
  remoteParserMs: 5 * minuteMs,
  /** What a remote parser answers: the text of a book, and JSON around it. */
  remoteParserBytesMax: 64 * MiB,
  /** One that is busy with other files: within the time of one file, and not for ever. */
  remoteParserAttemptsMax: 4,
  remoteParserRetryMinMs: 1 * secondMs,
  /** Also the longest `Retry-After` that is waited for: after it the file is left out. */
  remoteParserRetryMaxMs: 1 * minuteMs,
} as const;

export const formatRelations: Relations = {
  "what a file becomes is many documents at least": [
    atMost(documentLimits.documentTextBytesMax * 16, formatLimits.convertedTextBytesMax),
  ],
};
