import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Filterable,
  filterTexts,
  mapFilterTexts,
  matchesFilter,
  normalFilter,
} from "../../src/contract/filter.ts";
import {
  type FilterInput,
  type FilterTree,
  filterSchema,
} from "../../src/contract/filter-schema.ts";
import { documents, filterInputs, passesInput } from "../support/filters.ts";

const at = Date.parse("2024-01-01T00:00:00Z");
const document: Filterable = {
  id: "d1",
  title: "A title",
  timestamp: at,
  publishedAtMs: at + 1000,
  language: "en-GB",
  metadata: {
    lang: "en",
    stars: 3,
    tags: ["a", "b"],
    draft: false,
    empty: [],
    due: "2024-05-01T00:00:00+02:00",
    id: "inner",
  },
};

describe("a filter", () => {
  it.each<[string, FilterInput, boolean]>([
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
    ["a time with small letters", { timestamp: "2024-01-01t00:00:00z" }, true],
    ["a leap second", { timestamp: "2023-12-31T23:59:60Z" }, true],
    ["a time range as RFC 3339", { timestamp: { lt: "2024-01-01T00:00:01Z" } }, true],
    ["a time range as unix seconds", { timestamp: { lte: at / 1000 - 1 } }, false],
    ["a time among several", { timestamp: ["2023-01-01T00:00:00Z", at / 1000] }, true],
    ["when it was published", { published_at: { gt: "2024-01-01T00:00:00Z" } }, true],
    ["a language, whatever its case", { language: "EN-gb" }, true],
    ["a time in metadata that is text", { "metadata.due": { lt: "2024-04-30T22:00:01Z" } }, true],
  ])("in the flat form: %s", (_what, filter, expected) => {
    expect(filterSchema.safeParse(filter).success).toBe(true);
    expect(matchesFilter(document, normalFilter(filter))).toBe(expected);
  });

  const eq = (key: string, value: string | number) => ({ type: "eq", key, value }) as const;
  const yes = eq("id", "d1");
  const no = eq("id", "d2");
  it.each<[string, FilterInput, boolean]>([
    ["eq", eq("lang", "en"), true],
    ["a bare key is one of metadata", eq("stars", 3), true],
    ["a field of ours is no bare key", eq("id", "inner"), false],
    ["a metadata key that is called like a field", eq("metadata.id", "inner"), true],
    ["ne", { type: "ne", key: "lang", value: "de" }, true],
    ["ne of a list wants none", { type: "ne", key: "tags", value: "b" }, false],
    ["ne of a missing field holds (FT1)", { type: "ne", key: "nope", value: "b" }, true],
    ["in", { type: "in", key: "lang", value: ["de", "en"] }, true],
    ["nin", { type: "nin", key: "tags", value: ["x", "b"] }, false],
    ["nin of a missing field holds (FT1)", { type: "nin", key: "nope", value: ["b"] }, true],
    ["gt", { type: "gt", key: "stars", value: 3 }, false],
    ["gte", { type: "gte", key: "stars", value: 3 }, true],
    ["lt", { type: "lt", key: "timestamp", value: "2024-01-01T00:00:01Z" }, true],
    ["lte", { type: "lte", key: "timestamp", value: at / 1000 - 1 }, false],
    ["contains", { type: "contains", key: "tags", value: "b" }, true],
    ["contains wants all (FT2)", { type: "contains", key: "tags", value: ["a", "x"] }, false],
    ["contains of a single value", { type: "contains", key: "lang", value: "en" }, true],
    ["exists", { type: "exists", key: "draft" }, true],
    ["an empty list holds nothing", { type: "exists", key: "empty" }, false],
    ["exists of a field of ours", { type: "exists", key: "source" }, false],
    ["does not exist", { type: "exists", key: "nope", value: false }, true],
    ["and", { type: "and", filters: [yes, no] }, false],
    ["or", { type: "or", filters: [no, yes] }, true],
    ["not", { type: "not", filter: no }, true],
    [
      "not of a range over a missing field holds (FT1)",
      not({ type: "gt", key: "n", value: 1 }),
      true,
    ],
    ["not of or", not({ type: "or", filters: [yes, no] }), false],
    ["not of not", not(not({ type: "and", filters: [yes, yes] })), true],
  ])("as a tree: %s", (_what, filter, expected) => {
    expect(filterSchema.safeParse(filter).success).toBe(true);
    expect(matchesFilter(document, normalFilter(filter))).toBe(expected);
  });

  it("that is absent matches everything", () => {
    expect(matchesFilter(document, undefined)).toBe(true);
  });

  it("finds a document by the very timestamp that its publisher wrote", () => {
    fc.assert(
      fc.property(fc.double({ min: -1e9, max: 1e10, noNaN: true }), (seconds) => {
        const stored = { id: "d", timestamp: Math.round(seconds * 1000) };
        expect(matchesFilter(stored, normalFilter({ timestamp: seconds }))).toBe(true);
      }),
    );
  });

  it("agrees with the rules spelled out case by case, on anything that is accepted", () => {
    const seen = { true: 0, false: 0 };
    fc.assert(
      fc.property(documents, filterInputs, (candidate, input) => {
        expect(filterSchema.safeParse(input).error?.issues).toBeUndefined();
        const expected = passesInput(candidate, input);
        expect(matchesFilter(candidate, normalFilter(input))).toBe(expected);
        seen[`${expected}`] += 1;
      }),
      { numRuns: 5_000 },
    );
    // Both outcomes really occurred: agreement on "never" alone would say little.
    expect(Math.min(seen.true, seen.false)).toBeGreaterThan(500);
  });
});

function not(filter: FilterTree): FilterTree {
  return { type: "not", filter };
}

describe("mapFilterTexts", () => {
  const mail = "a@b.example";

  it("changes texts as documents' texts are changed, and leaves ids, times and other values", () => {
    const filter = (said: string): FilterInput => ({
      id: mail,
      language: "en",
      timestamp: "2024-01-01T00:00:00Z",
      title: said,
      "metadata.mail": [said, 3],
      "metadata.stars": { gte: 2 },
    });
    const mapped = mapFilterTexts(normalFilter(filter(mail)), () => "[EMAIL]");
    expect(mapped).toEqual(normalFilter(filter("[EMAIL]")));
  });

  it("reaches every text of a tree", () => {
    const filter = (said: string): FilterInput => ({
      type: "or",
      filters: [
        { type: "not", filter: { type: "contains", key: "cc", value: [said] } },
        { type: "and", filters: [{ type: "nin", key: "source", value: [said, "s"] }] },
        { type: "ne", key: "mail", value: said },
      ],
    });
    expect(filterTexts(normalFilter(filter(mail)))).toEqual([mail, mail, "s", mail]);
    const mapped = mapFilterTexts(normalFilter(filter(mail)), (text) => text.toUpperCase());
    expect(filterTexts(mapped)).toEqual(["A@B.EXAMPLE", "A@B.EXAMPLE", "S", "A@B.EXAMPLE"]);
  });
});
