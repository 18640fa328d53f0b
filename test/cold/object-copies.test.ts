import { expect, it } from "vitest";
import { createMemoryCold } from "../../src/cold/memory.ts";
import { objectCopies } from "../../src/cold/object-copies.ts";
import { decodePage, encodePage } from "../../src/cold/object-page.ts";
import type { DocumentId, Version } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { coldObject, freshTenant } from "./objects.ts";

const alive = (): boolean => true;

async function pagesOf(
  copies: ReturnType<typeof objectCopies>,
  tenant: ReturnType<typeof freshTenant>,
  isLive: (id: DocumentId, version: Version) => boolean = alive,
) {
  const pages = [];
  for await (const page of copies.pages({ tenant, isLive })) pages.push(page);
  return pages;
}

it("objects come back as they were, with vectors, ranges and their sparse side", () => {
  const tenant = freshTenant("copies");
  const plain = coldObject(tenant, { id: "a" });
  const full = { ...coldObject(tenant, { id: "b" }), heading: "Größe", range: [3, 9] as const };
  const page = encodePage([plain, full]);
  expect(decodePage(page)).toEqual([plain, full]);
  expect(() => decodePage(page.subarray(0, page.length - 4))).toThrow(/cannot be read/);
  expect(() => decodePage(new Uint8Array(2))).toThrow(/cannot be read/);
});

it("what the heads do not name stays behind, and the rest is the same elsewhere", async () => {
  const tenant = freshTenant("copies");
  const [one, other] = [createMemoryCold(), createMemoryCold()];
  await one.ensureTenant(tenant);
  const objects = Array.from({ length: 9 }, (_, n) => coldObject(tenant, { id: `d-${n}` }));
  await one.upsert(tenant, objects);
  const from = objectCopies(one);
  const pages = await pagesOf(from, tenant, (id) => id !== "d-3");
  const to = objectCopies(other);
  await to.mark(tenant, { to: 7 as never, version: 5 as Version });
  for (const { bytes } of pages) await to.write(tenant, bytes);
  const found = await other.stored(
    tenant,
    objects.map(({ id }) => id),
  );
  expect(found.map(({ documentId }) => documentId).sort()).toEqual(
    objects
      .map(({ documentId }) => documentId)
      .filter((id) => id !== "d-3")
      .sort(),
  );
  expect(await other.readMarker(tenant)).toEqual({ to: 7, version: 5 });
});

it("a new object changes one page: the others are the same bytes next time", async () => {
  const tenant = freshTenant("copies");
  const cold = createMemoryCold();
  await cold.ensureTenant(tenant);
  const write = async (from: number, to: number): Promise<void> => {
    for (let n = from; n < to; n += 1)
      await cold.upsert(tenant, [coldObject(tenant, { id: `d-${n}` })]);
  };
  await write(0, 5 * limits.backupPageObjects);
  const before = await pagesOf(objectCopies(cold), tenant);
  await write(5 * limits.backupPageObjects, 5 * limits.backupPageObjects + 1);
  const after = await pagesOf(objectCopies(cold), tenant);
  const known = new Set(before.map(({ bytes }) => Buffer.from(bytes).toString("base64")));
  const fresh = after.filter(({ bytes }) => !known.has(Buffer.from(bytes).toString("base64")));
  expect(before.length).toBeGreaterThan(1);
  expect(fresh.length).toBeLessThanOrEqual(2);
});
