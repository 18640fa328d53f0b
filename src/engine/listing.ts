/**
 * A page of a tenant's documents: first what is not merged, in log order, then what is in cold, in
 * the order of its objects; what memory holds of the merged is no second document. A document
 * moves from the first to the second only, so what stays as it is from page to page is met in one
 * of them.
 *
 *   EL1  a page for a credential with groups is as full as if the others were not there, and its
 *        cursor names none of them: an object's id would tell that a guessed document is there.
 */

import type { ListedDocument, ListView, StoredDocument } from "../../actors/messages.ts";
import { type Access, admits } from "../contract/access.ts";
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
  readonly access: Access | undefined;
  readonly cold: readonly StoredDocument[];
}) => Promise<ListView>;

type ColdListed = StoredDocument & { readonly id: string; readonly chunk: number };

/** What is in cold, object by object, in the order of their ids. */
export interface ColdWalk {
  walk(
    tenant: TenantId,
    page: { readonly after: string | null; readonly limit: number },
  ): Promise<readonly ColdListed[]>;
  /** Of the objects with these ids that are there. */
  labels(
    tenant: TenantId,
    ids: readonly string[],
  ): Promise<ReadonlyMap<string, readonly string[] | undefined>>;
}

export interface ListingParts {
  readonly tenant: TenantId;
  /** Of the reader. */
  readonly access: Access | undefined;
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
  { askView, access }: ListingParts,
  after: Position,
  limit: number,
): Promise<DocumentPage> {
  const { hot, coldExists } = await askView({ hotAfter: after, limit, access, cold: [] });
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

async function listCold(
  parts: ListingParts,
  after: string | null,
  limit: number,
): Promise<DocumentPage> {
  if (parts.access !== undefined) return listAdmitted(parts, after, limit);
  const objects = await parts.cold.walk(parts.tenant, { after, limit });
  const last = objects.at(-1);
  if (last === undefined) return { documents: [], next: null };
  return pageOf(await liveOf(parts, objects, limit), last.id);
}

/** EL1. */
async function listAdmitted(
  parts: ListingParts,
  after: string | null,
  limit: number,
): Promise<DocumentPage> {
  const { tenant, cold } = parts;
  const size = limits.coldIdsPerRequestMax;
  const listed: ColdListed[] = [];
  let walked = after;
  for (let walks = 0; walks < limits.documentPageWalksMax; walks += 1) {
    const objects: readonly ColdListed[] = await cold.walk(tenant, { after: walked, limit: size });
    const last = objects.at(-1);
    if (last === undefined) return pageOf(listed, null);
    listed.push(...(await admittedOf(parts, await liveOf(parts, objects, size))));
    if (listed.length >= limit) {
      const page = listed.slice(0, limit);
      return pageOf(page, page.at(-1)?.id ?? null);
    }
    walked = last.id;
  }
  return pageOf(listed, coarse(walked, after));
}

/** The first chunk of a document stands for it. */
async function liveOf(
  { askView, access }: ListingParts,
  objects: readonly ColdListed[],
  limit: number,
): Promise<readonly ColdListed[]> {
  const firsts = objects.filter(({ chunk }) => chunk === 0);
  const { cold } = await askView({ hotAfter: undefined, limit, access, cold: firsts });
  const live = new Set(cold.map(nameOf));
  return firsts.filter((object) => live.has(nameOf(object)));
}

function nameOf({ documentId, version }: ListedDocument): string {
  return `${version} ${documentId}`;
}

async function admittedOf(
  { tenant, cold, access }: ListingParts,
  objects: readonly ColdListed[],
): Promise<readonly ColdListed[]> {
  const ids = objects.map(({ id }) => id);
  const labels = await cold.labels(tenant, ids);
  // What is gone by now has no labels that could let anybody in.
  return objects.filter(({ id }) => labels.has(id) && admits(access, labels.get(id)));
}

/**
 * Where a walk stopped at something that is not to be named: a little before it, so that what lies
 * between is met twice. Where that is no progress, it is named after all.
 */
function coarse(walked: string | null, after: string | null): string | null {
  if (walked === null) return null;
  const before = `${walked.slice(0, coarseDigits)}${zeroId.slice(coarseDigits)}`;
  return before > (after ?? "") ? before : walked;
}

const zeroId = "00000000-0000-0000-0000-000000000000";
const coarseDigits = 4;

function pageOf(objects: readonly ColdListed[], after: string | null): DocumentPage {
  const documents = objects.map(({ documentId: id, version: seq }) => ({
    ...{ id, seq },
    shard: "cold" as const,
  }));
  return { documents, next: after === null ? null : textOf({ kind: "cold", after }) };
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
