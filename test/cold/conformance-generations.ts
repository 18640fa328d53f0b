/** What every adapter does with a tenant's generations: each has objects, vectors and a marker of its own. */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { markerId } from "../../src/cold/object-id.ts";
import type { ColdObject, ColdShard } from "../../src/cold/port.ts";
import { generationName, position, type TenantId, version } from "../../src/contract/ids.ts";
import { coldObject, direction, freshTenant } from "./objects.ts";

/** As of another model, with other dimensions. */
function narrow(object: ColdObject): ColdObject {
  return { ...object, vector: new Float32Array([0, 0, 0, 1]) };
}

/** A shard lists its objects by their ids: here the marker of the second generation comes first. */
function markedFirst() {
  for (;;) {
    const tenant = freshTenant("generations");
    const second = generationName(tenant, 2);
    const other = narrow(coldObject(second, { id: "a", text: "the same text" }));
    if (markerId(second) < other.id) return { tenant, second, other };
  }
}

export function describeColdGenerations(open: () => ColdShard): void {
  describe("generations of a tenant", () => {
    let cold: ColdShard;
    beforeAll(() => {
      cold = open();
    });
    afterAll(() => cold.close());

    test("hold vectors of their own width, are found by them, and go one by one", async () => {
      const { tenant, second, other } = markedFirst();
      const first = coldObject(tenant, { id: "a" });
      await cold.upsert(tenant, [first]);
      await cold.upsert(second, [other]);
      const marker = { to: position(3), version: version(2) };
      await cold.writeMarker(second, marker);
      const idsOf = async (name: TenantId, vector: Float32Array) => {
        const { hits } = await cold.search({ tenant: name, vector, text: "text", limit: 5 });
        return hits.map(({ documentId, cosine }) => [documentId, Math.round(cosine)]);
      };
      expect(await idsOf(tenant, direction(0))).toEqual([["a", 1]]);
      expect(await idsOf(second, new Float32Array([0, 0, 0, 1]))).toEqual([["a", 1]]);
      expect([...(await cold.versions(second, [other.id])).keys()]).toEqual([other.id]);
      expect(await cold.versions(second, [first.id])).toEqual(new Map());
      expect([await cold.readMarker(tenant), await cold.readMarker(second)]).toEqual([
        null,
        marker,
      ]);
      await cold.sleepTenant(second);
      const [stored] = await cold.stored(second, [other.id]);
      expect(stored?.vector.length).toBe(4);
      await cold.eraseTenant(tenant);
      expect([await cold.hasTenant(tenant), await cold.hasTenant(second)]).toEqual([false, true]);
    });
  });
}
