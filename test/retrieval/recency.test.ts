import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseQuestion, type Recency } from "../../src/contract/query.ts";
import type { DocumentInfo } from "../../src/contract/record.ts";
import { fuse } from "../../src/retrieval/fusion.ts";
import { recencyFactor } from "../../src/retrieval/recency.ts";
import { candidate } from "../answer/candidates.ts";

const nowMs = Date.UTC(2026, 10, 29);
const dayMs = 86_400_000;
const byDay: Recency = { field: "timestamp", half_life_s: 86_400, weight: 1 };
const factor = (info: DocumentInfo, recency: Partial<Recency> = {}) =>
  recencyFactor(info, { recency: { ...byDay, ...recency }, nowMs });

describe("recency", () => {
  test("half of the weighted part is gone after each half-life", () => {
    expect(factor({ timestamp: nowMs })).toBe(1);
    expect(factor({ timestamp: nowMs - dayMs })).toBeCloseTo(0.5);
    expect(factor({ timestamp: nowMs - 3 * dayMs })).toBeCloseTo(0.125);
    expect(factor({ timestamp: nowMs - dayMs }, { weight: 0.2 })).toBeCloseTo(0.9);
    expect(factor({ timestamp: nowMs - dayMs }, { weight: 0 })).toBe(1);
  });

  test("a document without its author's time is as old as its publication, unless only that was asked for", () => {
    const info = { timestamp: nowMs - dayMs, publishedAtMs: nowMs };
    expect(factor(info)).toBeCloseTo(0.5);
    expect(factor(info, { field: "published_at" })).toBe(1);
    expect(factor({ publishedAtMs: nowMs - dayMs })).toBeCloseTo(0.5);
  });

  test("what has no time at all is infinitely old, what lies in the future is new", () => {
    expect(factor({})).toBe(0);
    expect(factor({}, { weight: 0.25 })).toBe(0.75);
    expect(factor({ timestamp: nowMs + 100 * dayMs })).toBe(1);
  });

  test("the factor lies between what the weight leaves and 1, and falls with age", () => {
    const age = fc.double({ min: -1e12, max: 1e15, noNaN: true });
    const recency = fc.record({
      field: fc.constant("timestamp" as const),
      half_life_s: fc.double({ min: 1e-3, max: 1e9, noNaN: true }),
      weight: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    fc.assert(
      fc.property(age, age, recency, (one, other, wanted) => {
        const [newer, older] = [Math.min(one, other), Math.max(one, other)];
        const of = (ageMs: number) => factor({ timestamp: nowMs - ageMs }, wanted);
        expect(of(older)).toBeLessThanOrEqual(of(newer));
        expect(of(older)).toBeGreaterThanOrEqual(1 - wanted.weight - 1e-12);
        expect(of(newer)).toBeLessThanOrEqual(1);
      }),
    );
  });

  test("the newer of two documents that say the same comes first; without recency, age plays no part", () => {
    const old = candidate({ id: "a", cosine: 0.9, info: { timestamp: nowMs - 900 * dayMs } });
    const recent = candidate({ id: "b", cosine: 0.89, info: { timestamp: nowMs - dayMs } });
    const unlike = candidate({ id: "c", cosine: 0.1, text: "cats", info: { timestamp: nowMs } });
    const rank = (recency?: Recency) =>
      fuse({
        ...{ question: "watermark", hot: [old, recent], cold: [unlike], limit: 3, perList: 64 },
        recency: recency && { recency, nowMs },
      }).map(({ candidate: { documentId } }) => documentId);
    expect(rank()).toEqual(["a", "b", "c"]);
    expect(rank({ ...byDay, half_life_s: 30 * 86_400, weight: 0.5 })).toEqual(["b", "a", "c"]);
  });

  test("a question names what it wants of it, and is told what is wrong with that", () => {
    const ask = (recency: unknown) => parseQuestion({ query: "q", recency }).recency;
    expect(ask({ half_life_s: 60 })).toEqual({ field: "timestamp", half_life_s: 60, weight: 0.5 });
    expect(() => ask({ half_life_s: 0 })).toThrow(/recency.*half_life_s/);
    expect(() => ask({ half_life_s: 60, weight: 2 })).toThrow(/recency.*weight/);
    expect(() => ask({ half_life_s: 60, field: "title" })).toThrow(/recency.*field/);
    expect(() => ask({})).toThrow(/recency.*half_life_s/);
  });
});
