/** Which of the objects that were written a search can find, and that they stay so. */

import { generationOf, type TenantId, type Version, version } from "../contract/ids.ts";
import type { Connection } from "./weaviate-connection.ts";
import { vectorName } from "./weaviate-object.ts";
import { chunksOf } from "./weaviate-search.ts";

interface VersionParts {
  readonly connection: Connection;
  /** Of the engines' model. */
  readonly dimensions: number;
}

/** Undefined: of another model than the engines', so its objects say it. */
export const widthOf = ({ dimensions }: VersionParts, name: TenantId): number | undefined =>
  generationOf(name) === 1 ? dimensions : undefined;

/**
 * Of the vectors that a later generation has; undefined while it has none. Of two objects one has a
 * vector: the other may be the marker (WM2).
 */
async function storedWidth(
  { connection }: VersionParts,
  name: TenantId,
): Promise<number | undefined> {
  const { objects } = await connection.run((client, signal) =>
    chunksOf(client, name).query.fetchObjects(
      { limit: 2, includeVector: [vectorName], returnProperties: ["version"] },
      { abortSignal: signal },
    ),
  );
  const widths = objects.map(({ vectors }) => vectors[vectorName]?.length ?? 0);
  return widths.find((width) => width > 0);
}

/**
 * Asked of the vector index, which may lack what the object store has: any vector will do, because
 * a filter this narrow is searched exhaustively. What is found is flushed too: it may have been
 * written by a request that was given up.
 */
export async function versionsOf(
  parts: VersionParts,
  tenant: TenantId,
  ids: readonly string[],
): Promise<readonly (readonly [string, Version])[]> {
  const { connection } = parts;
  const dimensions = widthOf(parts, tenant) ?? (await storedWidth(parts, tenant));
  if (dimensions === undefined) return [];
  const anyVector = [1, ...new Array<number>(dimensions - 1).fill(0)];
  const found = await connection.run(async (client, signal) => {
    const chunks = chunksOf(client, tenant);
    const reply = await chunks.query.nearVector(
      anyVector,
      {
        filters: chunks.filter.byId().containsAny([...ids]),
        limit: ids.length,
        returnProperties: ["version"],
      },
      { abortSignal: signal },
    );
    return reply.objects.map(
      (object) => [object.uuid, version(object.properties.version)] as const,
    );
  });
  await flush(connection, tenant, found[0]?.[0]);
  return found;
}

/**
 * Makes Weaviate write the tenant's vector index to its log, up to what is in it now. Any batch
 * does that, also a delete that is not carried out.
 */
export async function flush(
  connection: Connection,
  tenant: TenantId,
  anyId: string | undefined,
): Promise<void> {
  if (anyId === undefined) return;
  await connection.run(async (client) => {
    const chunks = chunksOf(client, tenant);
    await chunks.data.deleteMany(chunks.filter.byId().equal(anyId), { dryRun: true });
  });
}
