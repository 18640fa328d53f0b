import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { TenantId } from "../../src/contract/ids.ts";
import {
  askForRoom,
  guaranteedBytes,
  type HotBounds,
  type HotUse,
  mayGrow,
  type Pressure,
} from "../../src/hot/shares.ts";
import { runs } from "../support/runs.ts";

const bounds: HotBounds = { nodeBytesMax: 2_048, tenantBytesMax: 512, reserveBytes: 512 };
const sum = (held: readonly number[]): number => held.reduce((all, bytes) => all + bytes, 0);
const totalsOf = (held: readonly number[]) => ({
  tenants: held.filter((bytes) => bytes > 0).length,
  bytes: sum(held),
});

/**
 * Every tenant takes what it may, a byte at a time, in the order that the turns say; nobody ever
 * merges.
 */
function grow(held: number[], turns: readonly number[]): void {
  for (const turn of turns) {
    const tenant = turn % held.length;
    while (mayGrow(held[tenant] ?? 0, totalsOf(held), bounds))
      held[tenant] = (held[tenant] ?? 0) + 1;
  }
  for (const [tenant] of held.entries()) {
    while (mayGrow(held[tenant] ?? 0, totalsOf(held), bounds))
      held[tenant] = (held[tenant] ?? 0) + 1;
  }
}

describe("who may grow", () => {
  it("a tenant alone gets all that one tenant may have", () => {
    const held = [0];
    grow(held, []);
    expect(held).toEqual([512]);
  });

  it("HS3: four tenants that never merge leave room for a fifth, and for twenty more", () => {
    const held = [0, 0, 0, 0];
    grow(held, []);
    expect(sum(held)).toBeLessThan(bounds.nodeBytesMax);
    expect(mayGrow(0, totalsOf(held), bounds)).toBe(true);
    const more = [...held, ...Array.from({ length: 20 }, () => 1)];
    grow(more, []);
    expect(Math.min(...more)).toBeGreaterThanOrEqual(512 / 25);
  });

  it("HS2: in whatever order tenants grow, and though none ever merges, each gets its guaranteed share", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.array(fc.nat({ max: 39 }), { maxLength: 40 }),
        (tenants, turns) => {
          const held = Array.from({ length: tenants }, () => 1);
          grow(held, turns);
          const guaranteed = guaranteedBytes(totalsOf(held), bounds);
          expect(Math.min(...held)).toBeGreaterThanOrEqual(guaranteed);
          expect(Math.max(...held)).toBeLessThanOrEqual(bounds.tenantBytesMax);
          expect(sum(held)).toBeLessThanOrEqual(bounds.nodeBytesMax);
        },
      ),
      { numRuns: runs(60) },
    );
  });

  it("HS2, HS3: below its share nobody is refused within the bound, and who is refused never holds less than who is not", () => {
    const uses = fc.array(fc.nat({ max: 600 }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(uses, (held) => {
        const totals = totalsOf(held);
        const verdicts = held.map((bytes) => ({ bytes, may: mayGrow(bytes, totals, bounds) }));
        const refused = verdicts.filter(({ may }) => !may).map(({ bytes }) => bytes);
        const allowed = verdicts.filter(({ may }) => may).map(({ bytes }) => bytes);
        expect(Math.max(-1, ...allowed)).toBeLessThan(Math.min(10_000, ...refused));
        if (totals.bytes >= bounds.nodeBytesMax) expect(allowed).toEqual([]);
        else {
          const share = guaranteedBytes(totals, bounds);
          expect(refused.filter((bytes) => bytes < share)).toEqual([]);
        }
      }),
    );
  });
});

describe("who is asked to merge", () => {
  const use = (name: string, bytes: number, watermark = 0): HotUse => ({
    tenant: name as TenantId,
    bytes,
    watermark,
    mergeable: true,
  });
  const options = { tenantsMax: 2, patienceMs: 100, forgetMs: 1_000 };
  const none: Pressure["asked"] = new Map();
  const uses = [use("a", 500), use("b", 400), use("c", 300), use("d", 200), use("waits", 1)];
  const waits = "waits" as TenantId;

  it("the tenant that waits and the largest, while their merges have time", () => {
    const first = askForRoom(waits, uses, { ...options, asked: none, nowMs: 0 });
    expect(first.ask).toEqual(["waits", "a", "b"]);
    const again = askForRoom(waits, uses, { ...options, asked: first.asked, nowMs: 99 });
    expect(again.ask).toEqual(["waits", "a", "b"]);
  });

  it("HS4: those that were asked and did not merge make place for the next, until their time is over", () => {
    const first = askForRoom(waits, uses, { ...options, asked: none, nowMs: 0 });
    const second = askForRoom(waits, uses, { ...options, asked: first.asked, nowMs: 100 });
    expect(second.ask).toEqual(["waits", "c", "d"]);
    const late = askForRoom(waits, uses, { ...options, asked: second.asked, nowMs: 1_000 });
    expect(late.ask).toEqual(["waits", "a", "b"]);
  });

  it("one whose watermark moved is asked again: its merges go", () => {
    const first = askForRoom(waits, uses, { ...options, asked: none, nowMs: 0 });
    const merged = [use("a", 450, 7), ...uses.slice(1)];
    const second = askForRoom(waits, merged, { ...options, asked: first.asked, nowMs: 100 });
    expect(second.ask).toEqual(["waits", "a", "c"]);
  });

  it("nobody is asked whom a merge would not make smaller, and tenants that are gone are forgotten", () => {
    const idle = [{ ...use("a", 500), mergeable: false }, use("b", 1)];
    const { ask, asked } = askForRoom(waits, idle, {
      ...options,
      asked: new Map([["gone" as TenantId, { atMs: 0, watermark: 0 }]]),
      nowMs: 0,
    });
    expect(ask).toEqual(["waits", "b"]);
    expect([...asked.keys()]).toEqual(["b"]);
  });
});
