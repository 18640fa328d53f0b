/** Reading stored objects back, whole or in part, without a search. */

import { Filters } from "weaviate-client";
import type { ColdObject, ExpiredEntry, ExpiredPage } from "./port.ts";
import { entryOf, labelProperties, labelsOf, objectOf } from "./weaviate-object.ts";
import type { ChunkCollection } from "./weaviate-search.ts";

/** The objects with these ids, as they were written; absent ones are passed over. */
export async function storedObjects(
  chunks: ChunkCollection,
  ids: readonly string[],
  abortSignal: AbortSignal,
): Promise<readonly ColdObject[]> {
  const reply = await chunks.query.fetchObjects(
    {
      filters: chunks.filter.byId().containsAny([...ids]),
      limit: ids.length,
      includeVector: true,
    },
    { abortSignal },
  );
  return reply.objects.map(objectOf);
}

/** Labels of the objects with these ids; absent ones are passed over. */
export async function storedLabels(
  chunks: ChunkCollection,
  ids: readonly string[],
  abortSignal: AbortSignal,
): Promise<ReadonlyMap<string, readonly string[] | undefined>> {
  const reply = await chunks.query.fetchObjects(
    {
      filters: chunks.filter.byId().containsAny([...ids]),
      limit: ids.length,
      returnProperties: [...labelProperties],
    },
    { abortSignal },
  );
  return new Map(reply.objects.map(({ uuid, properties }) => [uuid, labelsOf(properties)]));
}

/** @throws an error of the vendor */
export async function expiredPage(
  chunks: ChunkCollection,
  { atMs, limit, id }: ExpiredPage,
  abortSignal: AbortSignal,
): Promise<readonly ExpiredEntry[]> {
  const isOver = chunks.filter.byProperty("expiresAt").lessOrEqual(atMs);
  const reply = await chunks.query.fetchObjects(
    {
      filters: id === undefined ? isOver : Filters.and(isOver, chunks.filter.byId().equal(id)),
      limit,
      returnProperties: ["documentId", "version"],
    },
    { abortSignal },
  );
  return reply.objects.map((object) => {
    const { id, documentId, version } = entryOf(object);
    return { id, documentId, version };
  });
}
