/**
 * Writing an object that Weaviate stores and does not find, without deleting it first: a delete can
 * be late, and take away what another attempt has repaired meanwhile. Weaviate skips a write that
 * changes nothing, and leaves the vector index alone when only properties change
 * (adapters/repos/db/shard_write_put.go, `compareObjsForInsertStatus`); with another vector the
 * object is indexed anew. So the write brings a vector that differs from the stored one in the last
 * bit of one number, and the true one when the stored one differs already.
 */

import type { ColdObject } from "./port.ts";
import { vectorName } from "./weaviate-object.ts";
import type { ChunkCollection } from "./weaviate-search.ts";

/** The stored vectors of those of the objects that are there, found by a search or not. */
export async function vectorsOf(
  chunks: ChunkCollection,
  objects: readonly Pick<ColdObject, "id">[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Float32Array>> {
  const reply = await chunks.query.fetchObjects(
    {
      filters: chunks.filter.byId().containsAny(objects.map(({ id }) => id)),
      limit: objects.length,
      includeVector: true,
      returnProperties: [],
    },
    { abortSignal: signal },
  );
  return new Map(
    reply.objects.map(({ uuid, vectors }) => {
      const own: unknown = vectors[vectorName];
      return [uuid, Float32Array.from(Array.isArray(own) ? own : [])];
    }),
  );
}

/** The object with a vector that is not, bit by bit, the stored one. */
export function changed(object: ColdObject, stored: Float32Array | undefined): ColdObject {
  return stored !== undefined && isSame(object.vector, stored)
    ? { ...object, vector: nudged(object.vector) }
    : object;
}

function isSame(one: Float32Array, other: Float32Array): boolean {
  return one.length === other.length && one.every((value, at) => value === other[at]);
}

/** The first number that is not 0 moves by the last bit of its fraction: one part in 10^7 of it. */
function nudged(vector: Float32Array): Float32Array {
  const copy = Float32Array.from(vector);
  const bits = new Uint32Array(copy.buffer);
  const at = copy.findIndex((value) => value !== 0);
  bits[at] = (bits[at] ?? 0) ^ 1;
  return copy;
}
