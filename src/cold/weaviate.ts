/**
 * The cold shard in Weaviate (port.ts, C1-C3), through a multi-tenant collection, and one more for
 * each number of a later generation (WS4). Weaviate may be down at any time, also at the start: see
 * weaviate-connection.ts.
 *
 * Facts that shape this file, tried on 1.35.2 with weaviate-client 3.14: the vendor's `insertMany`
 * takes 500 ms for any page, so pages are written without it (weaviate-write.ts); a `field`
 * tokenised text is trimmed in the index, so that what a filter finds is compared again; creating a
 * tenant that sleeps does not wake it; a batch is answered when its vectors are in the index, but
 * the index's log is flushed before they are (adapters/repos/db/shard_write_batch_objects.go), so
 * that kill -9 loses them while the objects stay, and writing the same object again does nothing:
 * see `flush`, `versionsOf` and `changed`.
 */

import { FreshetError } from "../contract/errors.ts";
import type { TenantId, Version } from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";
import { type Around, mapCalls } from "../runtime/map-calls.ts";
import { checkObjects, checkQuery, throwRefused } from "./checks.ts";
import { markerId } from "./object-id.ts";
import type { ColdEntry, ColdObject, ColdShard, ExpiredEntry } from "./port.ts";
import { Connection, type ConnectionOptions } from "./weaviate-connection.ts";
import { markerAmong, markerMethods } from "./weaviate-marker.ts";
import { entryOf, entryProperties } from "./weaviate-object.ts";
import { changed, vectorsOf } from "./weaviate-rewrite.ts";
import {
  claimCollections,
  collectionsOf,
  mustClaimAgain,
  refuseCopies,
  takeOverCollections,
  upgradeChunks,
} from "./weaviate-schema.ts";
import { type ChunkCollection, chunksOf, nothingFound, searchBothWays } from "./weaviate-search.ts";
import { expiredPage, storedLabels, storedObjects } from "./weaviate-stored.ts";
import { createTenants, type Tenants } from "./weaviate-tenants.ts";
import { flush, versionsOf, widthOf } from "./weaviate-versions.ts";
import { type WriteParts, writePage } from "./weaviate-write.ts";

export interface WeaviateOptions extends ConnectionOptions {
  /** Of the embedding model; other vectors are refused before they are sent. */
  readonly dimensions: number;
  /** `Log.deployment` of the log that is merged here; without it deployments are not compared. */
  readonly deployment?: string | undefined;
}

interface Parts extends WriteParts {
  readonly tenants: Tenants;
  readonly dimensions: number;
}

/** Never throws; connects when first used, and again whenever Weaviate comes back. */
export function connectWeaviate(options: WeaviateOptions): ColdShard {
  const { dimensions, clock, logger, deployment } = options;
  const connection = new Connection({
    ...options,
    async prepare(client) {
      const isCommon = deployment === undefined || (await claimCollections(client, deployment));
      await refuseCopies(client);
      // Before the first question, not only before the first write: it asks for what may be new.
      await upgradeChunks(client);
      if (isCommon) return;
      const { chunks } = collectionsOf(client);
      logger.warn({ deployment, chunks }, "another deployment has this weaviate's collections");
    },
    mustPrepareAgain: mustClaimAgain,
    takeOver: takeOverCollections,
  });
  const tenants = createTenants(connection);
  const parts: Parts = { connection, tenants, dimensions, clock };
  const shard: ColdShard = {
    ensureTenant: (tenant) => tenants.ensure(tenant),
    eraseTenant: (tenant) => tenants.erase(tenant),
    hasTenant: (tenant) => tenants.exists(tenant),
    sleepTenant: (tenant) => tenants.sleep(tenant),
    ...objectMethods(parts),
    ...markerMethods(parts),
    async search(query) {
      checkQuery(query, widthOf(parts, query.tenant));
      return await tenants.reading(query.tenant, {
        whenUnknown: { ...nothingFound, isUnknown: true },
        work: () =>
          connection.run((client, signal, channel) => {
            const stored = (ids: readonly string[]) =>
              storedObjects(chunksOf(client, query.tenant), ids, signal);
            return searchBothWays({ client, channel, signal, stored }, query);
          }, query.signal),
      });
    },
    ping: () => connection.run(() => connection.probe()),
    async close() {
      connection.close();
    },
  };
  return mapCalls(shard, withoutVendorErrors, {});
}

