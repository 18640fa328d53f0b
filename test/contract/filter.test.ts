import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Condition,
  type Filter,
  type Filterable,
  filterSchema,
  filterValues,
  mapFilter,
  matchesFilter,
  type Scalar,
} from "../../src/contract/filter.ts";

const at = Date.parse("2024-01-01T00:00:00Z");
const document: Filterable = {
  id: "d1",
  title: "A title",
  timestamp: at,
  metadata: { lang: "en", stars: 3, tags: ["a", "b"], draft: false, empty: [] },
};

describe("matchesFilter", () => {
  it.each<[string, Filter, boolean]>([
    ["no clause", {}, true],
    ["equality", { "metadata.lang": "en" }, true],
    ["equality that fails", { "metadata.lang": "EN" }, false],
    ["no guessing between text and number", { "metadata.stars": "3" }, false],
    ["false is a value", { "metadata.draft": false }, true],
    ["membership", { "metadata.lang": ["de", "en"] }, true],
    ["membership that fails", { "metadata.lang": ["de", "fr"] }, false],
    ["any value of a list", { "metadata.tags": "b" }, true],
    ["any of several in a list", { "metadata.tags": ["x", "a"] }, true],
    ["an empty list matches nothing", { "metadata.empty": "a" }, false],
    ["every clause must hold", { "metadata.lang": "en", id: "d2" }, false],
    ["a missing field", { source: "s" }, false],
    ["a missing metadata key", { "metadata.nope": "x" }, false],
    ["an inherited name is no metadata", { "metadata.constructor": "x" }, false],
    ["a range", { "metadata.stars": { gte: 3, lt: 4 } }, true],
    ["an open range excludes its bound", { "metadata.stars": { gt: 3 } }, false],
    ["a range over text", { "metadata.lang": { gte: 0 } }, false],
    ["a time as unix seconds", { timestamp: at / 1000 }, true],
    ["a time as RFC 3339", { timestamp: "2024-01-01T01:00:00+01:00" }, true],
    ["a time range as RFC 3339", { timestamp: { lt: "2024-01-01T00:00:01Z" } }, true],
    ["a time range as unix seconds", { timestamp: { lte: at / 1000 - 1 } }, false],
    ["a time among several", { timestamp: ["2023-01-01T00:00:00Z", at / 1000] }, true],
  ])("%s", (_what, filter, expected) => {
    expect(filterSchema.safeParse(filter).success).toBe(true);
    expect(matchesFilter(document, filter)).toBe(expected);
  });

  it("holds without a filter", () => {
    expect(matchesFilter(document, undefined)).toBe(true);
  });

  it("finds a document by the very timestamp that its publisher wrote", () => {
    fc.assert(
      fc.property(fc.double({ min: -1e9, max: 1e10, noNaN: true }), (seconds) => {
        const stored = { id: "d", timestamp: Math.round(seconds * 1000) };
        expect(matchesFilter(stored, { timestamp: seconds })).toBe(true);
      }),
    );
  });
});

// --- the oracle: the documented rules, spelled out case by case --------------------------------

const times = ["1970-01-01T00:00:01Z", "1970-01-01T00:00:02Z"];

function holds(document: Filterable, name: string, wanted: Condition): boolean {
  let values: readonly Scalar[] = [];
  if (name === "id") values = [document.id];
  if (name === "title" && document.title !== undefined) values = [document.title];
  if (name === "timestamp" && document.timestamp !== undefined) values = [document.timestamp];
  for (const [key, value] of Object.entries(document.metadata ?? {})) {
    if (name === `metadata.${key}`) values = Array.isArray(value) ? value : [value as Scalar];
  }
  for (const value of values) if (valueHolds(value, wanted, name === "timestamp")) return true;
  return false;
}

function valueHolds(value: Scalar, wanted: Condition, isTime: boolean): boolean {
  const stored = (raw: Scalar): Scalar => {
    if (isTime && typeof raw === "number") return Math.round(raw * 1000);
    if (isTime && typeof raw === "string") return new Date(raw).getTime();
    return raw;
  };
  if (Array.isArray(wanted)) return wanted.some((one) => stored(one) === value);
  if (typeof wanted !== "object") return stored(wanted) === value;
  if (typeof value !== "number") return false;
  let inside = true;
  for (const [bound, raw] of Object.entries(wanted)) {
    if (raw === undefined) continue;
    const limit = typeof raw === "string" ? new Date(raw).getTime() : (stored(raw) as number);
    if (bound === "gt") inside &&= value > limit;
    if (bound === "gte") inside &&= value >= limit;
    if (bound === "lt") inside &&= value < limit;
    if (bound === "lte") inside &&= value <= limit;
  }
  return inside;
}

