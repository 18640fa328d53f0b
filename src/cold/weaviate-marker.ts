/**
 * The marker of a tenant: one object among its chunks.
 *
 *   WM1  it lies in the shard that it speaks of. In a cluster another shard of the same tenant may
 *        be on another node: a node that lost its disk, or is restored to an older one, must take
 *        the marker with it;
 *   WM2  no search finds it and no walk or count shows it: it has no vector, no words and no
 *        document;
 *   WM3  an earlier Freshet kept it in a collection of its own, on servers of one node. It is read
 *        there until the tenant's next merge has written one here and removed that.
 */

import type { WeaviateClient } from "weaviate-client";
import { position, type TenantId, tenantOf, version } from "../contract/ids.ts";
import { markerId } from "./object-id.ts";
import type { ColdMarker, ColdShard } from "./port.ts";
import type { Connection } from "./weaviate-connection.ts";
import { UnknownTenantError } from "./weaviate-fault.ts";
import type { ChunkProperties } from "./weaviate-object.ts";
import { storedVersion } from "./weaviate-record.ts";
import { collectionsOf } from "./weaviate-schema.ts";
import { type ChunkCollection, chunksOf } from "./weaviate-search.ts";
import type { Tenants } from "./weaviate-tenants.ts";
import { writeObjects } from "./weaviate-write.ts";

type MarkerMethods = Pick<ColdShard, "writeMarker" | "readMarker">;

export function markerMethods({
  connection,
  tenants,
}: {
  readonly connection: Connection;
  readonly tenants: Tenants;
}): MarkerMethods {
  return {
    async writeMarker(tenant, marker) {
      await tenants.writing(tenant, () => write(connection, tenant, marker));
      await tenants.reading(tenant, {
        whenUnknown: undefined,
        work: () => whereThere(() => removeOld(connection, tenant), undefined),
      });
    },
    async readMarker(tenant) {
      const read = (work: () => Promise<ColdMarker | null>) =>
        tenants.reading(tenant, { whenUnknown: null, work });
      return (
        (await read(() =>
          connection.run((client, signal) => markerAmong(chunksOf(client, tenant), tenant, signal)),
        )) ?? (await read(() => whereThere(() => readOld(connection, tenant), null)))
      );
    },
  };
}

export async function markerAmong(
  chunks: ChunkCollection,
  tenant: TenantId,
  abortSignal: AbortSignal,
): Promise<ColdMarker | null> {
  const found = await chunks.query.fetchObjectById(
    markerId(tenant),
    { returnProperties: ["markedTo", "version"] },
    { abortSignal },
  );
  return found === null ? null : markerOf(found.properties.markedTo, found.properties.version);
}

function write(connection: Connection, tenant: TenantId, marker: ColdMarker): Promise<void> {
  const properties: ChunkProperties = {
    ...{ markedTo: marker.to, version: marker.version },
    // What an earlier Freshet takes for a chunk of no document, which counts for nothing.
    ...{ documentId: "", chunk: 0, chunkCount: 0, facets: [] },
    ...{ terms: "", termsVersion: storedVersion, record: "" },
  };
  return connection.run(async (client, signal, channel) => {
    const to = { client, channel, signal, tenant };
    const [failure] = await writeObjects(to, [{ id: markerId(tenant), properties }]);
    if (failure !== undefined) throw new Error(failure.message);
  });
}

/** Most deployments have no such collection, which says nothing of the tenant. */
async function whereThere<T>(work: () => Promise<T>, otherwise: T): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof UnknownTenantError) return otherwise;
    throw error;
  }
}

function oldMarkersOf(client: WeaviateClient, tenant: TenantId) {
  return client.collections.use(collectionsOf(client, tenant).markers).withTenant(tenantOf(tenant));
}

/** WM3. */
function readOld(connection: Connection, tenant: TenantId): Promise<ColdMarker | null> {
  return connection.run(async (client, abortSignal) => {
    const markers = oldMarkersOf(client, tenant);
    const found = await markers.query.fetchObjectById(markerId(tenant), {}, { abortSignal });
    return found === null ? null : markerOf(found.properties["to"], found.properties["version"]);
  });
}

function removeOld(connection: Connection, tenant: TenantId): Promise<void> {
  return connection.run(async (client) => {
    const markers = oldMarkersOf(client, tenant);
    await markers.data.deleteMany(markers.filter.byId().equal(markerId(tenant)));
  });
}

function markerOf(to: unknown, merged: unknown): ColdMarker {
  return { to: position(Number(to)), version: version(Number(merged)) };
}
