import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  facetsOf,
  matchesNothing,
  type NativeClause,
  nativeFilter,
} from "../../src/cold/weaviate-filter.ts";
import { type Filter, type Filterable, matchesFilter } from "../../src/contract/filter.ts";

/** What Weaviate would do with a clause: equality over trimmed text, ranges over numbers. */
function accepts(document: Filterable, clause: NativeClause): boolean {
  const { timestamp } = document;
  if (clause.property === "timestamp") {
    if (timestamp === undefined) return false;
    if ("anyOf" in clause) return clause.anyOf.includes(timestamp);
    switch (clause.bound) {
      case "gt":
        return timestamp > clause.value;
      case "gte":
        return timestamp >= clause.value;
      case "lt":
        return timestamp < clause.value;
      case "lte":
        return timestamp <= clause.value;
    }
  }
  const stored = clause.property === "documentId" ? [document.id] : facetsOf(document);
  const trimmed = stored.map((value) => value.trim());
  return clause.anyOf.some((value) => trimmed.includes(value.trim()));
}

const native = (document: Filterable, filter: Filter): boolean =>
  nativeFilter(filter).clauses.every((clause) => accepts(document, clause));

const text = fc.constantFrom("a", " a", "a ", "1", "true", "", "a\u001fb", "é");
const number = fc.constantFrom(0, -0, 1, 1.5, -2, 1e21);
const scalar = fc.oneof(text, number, fc.boolean());
const seconds = fc.constantFrom(0, 1, 1.0004, 1_700_000_000);
const moment = fc.oneof(seconds, fc.constantFrom("1970-01-01T00:00:01Z", "2023-11-14T22:13:20Z"));
const key = fc.constantFrom("k", "k\u001fstring", "other");

const document: fc.Arbitrary<Filterable> = fc.record({
  id: text,
  title: fc.option(text, { nil: undefined }),
  source: fc.option(text, { nil: undefined }),
  timestamp: fc.option(
    seconds.map((value) => Math.round(value * 1000)),
    { nil: undefined },
  ),
  metadata: fc.option(
    fc.dictionary(key, fc.oneof(scalar, fc.array(scalar, { maxLength: 3 })), { maxKeys: 3 }),
    { nil: undefined },
  ),
});

const rangeOf = (bound: fc.Arbitrary<number | string>) =>
  fc.record({ gt: bound, gte: bound, lt: bound, lte: bound }, { requiredKeys: [] });
const conditionOf = (value: fc.Arbitrary<string | number | boolean>) =>
  fc.oneof(value, fc.array(value, { minLength: 1, maxLength: 3 }));
const clause = fc.oneof(
  fc.tuple(fc.constantFrom("id", "title", "source"), conditionOf(scalar)),
  fc.tuple(
    key.map((name) => `metadata.${name}`),
    fc.oneof(conditionOf(scalar), rangeOf(number)),
  ),
  fc.tuple(fc.constant("timestamp"), fc.oneof(conditionOf(moment), rangeOf(moment))),
);
const filter: fc.Arbitrary<Filter> = fc
  .array(clause, { maxLength: 3 })
  .map((clauses) => Object.fromEntries(clauses) as Filter);

describe("the native part of a filter", () => {
  test("never hides a document that the filter matches", () => {
    fc.assert(
      fc.property(document, filter, (doc, wanted) => {
        if (matchesFilter(doc, wanted)) expect(native(doc, wanted)).toBe(true);
      }),
      { numRuns: 3_000 },
    );
  });

  test("that calls itself exact lets through only what matches, blanks aside", () => {
    const untrimmed = (value: Filterable): boolean =>
      !JSON.stringify(value).includes(" ") && !JSON.stringify(value).includes("\\u001f");
    fc.assert(
      fc.property(document.filter(untrimmed), filter, (doc, wanted) => {
        if (!nativeFilter(wanted).exact || /[ ]|\\u001f/.test(JSON.stringify(wanted))) return;
        expect(native(doc, wanted)).toBe(matchesFilter(doc, wanted));
      }),
      { numRuns: 3_000 },
    );
  });

  test("of a range without bounds is not exact: it does not say that there is a timestamp", () => {
    const wanted = { timestamp: {} } as Filter;
    expect(matchesFilter({ id: "a" }, wanted)).toBe(false);
    expect(nativeFilter(wanted).exact).toBe(false);
  });

  test("tells when no document can match, so that nobody asks", () => {
    expect(matchesNothing(nativeFilter({ id: 5 }))).toBe(true);
    expect(matchesNothing(nativeFilter({ title: { gt: 1 } }))).toBe(true);
    expect(matchesNothing(nativeFilter({ timestamp: true }))).toBe(true);
    expect(matchesNothing(nativeFilter({ title: "x" }))).toBe(false);
    expect(matchesNothing(nativeFilter(undefined))).toBe(false);
  });
});
