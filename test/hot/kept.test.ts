import fc from "fast-check";
import { expect, it } from "vitest";
import type { TenantId } from "../../src/contract/ids.ts";
import { type KeptUse, leastRecentlyAsked, roomFor } from "../../src/hot/kept.ts";

const use = (tenant: string, bytes: number, askedAtMs: number): KeptUse => ({
  tenant: tenant as TenantId,
  bytes,
  askedAtMs,
});

it("HK1: the tenants that were asked least recently go first, and no more of them than needed", () => {
  const uses = [use("new", 10, 3), use("old", 10, 1), use("empty", 0, 0), use("middle", 10, 2)];
  expect(leastRecentlyAsked(uses, 1)).toEqual(["old"]);
  expect(leastRecentlyAsked(uses, 11)).toEqual(["old", "middle"]);
  expect(leastRecentlyAsked(uses, 1_000)).toEqual(["old", "middle", "new"]);
  expect(leastRecentlyAsked(uses, 0)).toEqual([]);
});

it("HK2: only those that were asked before a tenant make room for it, or none does", () => {
  const uses = [use("new", 10, 3), use("old", 10, 1), use("middle", 10, 2)];
  expect(roomFor("middle" as TenantId, uses, 10)).toEqual(["old"]);
  expect(roomFor("middle" as TenantId, uses, 11)).toBeUndefined();
  expect(roomFor("new" as TenantId, uses, 11)).toEqual(["old", "middle"]);
  expect(roomFor("old" as TenantId, uses, 0)).toEqual([]);
});

it("whoever makes room keeps enough, and was asked before all who stay", () => {
  const uses = fc.array(fc.record({ bytes: fc.nat(20), askedAtMs: fc.nat(9) }), { maxLength: 12 });
  fc.assert(
    fc.property(uses, fc.nat(100), (drawn, bytes) => {
      const all = drawn.map((each, at) => use(`t${at}`, each.bytes, each.askedAtMs));
      const gone = new Set(leastRecentlyAsked(all, bytes));
      const [left, stay] = [
        all.filter((each) => gone.has(each.tenant)),
        all.filter((each) => !gone.has(each.tenant) && each.bytes > 0),
      ];
      const freed = left.reduce((sum, each) => sum + each.bytes, 0);
      expect(freed >= bytes || stay.length === 0).toBe(true);
      const newestGone = Math.max(...left.map(({ askedAtMs }) => askedAtMs));
      for (const { askedAtMs } of stay) expect(askedAtMs).toBeGreaterThanOrEqual(newestGone);
    }),
  );
});
