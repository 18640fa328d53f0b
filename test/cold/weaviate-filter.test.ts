import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  facetsOf,
  type NativeClause,
  type NativeFilter,
  type NativeLeaf,
  nativeAccess,
  nativeBoth,
  nativeFilter,
} from "../../src/cold/weaviate-filter.ts";
import { accessOf, aclDefaults, admits } from "../../src/contract/access.ts";
import { type Filterable, matchesFilter, normalFilter } from "../../src/contract/filter.ts";
import type { FilterInput, FilterTree } from "../../src/contract/filter-schema.ts";
import { documents, filterInputs } from "../support/filters.ts";
import { runs } from "../support/runs.ts";

/** What Weaviate does with a clause: equality over trimmed text, ranges over numbers. */
type Stored = Filterable & { readonly acl?: readonly string[] };

function accepts(document: Stored, clause: NativeClause): boolean {
  if ("and" in clause) return clause.and.every((each) => accepts(document, each));
  if ("or" in clause) return clause.or.some((each) => accepts(document, each));
  return "not" in clause ? !acceptsLeaf(document, clause.not) : acceptsLeaf(document, clause);
}

function acceptsLeaf(document: Stored, leaf: NativeLeaf): boolean {
  const held = valuesOf(document, leaf.property);
  if ("anyOf" in leaf) {
    const wanted = leaf.anyOf.map((value) => trimmed(value));
    return held.some((value) => wanted.includes(value));
  }
  if ("beginsWith" in leaf) {
    // A pattern: a star stands for any text, a question mark for one sign.
    const pattern = leaf.beginsWith.replaceAll(/[.+^${}()|[\]\\]/g, "\\$&");
    const like = new RegExp(`^${pattern.replaceAll("*", ".*").replaceAll("?", ".")}`, "s");
    return held.some((value) => like.test(String(value)));
  }
  const { bound, value } = leaf;
  return held.some((at) => {
    if (bound === "gt") return Number(at) > value;
    if (bound === "gte") return Number(at) >= value;
    return bound === "lt" ? Number(at) < value : Number(at) <= value;
  });
}

function valuesOf(document: Stored, property: NativeLeaf["property"]) {
  if (property === "acl") return document.acl ?? [];
  const { id, timestamp, publishedAtMs } = document;
  if (property === "documentId") return [trimmed(id)];
  if (property === "facets") return facetsOf(document).map((value) => trimmed(value));
  const at = property === "timestamp" ? timestamp : publishedAtMs;
  return at === undefined ? [] : [at];
}

const trimmed = (value: string | number): string | number =>
  typeof value === "string" ? value.trim() : value;

const native = (document: Filterable, filter: FilterInput): boolean => {
  const { clause } = nativeFilter(normalFilter(filter));
  return clause !== "none" && (clause === undefined || accepts(document, clause));
};

describe("the native part of a reader's clause", () => {
  const label = fc.constantFrom("a", "b", "team:ops");
  const labels = fc.option(fc.uniqueArray(label), { nil: undefined });

  test("lets through what the clause admits, and beside a filter nothing else", () => {
    fc.assert(
      fc.property(
        fc.record({ groups: fc.array(label), aclDefault: fc.constantFrom(...aclDefaults) }),
        labels,
        documents,
        filterInputs,
        ({ groups, aclDefault }, acl, document, input) => {
          const access = accessOf(groups, aclDefault);
          const carried = acl === undefined ? document : { ...document, acl };
          const own = nativeAccess(access);
          const lets = ({ clause }: NativeFilter): boolean =>
            clause !== "none" && (clause === undefined || accepts(carried, clause));
          expect(own.exact).toBe(true);
          expect(lets(own)).toBe(admits(access, acl));
          const filter = nativeFilter(normalFilter(input));
          expect(lets(nativeBoth(own, filter))).toBe(lets(own) && lets(filter));
        },
      ),
      { numRuns: runs(2_000) },
    );
  });
});

describe("the native part of a filter", () => {
  test("never hides a document that the filter matches (WF1, WF2)", () => {
    let matching = 0;
    fc.assert(
      fc.property(documents, filterInputs, (document, filter) => {
        if (!matchesFilter(document, normalFilter(filter))) return;
        matching += 1;
        expect(native(document, filter)).toBe(true);
      }),
      { numRuns: runs(5_000) },
    );
    expect(matching).toBeGreaterThan(runs(500));
  });

  test("that calls itself exact lets through only what matches, blanks aside", () => {
    let exact = 0;
    const hasBlanks = (value: unknown): boolean => /" | "/.test(JSON.stringify(value));
    fc.assert(
      fc.property(documents, filterInputs, (document, filter) => {
        if (!nativeFilter(normalFilter(filter)).exact || hasBlanks([document, filter])) return;
        exact += 1;
        expect(native(document, filter)).toBe(matchesFilter(document, normalFilter(filter)));
      }),
      { numRuns: runs(5_000) },
    );
    expect(exact).toBeGreaterThan(runs(300));
  });

  const told = (filter: FilterInput) => nativeFilter(normalFilter(filter)).clause;

  test("tells equality, presence, times and their negations to the server", () => {
    const facet = (...parts: string[]) => parts.join("\u001f");
    expect(told({ type: "ne", key: "lang", value: "en" })).toEqual({
      not: { property: "facets", anyOf: [facet("metadata.lang", "string", "en")] },
    });
    expect(told({ type: "exists", key: "lang", value: false })).toEqual({
      not: { property: "facets", beginsWith: facet("metadata.lang", "") },
    });
    const since = { property: "timestamp", bound: "gte", value: 1_000 };
    const wanted: FilterTree = { type: "gte", key: "timestamp", value: 1 };
    expect(told({ type: "or", filters: [wanted, { type: "not", filter: wanted }] })).toEqual({
      or: [since, { not: since }],
    });
  });

  test("says nothing where a part of an `or` cannot be told", () => {
    const range: FilterTree = { type: "gt", key: "n", value: 1 };
    const filter: FilterInput = {
      type: "or",
      filters: [
        { type: "eq", key: "a", value: 1 },
        { type: "not", filter: range },
      ],
    };
    expect(nativeFilter(normalFilter(filter))).toEqual({ clause: undefined, exact: false });
  });

  test("of a value with blanks at its end is one of its own (WF2)", () => {
    const [plain, blank] = ["a", "a "].map((title) => facetsOf({ title }));
    expect(plain?.[0]?.trim()).not.toBe(blank?.[0]?.trim());
    expect(native({ id: "d", title: "a " }, { type: "ne", key: "title", value: "a" })).toBe(true);
    expect(native({ id: "d", title: "a " }, { title: "a " })).toBe(true);
  });
});
