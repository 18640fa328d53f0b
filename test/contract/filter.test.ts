import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { FreshetError } from "../../src/contract/errors.ts";
import {
  type Filterable,
  filterValues,
  mapFilter,
  matchesFilter,
  normalFilter,
} from "../../src/contract/filter.ts";
import {
  type FilterInput,
  type FilterTree,
  filterSchema,
} from "../../src/contract/filter-schema.ts";
import { limits } from "../../src/contract/limits.ts";
import { parseQuestion } from "../../src/contract/query.ts";
import { documents, filterInputs, passesInput } from "../support/filters.ts";
import { runs } from "../support/runs.ts";

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
    ["ne of a missing field holds (FV1)", { type: "ne", key: "nope", value: "b" }, true],
    ["in", { type: "in", key: "lang", value: ["de", "en"] }, true],
    ["nin", { type: "nin", key: "tags", value: ["x", "b"] }, false],
    ["nin of a missing field holds (FV1)", { type: "nin", key: "nope", value: ["b"] }, true],
    ["gt", { type: "gt", key: "stars", value: 3 }, false],
    ["gte", { type: "gte", key: "stars", value: 3 }, true],
    ["lt", { type: "lt", key: "timestamp", value: "2024-01-01T00:00:01Z" }, true],
    ["lte", { type: "lte", key: "timestamp", value: at / 1000 - 1 }, false],
    ["contains", { type: "contains", key: "tags", value: "b" }, true],
    ["contains wants all (FV2)", { type: "contains", key: "tags", value: ["a", "x"] }, false],
    ["contains of a single value", { type: "contains", key: "lang", value: "en" }, true],
    ["exists", { type: "exists", key: "draft" }, true],
    ["an empty list holds nothing", { type: "exists", key: "empty" }, false],
    ["exists of a field of ours", { type: "exists", key: "source" }, false],
    ["does not exist", { type: "exists", key: "nope", value: false }, true],
    ["and", { type: "and", filters: [yes, no] }, false],
    ["or", { type: "or", filters: [no, yes] }, true],
    ["not", { type: "not", filter: no }, true],
    [
      "not of a range over a missing field holds (FV1)",
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
      { numRuns: runs(5_000) },
    );
    // Both outcomes really occurred: agreement on "never" alone would say little.
    expect(Math.min(seen.true, seen.false)).toBeGreaterThan(runs(500));
  });
});

function not(filter: FilterTree): FilterTree {
  return { type: "not", filter };
}

describe("mapFilter", () => {
  const mail = "a@b.example";
  const valuesIn = (filter: FilterInput) =>
    filterValues(normalFilter(filter)).map(({ value }) => value);

  it("changes names and values as documents' were, and leaves ids, times and ranges", () => {
    const filter: FilterInput = {
      id: mail,
      language: "en",
      timestamp: "2024-01-01T00:00:00Z",
      title: mail,
      "metadata.mail": [mail, 3],
      "metadata.mailing": { gte: 2 },
    };
    const mapped = mapFilter(normalFilter(filter), {
      field: (field) => field.replace("mail", "post"),
      value: (field, value) => `${field} ${value}`,
    });
    expect(mapped).toEqual(
      normalFilter({
        id: mail,
        language: "en",
        timestamp: "2024-01-01T00:00:00Z",
        title: `title ${mail}`,
        "metadata.post": [`metadata.mail ${mail}`, "metadata.mail 3"],
        "metadata.posting": { gte: 2 },
      }),
    );
  });

  it("reaches every value of a tree, and keeps what is negated", () => {
    const filter = (said: string): FilterInput => ({
      type: "or",
      filters: [
        { type: "not", filter: { type: "contains", key: "cc", value: [said] } },
        { type: "and", filters: [{ type: "nin", key: "source", value: [said, "s"] }] },
        { type: "ne", key: "mail", value: said },
      ],
    });
    expect(valuesIn(filter(mail))).toEqual([mail, mail, "s", mail]);
    const mapped = mapFilter(normalFilter(filter(mail)), {
      field: (field) => field,
      value: (_, value) => (value === mail ? "[EMAIL]" : value),
    });
    expect(mapped).toEqual(normalFilter(filter("[EMAIL]")));
  });
});

