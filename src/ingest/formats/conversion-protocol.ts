/** What a reader and the process that converts say to each other, as structured clones. */

import { z } from "zod";
import type { ConvertedPart } from "./convert.ts";

/** The request is a `ConversionRequest`. */
export type ConversionReply =
  /** It runs: what happens from here on is the file's doing. */
  | { readonly kind: "ready" }
  | { readonly kind: "converted"; readonly parts: readonly ConvertedPart[] };

export const requestSchema = z.object({
  kind: z.enum([
    "markdown",
    "mdx",
    "text",
    "asciidoc",
    "rst",
    "html",
    "json",
    "ndjson",
    "csv",
    "tsv",
    "pdf",
    "docx",
    "eml",
    "mbox",
    "calendar",
    "notebook",
  ]),
  bytes: z.instanceof(Uint8Array),
});

/** What the watching thread gets as `workerData`. */
export interface ConversionBounds {
  readonly parentPid: number;
  readonly everyMs: number;
  readonly memoryBytesMax: number;
}