type ObjectMethods = Pick<
  ColdShard,
  | "upsert"
  | "rewrite"
  | "versions"
  | "staleIds"
  | "deleteIds"
  | "walk"
  | "count"
  | "stored"
  | "labels"
  | "expired"
  | "renewTerms"
>;

function objectMethods(parts: Parts): ObjectMethods {
  const { connection, tenants } = parts;
  /** Those that are refused. */
  const write = (tenant: TenantId, objects: readonly ColdObject[]) =>
    tenants.writing(tenant, async () => {
      const refused = await writePage(parts, tenant, objects);
      await flush(connection, tenant, objects.find((object) => !refused.includes(object))?.id);
      return refused;
    });
  return {
    async upsert(tenant, objects) {
      const { sound, refused } = checkObjects(objects, widthOf(parts, tenant));
      throwRefused([...refused, ...(await write(tenant, sound))]);
    },
    async rewrite(tenant, objects) {
      const { sound, refused } = checkObjects(objects, widthOf(parts, tenant));
      const stored = await storedVectors(parts, tenant, sound);
      const rewritten = sound.map((object) => changed(object, stored.get(object.id)));
      throwRefused([...refused, ...(await write(tenant, rewritten))]);
    },
    versions: async (tenant, ids) => {
      const pages = pagesOf(ids, limits.coldIdsPerRequestMax);
      const found = new Map<string, Version>();
      for (const page of pages) {
        const entries = await tenants.reading<readonly (readonly [string, Version])[]>(tenant, {
          whenUnknown: [],
          work: () => versionsOf(parts, tenant, page),
        });
        for (const [id, each] of entries) found.set(id, each);
      }
      return found;
    },
    staleIds: (tenant, document) =>
      tenants.reading<readonly string[]>(tenant, {
        whenUnknown: [],
        work: () => staleIdsOf(connection, tenant, document),
      }),
    async deleteIds(tenant, ids) {
      for (const page of pagesOf(ids, limits.coldIdsPerRequestMax)) {
        await tenants.reading(tenant, {
          whenUnknown: undefined,
          work: () => deletePage(connection, tenant, page),
        });
      }
    },
    expired: (tenant, page) =>
      tenants.reading<readonly ExpiredEntry[]>(tenant, {
        whenUnknown: [],
        work: () =>
          connection.run((client, signal) => expiredPage(chunksOf(client, tenant), page, signal)),
      }),
    stored: (tenant, ids) => readStored(parts, tenant, ids),
    labels: (tenant, ids) => readLabels(parts, tenant, ids),
    renewTerms: async (tenant, ids) => {
      for (const page of pagesOf(ids, limits.mergePageObjects)) {
        const stored = await readStored(parts, tenant, page);
        // What is refused stays as it is: found by its vector, as before.
        if (stored.length > 0) await write(tenant, stored);
      }
    },
    count: (tenant) => countObjects(parts, tenant),
    walk: (tenant, page) => walkChunks(parts, tenant, page),
  };
}

function countObjects({ connection, tenants }: Parts, tenant: TenantId): Promise<number> {
  return tenants.reading<number>(tenant, {
    whenUnknown: 0,
    work: () =>
      connection.run(async (client, signal) => {
        const chunks = chunksOf(client, tenant);
        const [all, marker] = await Promise.all([
          chunks.length(),
          markerAmong(chunks, tenant, signal),
        ]);
        return marker === null ? all : all - 1;
      }),
  });
}

function readStored(
  { connection, tenants }: Parts,
  tenant: TenantId,
  ids: readonly string[],
): Promise<readonly ColdObject[]> {
  return tenants.reading<readonly ColdObject[]>(tenant, {
    whenUnknown: [],
    work: () =>
      connection.run((client, signal) => storedObjects(chunksOf(client, tenant), ids, signal)),
  });
}

async function readLabels(
  { connection, tenants }: Parts,
  tenant: TenantId,
  ids: readonly string[],
): Promise<ReadonlyMap<string, readonly string[] | undefined>> {
  if (ids.length === 0) return new Map();
  return tenants.reading<ReadonlyMap<string, readonly string[] | undefined>>(tenant, {
    whenUnknown: new Map(),
    work: () =>
      connection.run((client, signal) => storedLabels(chunksOf(client, tenant), ids, signal)),
  });
}