describe("a filter that no document can pass", () => {
  const refusal = (filter: unknown): string => {
    try {
      parseQuestion({ query: "why?", filter });
    } catch (thrown) {
      return (thrown as FreshetError).message;
    }
    return "accepted";
  };
  const within = (leaf: object) => ({
    type: "and",
    filters: [
      { type: "exists", key: "a" },
      { type: "not", filter: leaf },
    ],
  });

  const time = "is no time as RFC 3339 writes it, such as 2026-03-01T10:00:00Z";
  const either = "a time is RFC 3339 text, such as 2026-03-01T10:00:00Z, or unix seconds";
  const text = "id, title, source, language are compared with text, or with a list of texts";
  const digits = "a number beyond 9007199254740991 loses digits: send it as text";
  const kinds = "a value is text, a number, true or false, or a list of such";
  const bound =
    "a bound is a number or a time as RFC 3339 writes it, such as 2026-03-01T10:00:00Z; " +
    "ranges are of timestamp, published_at and metadata";
  const known = "a range has gt, gte, lt and lte, nothing else";
  const huge = 1546130668394913822;

  it.each([
    [{ timestamp: "yesterday" }, `filter.timestamp: ${time}`],
    [{ timestamp: true }, `filter.timestamp: ${either}`],
    [{ timestamp: ["2026-03-01T10:00:00Z", "soon"] }, `filter.timestamp: ${time}`],
    [{ timestamp: { gte: "2026-02-30T00:00:00Z" } }, `filter.timestamp.gte: ${bound}`],
    [
      { published_at: { gte: 1_772_359_200_000 } },
      "filter.published_at: is no unix time in seconds of the years 1 to 9999",
    ],
    [{ id: 1 }, `filter.id: ${text}`],
    [{ id: ["a", 2] }, `filter.id: ${text}`],
    [{ source: true }, `filter.source: ${text}`],
    [{ language: 5 }, `filter.language: ${text}`],
    [{ title: { gt: 1 } }, `filter.title: ${text}`],
    [{ language: "en_US" }, "filter.language: is no language tag (BCP 47), such as de-CH"],
    [{ id: null }, `filter.id: ${kinds}`],
    [{ id: [] }, "filter.id: too small: expected array to have >=1 items"],
    [{ "metadata.order": huge }, `filter.metadata.<key>: ${digits}`],
    [{ "metadata.order": [1, -huge] }, `filter.metadata.<key>: ${digits}`],
    [{ "metadata.order": { gt: huge } }, `filter.metadata.<key>: ${digits}`],
    [{ "metadata.order": Number.POSITIVE_INFINITY }, `filter.metadata.<key>: ${digits}`],
    [{ "metadata.x": { gt: "soon" } }, `filter.metadata.<key>: ${bound}`],
    [{ "metadata.x": { gt: true } }, `filter.metadata.<key>: ${bound}`],
    [{ "metadata.x": { $gt: 1 } }, `filter.metadata.<key>: ${known}; did you mean gt?`],
    [{ "metadata.x": { above: 1 } }, `filter.metadata.<key>: ${known}`],
    [{ title: { gt: "a" } }, `filter.title.gt: ${bound}`],
    [{ "metadata.x": {} }, "filter.metadata.<key>: an empty range matches nothing"],
    [{ "metadata.x": null }, `filter.metadata.<key>: ${kinds}`],
    [null, "filter: invalid input: expected record, received null"],
    ["id", "filter: invalid input: expected record, received string"],
  ])("is refused in the flat form, by the name of the field: %j", (filter, said) => {
    expect(refusal(filter)).toBe(said);
  });

  it.each([
    [{ type: "eq", key: "timestamp", value: "yesterday" }, `value: ${time}`],
    [{ type: "in", key: "published_at", value: [1, true] }, `value: ${either}`],
    [{ type: "lt", key: "timestamp", value: true }, `value: ${bound}`],
    [{ type: "eq", key: "id", value: 1 }, `value: ${text}`],
    [{ type: "gt", key: "title", value: 1 }, `value: ${text}`],
    [{ type: "eq", key: "order", value: huge }, `value: ${digits}`],
    [{ type: "nin", key: "order", value: [1, huge] }, `value.1: ${digits}`],
    [{ type: "gte", key: "order", value: huge }, `value: ${digits}`],
    [{ type: "eq", key: "a", value: null }, `value: ${kinds}`],
    [{ type: "eq", key: "a" }, "value: is missing"],
    [{ type: "in", key: "a", value: "x" }, "value: invalid input: expected array, received string"],
    [{ type: "gt", key: "a", value: "10" }, `value: ${bound}`],
    [
      { type: "contains", key: "id", value: "x" },
      "value: contains asks for values of a metadata list",
    ],
    [
      { type: "exists", key: "a", value: "yes" },
      "value: invalid input: expected boolean, received string",
    ],
    [{ type: "exists", key: "metadata." }, "key: a key is "],
    [{ type: "exists", key: "x".repeat(65) }, "key: a key is "],
    [{ type: "exists", key: "a\ud83c" }, "key: a key is text of whole characters"],
    [{ type: "exists" }, "key: is missing"],
    [{ type: "eq", key: "a", value: ["x"] }, "value: it is one value, no list"],
    [{ type: "or", filters: [] }, "filters: too small: expected array to have >=1 items"],
    [{ type: "nor", filters: [] }, "type: type is one of and, or, not, eq"],
    [{ type: "not" }, "filter: type is one of and, or, not, eq"],
    [{ type: "eq", key: "a", value: 1, op: "x" }, " has a field that is not known"],
    [{ "metadata.a": 1 }, "type: type is one of and, or, not, eq"],
    ["x", " type is one of and, or, not, eq"],
  ])("is refused at every depth, by its path: %j", (leaf, said) => {
    const at = said.startsWith(" ") ? `:${said}` : `.${said}`;
    if (typeof leaf === "object" && "type" in leaf) expect(refusal(leaf)).toContain(`filter${at}`);
    expect(refusal(within(leaf as object))).toContain(`filter.filters.1.filter${at}`);
  });

  it("repeats nothing that its author chose (I10)", () => {
    const said = refusal({ type: "eq", key: "kari@example.org", value: { a: 1 } });
    expect(said).toBe(`filter.value: ${kinds}`);
    expect(refusal({ "metadata.kari@example.org": null })).not.toContain("kari");
  });

  const leaf = (n: number) => ({ type: "eq", key: "a", value: n });
  const nested = (depth: number): object => {
    let filter: object = leaf(1);
    for (let at = 1; at < depth; at += 1) filter = { type: "not", filter };
    return filter;
  };
  const many = (count: number) => ({
    type: "or",
    filters: Array.from({ length: count }, (_, n) => leaf(n)),
  });

  it("has a bound for depth, clauses and characters, over the whole tree", () => {
    expect(refusal(nested(limits.filterDepthMax))).toBe("accepted");
    expect(refusal(nested(limits.filterDepthMax + 1))).toBe("filter: it nests more than 8 deep");
    expect(refusal(nested(10_000))).toBe("filter: it nests more than 8 deep");
    expect(refusal(many(limits.filterClausesMax))).toBe("accepted");
    expect(refusal(many(limits.filterClausesMax + 1))).toBe(
      `filter: at most ${limits.filterClausesMax} clauses`,
    );
    const parts = Array.from({ length: 5 }, () => many(limits.filterClausesMax / 4));
    expect(refusal({ type: "and", filters: parts })).toBe(
      `filter: at most ${limits.filterClausesMax} clauses`,
    );
    const texts = Array.from({ length: 9 }, () => "x".repeat(1_000));
    const long = { type: "in", key: "a", value: texts };
    expect(refusal(long)).toBe("accepted");
    expect(refusal({ type: "or", filters: [long, long] })).toBe(
      "filter: its texts have more than 16384 characters together",
    );
  });

  it.each([
    [{ timestamp: 1_772_359_200 }],
    [{ timestamp: ["2026-03-01T10:00:00+01:00", 0] }],
    [{ timestamp: { gte: "2026-03-01t10:00:00z", lt: 5 } }],
    [{ id: ["a", "b"], title: "t", source: "s" }],
    [{ "metadata.a": 1, "metadata.b": true, "metadata.c": { gt: 0 } }],
    [{ "metadata.type": "a", "metadata.metadata.x": "b", "metadata.🙂": "c" }],
    [{ type: "eq", key: "$and", value: 9_007_199_254_740_991 }],
    [{ type: "in", key: "metadata.a", value: [-0, 0.1234567890123456789] }],
  ])("is none of these: %j", (filter) => {
    expect(refusal(filter)).toBe("accepted");
  });

  it("is read again by another node as what it was", () => {
    fc.assert(
      fc.property(filterInputs, (filter) => {
        const sent = JSON.stringify(parseQuestion({ query: "why?", filter }));
        const again = parseQuestion(JSON.parse(sent)).filter;
        expect(normalFilter(again ?? {})).toEqual(normalFilter(JSON.parse(JSON.stringify(filter))));
      }),
    );
  });
});
