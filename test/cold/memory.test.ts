import { expect, test } from "vitest";
import { createMemoryCold } from "../../src/cold/memory.ts";
import { describeColdShard } from "./conformance.ts";
import { describeColdGenerations } from "./conformance-generations.ts";
import { coldObject, direction, freshTenant } from "./objects.ts";

describeColdShard("memory", async () => createMemoryCold());
describeColdGenerations(() => createMemoryCold());

const anything = { vector: direction(0), text: "text", limit: 10 };

test("while down every method rejects with cold_unavailable, then all is as before", async () => {
  const cold = createMemoryCold();
  const tenant = freshTenant("down");
  await cold.upsert(tenant, [coldObject(tenant, { id: "a" })]);
  cold.setDown(true);
  for (const call of [
    cold.ping(),
    cold.ensureTenant(tenant),
    cold.search({ tenant, ...anything }),
    cold.readMarker(tenant),
    cold.versions(tenant, []),
    cold.deleteIds(tenant, []),
  ]) {
    await expect(call).rejects.toMatchObject({ code: "cold_unavailable", retryable: true });
  }
  cold.setDown(false);
  expect((await cold.search({ tenant, ...anything })).hits).toHaveLength(1);
});

test("a partial error writes some objects and rejects; the same write again is complete", async () => {
  const cold = createMemoryCold();
  const tenant = freshTenant("partial");
  const objects = ["a", "b", "c", "d"].map((id) => coldObject(tenant, { id }));
  cold.breakUpserts(1);
  await expect(cold.upsert(tenant, objects)).rejects.toMatchObject({ code: "cold_unavailable" });
  expect(cold.objects(tenant)).toHaveLength(2);
  await cold.upsert(tenant, objects);
  expect(cold.objects(tenant)).toHaveLength(4);
});

test("hidden objects are stored and not found, a write of the same changes nothing, a rewrite does", async () => {
  const cold = createMemoryCold();
  const tenant = freshTenant("hidden");
  const object = coldObject(tenant, { id: "a" });
  await cold.upsert(tenant, [object]);
  cold.hide(tenant, [object.id]);
  await cold.upsert(tenant, [object]);
  expect(await cold.versions(tenant, [object.id])).toEqual(new Map());
  expect((await cold.search({ tenant, ...anything })).hits).toEqual([]);
  expect(await cold.walk(tenant, { after: null, limit: 10 })).toHaveLength(1);
  await cold.rewrite(tenant, [object]);
  expect((await cold.search({ tenant, ...anything })).hits).toHaveLength(1);
  cold.hide(tenant, [object.id]);
  cold.reveal(tenant, [object.id]);
  expect((await cold.search({ tenant, ...anything })).hits).toHaveLength(1);
});

test("resurrected objects are found again, dropped ones are not", async () => {
  const cold = createMemoryCold();
  const tenant = freshTenant("zombie");
  const object = coldObject(tenant, { id: "a" });
  await cold.upsert(tenant, [object]);
  await cold.deleteIds(tenant, [object.id]);
  cold.resurrect(tenant, [object]);
  expect((await cold.search({ tenant, ...anything })).hits).toHaveLength(1);
  cold.drop(tenant, [object.id]);
  expect((await cold.search({ tenant, ...anything })).hits).toEqual([]);
});
