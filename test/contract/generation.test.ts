import { describe, expect, it } from "vitest";
import {
  abandon,
  begin,
  type Comparison,
  compare,
  cutOver,
  fedNames,
  feed,
  finish,
  firstGeneration,
  holdingNames,
  isModelName,
  isReleased,
  join,
  phaseOf,
  removed,
  rollBack,
  storedNames,
} from "../../src/contract/generation.ts";
import {
  generationName,
  generationOf,
  isStoredName,
  isTenantId,
  type Position,
  partitionOf,
  type TenantId,
  tenantOf,
  type Version,
} from "../../src/contract/ids.ts";

const acme = "acme" as TenantId;
const now = { at: 9 as Version, atMs: 5 };
const plan = { model: "bge", from: 3 as Position, upTo: 2 as Version };
const compared: Comparison = {
  ...{ atMs: 1, questions: 1, k: 10, overlap: 1 },
  ...{ p50Ms: [1, 1], p99Ms: [2, 2] },
};
const building = begin(firstGeneration, plan);
const joining = join(building, 2);
const fed = feed(joining, { number: 2, builtTo: 7 as Version });
const cut = cutOver(compare(fed, compared), { ...now, isForced: false });
const invalid = expect.objectContaining({ code: "invalid_request" });

describe("the names of generations", () => {
  it("are the tenant's own for the first, and no publisher's for the others", () => {
    expect(generationName(acme, 1)).toBe("acme");
    const second = generationName(acme, 2);
    expect([second, tenantOf(second), generationOf(second)]).toEqual(["acme~2", "acme", 2]);
    expect([isTenantId(second), isStoredName(second), isStoredName(acme)]).toEqual([
      false,
      true,
      true,
    ]);
    for (const other of ["acme~1", "acme~0", "acme~02", "~2", "acme~2~3", "acme~99999", "a b~2"]) {
      expect(isStoredName(other)).toBe(false);
    }
  });

  it("are all in the tenant's partition", () => {
    expect(partitionOf(generationName(acme, 7), 64)).toBe(partitionOf(acme, 64));
  });

  it("are made of models in a folder, and lead nowhere else", () => {
    expect(["bge-small-en-v1.5", "../up", "a/b", "", ".hidden"].map(isModelName)).toEqual([
      true,
      ...[false, false, false, false],
    ]);
  });
});

describe("a tenant's generations", () => {
  it("are built, joined, fed, compared, cut over and given up, and one answers at each moment (GN1)", () => {
    const records = [firstGeneration, building, joining, fed, compare(fed, compared), cut];
    expect(records.map(phaseOf)).toEqual([
      ...["idle", "building", "joining", "built", "compared", "cut-over"],
    ]);
    expect(records.map(({ active }) => active.number)).toEqual([1, 1, 1, 1, 1, 2]);
    const ended = finish(cut);
    expect(ended).toMatchObject({ state: "single", active: { number: 2, builtTo: 7 }, next: 3 });
    expect(storedNames(acme, ended)).toEqual(["acme~2", "acme"]);
    expect(storedNames(acme, removed(ended, 1))).toEqual(["acme~2"]);
  });

  it("hold DOCS from the moment at which one joins, and are fed after it has caught up (GD3)", () => {
    expect([building, joining, fed].map((record) => holdingNames(acme, record).length)).toEqual([
      ...[1, 2, 2],
    ]);
    expect([building, joining, fed].map((record) => fedNames(acme, record).length)).toEqual([
      ...[1, 1, 2],
    ]);
    expect(() => feed(building, { number: 2, builtTo: 1 as Version })).toThrow("joined");
  });

  it("are cut over after a comparison, or by force", () => {
    expect(() => cutOver(fed, { ...now, isForced: false })).toThrow(invalid);
    expect(phaseOf(cutOver(fed, { ...now, isForced: true }))).toBe("cut-over");
    for (const early of [firstGeneration, building, joining]) {
      expect(() => cutOver(early, { ...now, isForced: true })).toThrow(invalid);
      expect(() => compare(early, compared)).toThrow(invalid);
    }
    expect(() => cutOver(cut, { ...now, isForced: true })).toThrow(invalid);
  });

  it("go back and forth until one is given up", () => {
    const back = rollBack(cut, now);
    expect([phaseOf(back), back.active.number]).toEqual(["rolled-back", 1]);
    expect(() => rollBack(back, now)).toThrow(invalid);
    expect(() => finish(back)).toThrow(invalid);
    expect(cutOver(back, { ...now, isForced: false }).active.number).toBe(2);
    expect(abandon(back)).toMatchObject({ active: { number: 1 }, released: [2], next: 3 });
    expect(() => abandon(cut)).toThrow(invalid);
    expect(() => abandon(cut)).toThrow("generation 2 is cut-over, so it answers");
    expect(() => finish(back)).toThrow("generation 2 is rolled-back");
    expect(() => abandon(firstGeneration)).toThrow(invalid);
  });

  it("have a number once: what is late for one that was given up reaches no other (GN2)", () => {
    const again = begin(abandon(building), plan);
    expect(again).toMatchObject({ other: { number: 3 }, released: [2] });
    expect(isReleased(again, 2)).toBe(true);
    expect([1, 3, 4].map((number) => isReleased(again, number))).toEqual([false, false, false]);
    expect(() => join(again, 2)).toThrow(invalid);
    expect(() => feed(again, { number: 2, builtTo: 1 as Version })).toThrow(invalid);
    expect(() => begin(again, plan)).toThrow(invalid);
  });
});
