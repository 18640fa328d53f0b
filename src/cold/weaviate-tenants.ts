/**
 * Tenants are created explicitly, once per process. Owns the memory of which exist and are awake;
 * the server's word that one does not is what empties it again.
 */

import type { WeaviateClient } from "weaviate-client";
import { FreshetError } from "../contract/errors.ts";
import { type TenantId, tenantOf } from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";
import type { Connection } from "./weaviate-connection.ts";
import {
  InactiveTenantError,
  isCatchingUp,
  translate,
  UnknownTenantError,
} from "./weaviate-fault.ts";
import { collectionsOf, ensureCollections } from "./weaviate-schema.ts";

export interface Tenants {
  ensure(tenant: TenantId): Promise<void>;
  /** Removes it from both collections. */
  erase(tenant: TenantId): Promise<void>;
  exists(tenant: TenantId): Promise<boolean>;
  /** Its shards leave Weaviate's memory. */
  sleep(tenant: TenantId): Promise<void>;
  /** Runs a write; a tenant that was removed, or fell asleep, meanwhile is made once more. */
  writing<T>(tenant: TenantId, work: () => Promise<T>): Promise<T>;
  /** Runs a read; a tenant that does not exist is not made for it. */
  reading<T>(
    tenant: TenantId,
    read: { readonly work: () => Promise<T>; readonly whenUnknown: T },
  ): Promise<T>;
}

export function createTenants(connection: Connection): Tenants {
  const known = new Set<TenantId>();
  const pending = new Map<TenantId, Promise<void>>();

  async function create(tenant: TenantId): Promise<void> {
    await connection.runOnSchema(async (client) => {
      await ensureCollections(client, tenant);
      const { chunks, markers } = collectionsOf(client, tenant);
      const name = tenantOf(tenant);
      const collection = client.collections.use(chunks);
      await collection.tenants.create({ name });
      await awake(client, chunks, name);
      if (connection.isCluster) {
        await untilKnown(connection, () => collection.withTenant(name).length());
      }
      if (await client.collections.exists(markers)) await awake(client, markers, name);
    });
    if (known.size >= limits.coldTenantsCachedMax) known.clear();
    known.add(tenant);
  }

  async function ensure(tenant: TenantId): Promise<void> {
    if (known.has(tenant)) return;
    const running = pending.get(tenant);
    if (running !== undefined) return await running;
    const created = create(tenant).finally(() => pending.delete(tenant));
    pending.set(tenant, created);
    await created;
  }

  async function again<T>(tenant: TenantId, work: () => Promise<T>): Promise<T> {
    known.delete(tenant);
    await ensure(tenant);
    return await work();
  }

  return {
    ensure,
    ...restOf(connection, (tenant) => known.delete(tenant)),
    async writing(tenant, work) {
      await ensure(tenant);
      try {
        return await work();
      } catch (error) {
        if (error instanceof UnknownTenantError || error instanceof InactiveTenantError) {
          return await again(tenant, work);
        }
        throw error;
      }
    },
    async reading(tenant, { work, whenUnknown }) {
      try {
        return await work();
      } catch (error) {
        if (error instanceof InactiveTenantError) return await again(tenant, work);
        if (!(error instanceof UnknownTenantError)) throw error;
        known.delete(tenant);
        return whenUnknown;
      }
    },
  };
}

/** Creating an existing tenant does nothing, also when it is asleep: so look, and wake it. */
async function awake(client: WeaviateClient, collection: string, tenant: TenantId): Promise<void> {
  const { tenants } = client.collections.use(collection);
  const found = await tenants.getByName(tenant);
  if (found !== null && found.activityStatus !== "ACTIVE") await tenants.activate(tenant);
}

/** @param forget what is known of the tenant does not hold any more */
function restOf(
  connection: Connection,
  forget: (tenant: TenantId) => void,
): Pick<Tenants, "erase" | "exists" | "sleep"> {
  const inEach = async (
    tenant: TenantId,
    work: (client: WeaviateClient, collection: string) => Promise<unknown>,
  ): Promise<void> => {
    await connection.runOnSchema(async (client) => {
      for (const name of await holdingIt(client, tenant)) await work(client, name);
    });
    forget(tenant);
  };
  return {
    erase: (tenant) =>
      inEach(tenant, async (client, name) => {
        const collection = client.collections.use(name);
        const own = tenantOf(tenant);
        await awake(client, name, own);
        // A cluster removes the name also while the node with the objects is away, and then nobody
        // could say that they are gone: they are there until that node hears of it.
        await collection.withTenant(own).length();
        await collection.tenants.remove(own);
        await untilUnknown(connection, () => collection.withTenant(own).length());
      }),
    exists: (tenant) =>
      connection.runOnSchema(async (client) => (await holdingIt(client, tenant)).length > 0),
    sleep: (tenant) =>
      inEach(tenant, (client, name) =>
        client.collections.use(name).tenants.deactivate(tenantOf(tenant)),
      ),
  };
}

/**
 * The nodes of a cluster hear of a collection one after the other: until ours, and the one with the
 * tenant, have heard of it nothing can be written. What else fails is told by who uses the tenant.
 */
async function untilKnown(
  connection: Pick<Connection, "pause">,
  count: () => Promise<number>,
): Promise<void> {
  await looksUntil(connection, () =>
    count().then(
      () => true,
      (error: unknown) => !isCatchingUp(error),
    ),
  );
}

/**
 * The nodes of a cluster carry out a removal one after the other: until the one with the objects
 * has, it shows them.
 */
async function untilUnknown(
  connection: Pick<Connection, "pause">,
  count: () => Promise<number>,
): Promise<void> {
  const isGone = await looksUntil(connection, () =>
    count().then(
      () => false,
      (error: unknown) => {
        if (translate(error) instanceof UnknownTenantError) return true;
        throw error;
      },
    ),
  );
  if (!isGone) throw new FreshetError("cold_unavailable");
}

/** Whether it came to be within `coldClusterLooksMax` looks. */
async function looksUntil(
  connection: Pick<Connection, "pause">,
  isSo: () => Promise<boolean>,
): Promise<boolean> {
  for (let looks = 1; ; looks += 1) {
    if (await isSo()) return true;
    if (looks === limits.coldClusterLooksMax) return false;
    await connection.pause(limits.coldClusterLookEveryMs);
  }
}

/** The collections that have the tenant. */
async function holdingIt(client: WeaviateClient, tenant: TenantId): Promise<readonly string[]> {
  const collections = collectionsOf(client, tenant);
  const names: string[] = [];
  for (const name of [collections.chunks, collections.markers]) {
    if (!(await client.collections.exists(name))) continue;
    if ((await client.collections.use(name).tenants.getByName(tenantOf(tenant))) !== null)
      names.push(name);
  }
  return names;
}
