/** One document as it is read: its passages in their order, as far as one search shows them. */

import { FreshetError } from "../contract/errors.ts";
import { limits } from "../contract/limits.ts";
import type { Source } from "../contract/query.ts";
import type { Asker } from "../contract/service.ts";
import { hasVisible } from "../contract/visible.ts";
import type { Handler } from "./handler.ts";
import { unlessNothing } from "./no-results.ts";

export interface DocumentRequest {
  readonly handler: Pick<Handler, "answer">;
  readonly asker: Asker;
  readonly id: string;
  /** A publish that must be seen. */
  readonly minSeq?: number | undefined;
  readonly signal: AbortSignal;
}

export interface DocumentPassages {
  /** Of one version, in the order in which they stand in it; never none. */
  readonly passages: readonly Source[];
  /** False where the document has more passages than one search shows. */
  readonly complete: boolean;
}

/**
 * A search through this document alone finds all its passages, whatever is asked: the words decide
 * their order only. @throws FreshetError not_found, and what a search throws
 */
export async function documentPassages(request: DocumentRequest): Promise<DocumentPassages> {
  const { handler, asker, id, minSeq, signal } = request;
  const query = hasVisible(id) ? id.slice(0, limits.questionCharsMax) : "document";
  const body = { query, mode: "search", top_k: limits.topKMax, filter: { id }, min_seq: minSeq };
  const searching = handler.answer({ ...asker, body, signal });
  const { sources } = await unlessNothing(searching, () => ({ sources: [] }));
  const passages = [...sources].sort((a, b) => a.chunk - b.chunk);
  if (passages.length === 0) throw new FreshetError("not_found", "there is no such document");
  return { passages, complete: passages.length < limits.topKMax };
}
