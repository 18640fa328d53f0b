/** The reference of merges: the vendor's client, pages of `insertMany` in flight, and the ids read back. Nothing else. */

import type { WeaviateClient } from "weaviate-client";
import type { ColdObject } from "../../../src/cold/port.ts";
import { collectionsOf } from "../../../src/cold/weaviate-schema.ts";
import { chunksOf } from "../../../src/cold/weaviate-search.ts";
import type { TenantId } from "../../../src/contract/ids.ts";
import { vendorObject } from "../../support/vendor-object.ts";

const pageObjects = 250;
const pageIds = 1_000;

/** Into a new tenant of the collection that merges write to. @throws Error when an object is not there afterwards */
export async function writeBare(
  client: WeaviateClient,
  options: {
    readonly tenant: string;
    readonly objects: readonly ColdObject[];
    readonly inFlight: number;
  },
): Promise<void> {
  const { tenant, objects, inFlight } = options;
  await client.collections.use(collectionsOf(client).chunks).tenants.create({ name: tenant });
  const chunks = chunksOf(client, tenant as TenantId);
  const pages = Array.from({ length: Math.ceil(objects.length / pageObjects) }, (_, page) =>
    objects.slice(page * pageObjects, (page + 1) * pageObjects),
  ).values();
  const lane = async (): Promise<void> => {
    for (const page of pages) {
      const reply = await chunks.data.insertMany(page.map(vendorObject));
      if (reply.hasErrors) throw new Error("weaviate refused objects");
    }
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  let found = 0;
  for (let at = 0; at < objects.length; at += pageIds) {
    const ids = objects.slice(at, at + pageIds).map(({ id }) => id);
    const filters = chunks.filter.byId().containsAny(ids);
    const asked = { filters, limit: ids.length, returnProperties: ["version" as const] };
    found += (await chunks.query.fetchObjects(asked)).objects.length;
  }
  if (found !== objects.length) throw new Error(`${found} of ${objects.length} objects are there`);
}
