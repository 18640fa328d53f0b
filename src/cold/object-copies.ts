/**
 * The live objects of a tenant as pages, out of one cold shard and into another one. A page ends
 * with an object whose id says so, whatever lies before it: ids are digests, so pages of objects
 * that did not change are the same pages next time.
 */

import type { TenantId, Version } from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";
import { objectId } from "./object-id.ts";
import { decodePage, encodePage } from "./object-page.ts";
import type { ColdEntry, ColdMarker, ColdObject, ColdShard } from "./port.ts";

export interface ObjectPage {
  readonly bytes: Uint8Array;
  readonly objects: number;
  /** First chunks among them, and the chunks that their documents have in all. */
  readonly documents: number;
  readonly chunksDue: number;
  readonly dimensions: number;
}

export interface LiveObjects {
  readonly tenant: TenantId;
  /** Whether a document of this version counts. */
  readonly isLive: (documentId: ColdEntry["documentId"], version: Version) => boolean;
}

/** @throws FreshetError cold_unavailable */
async function* livePages(
  cold: Pick<ColdShard, "walk" | "stored">,
  { tenant, isLive }: LiveObjects,
): AsyncGenerator<ObjectPage> {
  let page: ColdObject[] = [];
  for (let after: string | null = null; ; ) {
    const limit = limits.coldIdsPerRequestMax;
    const entries: readonly ColdEntry[] = await cold.walk(tenant, { after, limit });
    const last = entries.at(-1);
    if (last === undefined) break;
    after = last.id;
    const live = entries.filter(
      (entry) =>
        isLive(entry.documentId, entry.version) && entry.id === objectId({ ...entry, tenant }),
    );
    for (let at = 0; at < live.length; at += limits.loadPageObjects) {
      const ids = live.slice(at, at + limits.loadPageObjects).map(({ id }) => id);
      const stored = await cold.stored(tenant, ids);
      for (const object of stored.toSorted((one, other) => (one.id < other.id ? -1 : 1))) {
        page.push(object);
        if (!isPageEnd(object.id) && page.length < 4 * limits.backupPageObjects) continue;
        yield pageOf(page);
        page = [];
      }
    }
  }
  if (page.length > 0) yield pageOf(page);
}

/** One of `backupPageObjects` ids, by its last digits. */
function isPageEnd(id: string): boolean {
  return Number.parseInt(id.slice(-6), 16) % limits.backupPageObjects === 0;
}

function pageOf(objects: readonly ColdObject[]): ObjectPage {
  const first = objects.filter(({ chunk }) => chunk === 0);
  return {
    bytes: encodePage(objects),
    objects: objects.length,
    documents: first.length,
    chunksDue: first.reduce((sum, { chunkCount }) => sum + chunkCount, 0),
    dimensions: objects[0]?.vector.length ?? 0,
  };
}

/** How many objects were written. @throws FreshetError cold_unavailable, cold_refused */
async function writeObjects(
  cold: Pick<ColdShard, "upsert">,
  tenant: TenantId,
  page: Uint8Array,
): Promise<number> {
  const objects = decodePage(page);
  for (let at = 0; at < objects.length; at += limits.mergePageObjects) {
    await cold.upsert(tenant, objects.slice(at, at + limits.mergePageObjects));
  }
  return objects.length;
}

/** Where live objects go and come from, for the parts that know no cold shard. */
export interface ObjectCopies {
  pages(live: LiveObjects): AsyncIterable<ObjectPage>;
  write(tenant: TenantId, page: Uint8Array): Promise<number>;
  /** Makes the tenant, and says up to where its shard is the log. */
  mark(tenant: TenantId, marker: ColdMarker): Promise<void>;
  has(tenant: TenantId): Promise<boolean>;
  erase(tenant: TenantId): Promise<void>;
  close(): Promise<void>;
}

export function objectCopies(cold: ColdShard): ObjectCopies {
  return {
    pages: (live) => livePages(cold, live),
    write: (tenant, page) => writeObjects(cold, tenant, page),
    async mark(tenant, marker) {
      await cold.ensureTenant(tenant);
      await cold.writeMarker(tenant, marker);
    },
    has: (tenant) => cold.hasTenant(tenant),
    erase: (tenant) => cold.eraseTenant(tenant),
    close: () => cold.close(),
  };
}