/** Few values, so that they meet often. */
const scalar = fc.constantFrom<Scalar>("x", "y", ...times, 0, 1, 2, 1_000, 2_000, true, false);
const bound = fc.constantFrom<number | string>(0, 1, 1.5, 2, 1_000, ...times);
const range = fc
  .record({ gt: bound, gte: bound, lt: bound, lte: bound }, { requiredKeys: [] })
  .filter((bounds) => Object.keys(bounds).length > 0);
const oneOrSome = (value: fc.Arbitrary<Scalar>): fc.Arbitrary<Condition> =>
  fc.oneof(value, fc.array(value, { minLength: 1, maxLength: 3 }));
const text = fc.constantFrom<Scalar>("x", "y", ...times);
const time = fc.constantFrom<Scalar>(0, 1, 2, 1_000, ...times);
const conditionOf: Record<string, fc.Arbitrary<Condition>> = {
  id: oneOrSome(text),
  title: oneOrSome(text),
  timestamp: fc.oneof(oneOrSome(time), range),
  "metadata.a": fc.oneof(oneOrSome(scalar), range),
  "metadata.b": fc.oneof(oneOrSome(scalar), range),
};
const documentArbitrary: fc.Arbitrary<Filterable> = fc.record(
  {
    id: fc.constantFrom("x", "y"),
    title: fc.constantFrom("x", "y"),
    timestamp: fc.constantFrom(0, 1_000, 1_500, 2_000),
    metadata: fc.dictionary(
      fc.constantFrom("a", "b"),
      fc.oneof(scalar, fc.array(scalar, { maxLength: 3 })),
    ),
  },
  { requiredKeys: ["id"] },
);
const filterArbitrary: fc.Arbitrary<Filter> = fc
  .subarray(Object.keys(conditionOf), { maxLength: 3 })
  .chain((names) =>
    fc.record(Object.fromEntries(names.map((name) => [name, conditionOf[name] ?? range]))),
  );

it("agrees with the rules spelled out case by case, on anything the schema accepts", () => {
  const seen = { true: 0, false: 0 };
  fc.assert(
    fc.property(documentArbitrary, filterArbitrary, (candidate, filter) => {
      expect(filterSchema.safeParse(filter).success).toBe(true);
      const expected = Object.entries(filter).every(([name, wanted]) =>
        holds(candidate, name, wanted),
      );
      expect(matchesFilter(candidate, filter)).toBe(expected);
      if (Object.keys(filter).length > 0) seen[`${expected}`] += 1;
    }),
    { numRuns: 3_000 },
  );
  // Both outcomes really occurred: agreement on "never" alone would say little.
  expect(Math.min(seen.true, seen.false)).toBeGreaterThan(50);
});

describe("mapFilter", () => {
  it("changes names and values as documents' were, and leaves ids, times and ranges", () => {
    const filter: Filter = {
      id: "a@b.example",
      timestamp: "2024-01-01T00:00:00Z",
      title: "a@b.example",
      "metadata.mail": ["a@b.example", 3],
      "metadata.stars": { gte: 2 },
    };
    const mapped = mapFilter(filter, {
      field: (field) => field.replace("mail", "post"),
      value: (field, value) => `${field} ${value}`,
    });
    expect(mapped).toEqual({
      id: "a@b.example",
      timestamp: "2024-01-01T00:00:00Z",
      title: "title a@b.example",
      "metadata.post": ["metadata.mail a@b.example", "metadata.mail 3"],
      "metadata.stars": { gte: 2 },
    });
    expect(filterValues(filter).map(({ value }) => value)).toEqual([
      ...["a@b.example", "a@b.example", 3],
    ]);
  });
});

describe("a clause that no document can match", () => {
  it.each([
    [{ timestamp: "yesterday" }],
    [{ timestamp: true }],
    [{ timestamp: ["2026-03-01T10:00:00Z", "soon"] }],
    [{ id: 1 }],
    [{ id: ["a", 2] }],
    [{ source: true }],
    [{ title: { gt: 1 } }],
  ])("is refused by name: %j", (filter) => {
    const result = filterSchema.safeParse(filter);
    expect(result.error?.issues.map(({ path }) => path)).toEqual([Object.keys(filter)]);
  });

  it.each([
    [{ timestamp: 1_772_359_200 }],
    [{ timestamp: ["2026-03-01T10:00:00+01:00", 0] }],
    [{ timestamp: { gte: "2026-03-01T10:00:00Z", lt: 5 } }],
    [{ id: ["a", "b"], title: "t", source: "s" }],
    [{ "metadata.a": 1, "metadata.b": true, "metadata.c": { gt: 0 } }],
  ])("is none of these: %j", (filter) => {
    expect(filterSchema.safeParse(filter).success).toBe(true);
  });
});
