/** One document in the form that agents read: its passages together, and a URI that names it. */

import { FreshetError } from "../../contract/errors.ts";
import type { DocumentId, TenantId } from "../../contract/ids.ts";
import { limits } from "../../contract/limits.ts";
import type { Source } from "../../contract/query.ts";
import type { Asker } from "../../contract/service.ts";
import type { Handler } from "../handler.ts";

export interface FetchedDocument {
  readonly id: string;
  readonly title: string;
  readonly text: string;
  readonly url: string;
  readonly version: number;
  /** False where the document has more passages than one search shows. */
  readonly complete: boolean;
  readonly metadata: Readonly<Record<string, unknown>>;
}

export interface DocumentRequest {
  readonly handler: Pick<Handler, "answer">;
  readonly asker: Asker;
  readonly id: string;
  readonly signal: AbortSignal;
}

export function documentUri(tenant: TenantId, id: string): string {
  return `freshet://${tenant}/documents/${encodeURIComponent(id)}`;
}

/** Undefined for a URI of another form, or of another tenant: agents may ask for any. */
export function documentIn(uri: string, tenant: TenantId): DocumentId | undefined {
  const begin = `freshet://${tenant}/documents/`;
  if (!uri.startsWith(begin)) return undefined;
  try {
    return decodeURIComponent(uri.slice(begin.length)) as DocumentId;
  } catch {
    return undefined;
  }
}

/** Where people can open it: what the publisher named, if that is an address of the web. */
export function urlOf(tenant: TenantId, { id, source }: Pick<Source, "id" | "source">): string {
  return source !== undefined && /^https?:\/\//.test(source) ? source : documentUri(tenant, id);
}

/**
 * A search through this document alone finds all its passages, whatever is asked: the words decide
 * their order only. @throws FreshetError not_found, and what a search throws
 */
export async function fetchDocument(request: DocumentRequest): Promise<FetchedDocument> {
  const { handler, asker, id, signal } = request;
  const query = id.trim() === "" ? "document" : id.slice(0, limits.questionCharsMax);
  const body = { query, mode: "search", top_k: limits.topKMax, filter: { id } };
  const { sources } = await handler.answer({ ...asker, body, signal }).catch(absent);
  const passages = [...sources].sort((a, b) => a.chunk - b.chunk);
  const [first] = passages;
  if (first === undefined) throw new FreshetError("not_found", "there is no such document");
  const { title, version, source, timestamp, published_at, language, metadata } = first;
  const described = Object.entries({ source, timestamp, published_at, language, version });
  return {
    id,
    title: title ?? id,
    text: passages.map(({ text }) => text).join("\n\n"),
    url: urlOf(asker.tenant, first),
    version,
    complete: passages.length < limits.topKMax,
    metadata: {
      ...metadata,
      ...Object.fromEntries(described.filter(([, value]) => value !== undefined)),
    },
  };
}

function absent(thrown: unknown): { readonly sources: readonly Source[] } {
  if (thrown instanceof FreshetError && thrown.code === "no_results") return { sources: [] };
  throw thrown;
}
