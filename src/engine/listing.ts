/**
 * A page of a tenant's documents: first what is in memory, in log order, then what is in cold, in
 * the order of its objects. A document moves from the first to the second only, so what stays as it
 * is from page to page is met in one of them.
 */

import type { ListedDocument, ListView } from "../../actors/messages.ts";
import { FreshetError } from "../contract/errors.ts";
import { noPosition, type Position, position, type TenantId } from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";
import type { DocumentPage, DocumentPageRequest } from "../contract/service.ts";

/** Where a page begins: after a position in memory, or after an object in cold. */
type Cursor =
  | { readonly kind: "hot"; readonly after: Position }
  | { readonly kind: "cold"; readonly after: string | null };

/** Asks the tenant's view, which alone knows what is live. */
export type AskView = (page: {
  readonly hotAfter: Position | undefined;
  readonly limit: number;
  readonly cold: ListView["cold"];
}) => Promise<ListView>;

/** What is in cold, object by object, in the order of their ids. */
export interface ColdWalk {
  walk(
    tenant: TenantId,
    page: { readonly after: string | null; readonly limit: number },
  ): Promise<readonly (ListedDocument & { readonly id: string; readonly chunk: number })[]>;
}

export interface ListingParts {
  readonly tenant: TenantId;
  readonly cold: ColdWalk;
  readonly askView: AskView;
}

/** @throws FreshetError invalid_request (no cursor of ours), cold_unavailable */
export async function listDocuments(
  parts: ListingParts,
  { after, limit }: DocumentPageRequest,
): Promise<DocumentPage> {
  const cursor = cursorOf(after);
  return cursor.kind === "hot"
    ? listHot(parts, cursor.after, limit)
    : listCold(parts, cursor.after, limit);
}

async function listHot(
  { askView }: ListingParts,
  after: Position,
  limit: number,
): Promise<DocumentPage> {
  const { hot, coldExists } = await askView({ hotAfter: after, limit, cold: [] });
  const documents = hot.map(({ documentId: id, version: seq }) => ({
    ...{ id, seq },
    shard: "hot" as const,
  }));
  const last = hot.at(-1);
  if (hot.length === limit && last !== undefined) {
    return { documents, next: textOf({ kind: "hot", after: last.position }) };
  }
  return { documents, next: coldExists ? textOf({ kind: "cold", after: null }) : null };
}

/** The first chunk of a document stands for it. */
async function listCold(
  { tenant, cold, askView }: ListingParts,
  after: string | null,
  limit: number,
): Promise<DocumentPage> {
  const objects = await cold.walk(tenant, { after, limit });
  const last = objects.at(-1);
  if (last === undefined) return { documents: [], next: null };
  const firsts = objects.filter(({ chunk }) => chunk === 0);
  const { cold: live } = await askView({ hotAfter: undefined, limit, cold: firsts });
  return {
    documents: live.map(({ documentId: id, version: seq }) => ({ id, seq, shard: "cold" })),
    next: textOf({ kind: "cold", after: last.id }),
  };
}

function textOf({ kind, after }: Cursor): string {
  return `${kind}:${after ?? ""}`;
}

function cursorOf(text: string | undefined): Cursor {
  if (text === undefined) return { kind: "hot", after: noPosition };
  const [, kind, after = ""] = /^(hot|cold):([0-9a-f-]*)$/.exec(text) ?? [];
  if (kind === "hot" && /^\d{1,16}$/.test(after)) return { kind, after: position(Number(after)) };
  if (kind === "cold" && after.length <= limits.listingCursorCharsMax) {
    return { kind, after: after === "" ? null : after };
  }
  throw new FreshetError("invalid_request", "after: not the `next` of a page");
}