async function storedVectors(
  { connection, tenants }: Parts,
  tenant: TenantId,
  objects: readonly ColdObject[],
): Promise<ReadonlyMap<string, Float32Array>> {
  if (objects.length === 0) return new Map();
  return tenants.reading<ReadonlyMap<string, Float32Array>>(tenant, {
    whenUnknown: new Map(),
    work: () =>
      connection.run((client, signal) => vectorsOf(chunksOf(client, tenant), objects, signal)),
  });
}

/** Every object whose id was asked for by `document.documentId`, except those of version `keep`. */
async function staleIdsOf(
  connection: Connection,
  tenant: TenantId,
  document: { readonly documentId: string; readonly keep: Version | null },
): Promise<readonly string[]> {
  const stale: string[] = [];
  const pageSize = limits.coldIdsPerRequestMax;
  for (let offset = 0; offset < limits.coldDocumentObjectsMax; offset += pageSize) {
    const page = await connection.run(async (client, signal) => {
      const chunks = chunksOf(client, tenant);
      const reply = await chunks.query.fetchObjects(
        {
          filters: chunks.filter.byProperty("documentId").equal(document.documentId),
          limit: pageSize,
          offset,
          returnProperties: ["documentId", "version"],
        },
        { abortSignal: signal },
      );
      return reply.objects;
    });
    for (const { uuid, properties } of page) {
      // The index trims blanks: " a" is found as "a", and is another document.
      if (properties.documentId !== document.documentId) continue;
      if (properties.version !== document.keep) stale.push(uuid);
    }
    if (page.length < pageSize) break;
  }
  return stale;
}

function deletePage(
  connection: Connection,
  tenant: TenantId,
  ids: readonly string[],
): Promise<void> {
  return connection.run(async (client) => {
    const chunks = chunksOf(client, tenant);
    const reply = await chunks.data.deleteMany(chunks.filter.byId().containsAny([...ids]));
    if (reply.failed === 0 && reply.successful === reply.matches) return;
    throw new FreshetError("cold_unavailable", "weaviate did not delete all objects", {
      details: { failed: reply.failed, matches: reply.matches },
    });
  });
}

/** Without the marker, which is no chunk; a page that lacks it is filled up: none is the end. */
async function walkChunks(
  { connection, tenants }: Parts,
  tenant: TenantId,
  page: { readonly after: string | null; readonly limit: number },
): Promise<readonly ColdEntry[]> {
  const read = (part: typeof page) =>
    tenants.reading<readonly ColdEntry[]>(tenant, {
      whenUnknown: [],
      work: () =>
        connection.run((client, signal) => walkPage(chunksOf(client, tenant), part, signal)),
    });
  const found = await read(page);
  const marker = markerId(tenant);
  const own = found.filter(({ id }) => id !== marker);
  const last = found.at(-1);
  if (last === undefined || own.length === found.length || found.length < page.limit) return own;
  return [...own, ...(await read({ after: last.id, limit: 1 }))];
}

/** Weaviate's cursor: objects in order of their ids; it takes no filter beside it. */
async function walkPage(
  chunks: ChunkCollection,
  { after, limit }: { readonly after: string | null; readonly limit: number },
  signal: AbortSignal,
): Promise<readonly ColdEntry[]> {
  const reply = await chunks.query.fetchObjects(
    {
      limit,
      ...(after === null ? {} : { after }),
      returnProperties: [...entryProperties],
    },
    { abortSignal: signal },
  );
  return reply.objects.map(entryOf);
}

function pagesOf<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  const pages: T[][] = [];
  for (let at = 0; at < items.length; at += size) pages.push(items.slice(at, at + size));
  return pages;
}

/**
 * What is left of the tenant errors here is an outage to the caller: a tenant that cannot be made.
 */
const withoutVendorErrors: Around =
  (call) =>
  async (...parameters) => {
    try {
      return await call(...parameters);
    } catch (error) {
      if (error instanceof FreshetError) throw error;
      throw new FreshetError("cold_unavailable", undefined, { cause: error });
    }
  };
