/** One document in the form that agents read: its passages together, and a URI that names it. */

import type { DocumentId, TenantId } from "../../contract/ids.ts";
import type { Source } from "../../contract/query.ts";
import { type DocumentRequest, documentPassages } from "../document-text.ts";

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

/** @throws FreshetError not_found, and what a search throws */
export async function fetchDocument(request: DocumentRequest): Promise<FetchedDocument> {
  const { asker, id } = request;
  const { passages, complete } = await documentPassages(request);
  const [first] = passages as readonly [Source];
  const { title, version, source, timestamp, published_at, language, metadata } = first;
  const described = Object.entries({ source, timestamp, published_at, language, version });
  return {
    id,
    title: title ?? id,
    text: passages.map(({ text }) => text).join("\n\n"),
    url: urlOf(asker.tenant, first),
    version,
    complete,
    metadata: {
      ...metadata,
      ...Object.fromEntries(described.filter(([, value]) => value !== undefined)),
    },
  };
}
