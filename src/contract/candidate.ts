/**
 * A chunk that a shard found, before fusion. Both shards speak this, so that fusion compares like
 * with like.
 */

import type { DocumentId, Version } from "./ids.ts";
import type { DocumentInfo, TextRange } from "./record.ts";

export interface Candidate {
  readonly shard: "hot" | "cold";
  readonly documentId: DocumentId;
  readonly version: Version;
  /** Index of the chunk in its document, from 0. */
  readonly chunk: number;
  readonly text: string;
  readonly heading?: string | undefined;
  /** Where the text lies in its document; absent where that was not recorded (format 1). */
  readonly range?: TextRange | undefined;
  readonly info: DocumentInfo;
  /** Cosine with the question's vector, -1…1; the same measure in both shards. */
  readonly cosine: number;
}
