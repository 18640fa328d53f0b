/**
 * Which part of a filter Weaviate can apply. Values in, values out: the vendor's own filter objects
 * are made from this in weaviate-search.ts. The native part may let too much through (Weaviate
 * trims and rounds), never too little; `matchesFilter` decides afterwards. All texts are
 * well-formed: one that is not would make the server refuse the request that it is in.
 */

import {
  type Condition,
  comparable,
  type Filter,
  type Filterable,
  type Scalar,
} from "../contract/filter.ts";

/** Separates the parts of a facet; ids and keys may hold anything printable. */
const separator = "\u001f";

export type NativeClause =
  | { readonly property: "documentId" | "facets"; readonly anyOf: readonly string[] }
  | { readonly property: "timestamp"; readonly anyOf: readonly number[] }
  | {
      readonly property: "timestamp";
      readonly bound: "gt" | "gte" | "lt" | "lte";
      readonly value: number;
    };

export interface NativeFilter {
  /** All must hold. */
  readonly clauses: readonly NativeClause[];
  /** False: the clauses let more through than the filter, so hits have to be over-fetched. */
  readonly exact: boolean;
}

/**
 * What an object is found by: `field, type, value` for every value, and `field, is a number` for
 * ranges.
 */
export function facetsOf(document: Omit<Filterable, "id" | "timestamp">): readonly string[] {
  const facets: string[] = [];
  if (document.title !== undefined) facets.push(facet("title", document.title));
  if (document.source !== undefined) facets.push(facet("source", document.source));
  for (const [key, value] of Object.entries(document.metadata ?? {})) {
    const name = `metadata.${key}`;
    const values: readonly Scalar[] = typeof value === "object" ? value : [value];
    for (const each of values) facets.push(facet(name, each));
    if (values.some((each) => typeof each === "number")) facets.push(numberFacet(name));
  }
  return [...new Set(facets)];
}

export function nativeFilter(filter: Filter | undefined): NativeFilter {
  const parts = Object.entries(filter ?? {}).map(([name, wanted]) => nativeClauses(name, wanted));
  return {
    clauses: parts.flatMap((part) => part.clauses),
    exact: parts.every((part) => part.exact),
  };
}

function nativeClauses(name: string, wanted: Condition): NativeFilter {
  const isRange = typeof wanted === "object" && !Array.isArray(wanted);
  if (isRange) return name === "timestamp" ? timestampRange(wanted) : numberRange(name);
  const values = Array.isArray(wanted) ? wanted : [wanted];
  if (name === "timestamp") return timestampAnyOf(values);
  if (name === "id") {
    const anyOf = values
      .filter((value): value is string => typeof value === "string")
      .map((value) => value.toWellFormed());
    return { clauses: [{ property: "documentId", anyOf }], exact: true };
  }
  return {
    clauses: [{ property: "facets", anyOf: values.map((value) => facet(name, value)) }],
    exact: true,
  };
}

/**
 * Weaviate has no ranges over facets: it checks that there is a number, and the rest is checked
 * here.
 */
function numberRange(name: string): NativeFilter {
  if (!name.startsWith("metadata.")) return nothing;
  return { clauses: [{ property: "facets", anyOf: [numberFacet(name)] }], exact: false };
}

function timestampAnyOf(values: readonly Scalar[]): NativeFilter {
  const anyOf = values.map((value) => comparable(value, true)).filter(isFiniteNumber);
  return { clauses: [{ property: "timestamp", anyOf }], exact: true };
}

function timestampRange(range: Exclude<Condition, Scalar | Scalar[]>): NativeFilter {
  const clauses: NativeClause[] = [];
  for (const bound of ["gt", "gte", "lt", "lte"] as const) {
    const wanted = range[bound];
    if (wanted === undefined) continue;
    const value = comparable(wanted, true);
    if (!isFiniteNumber(value)) return nothing;
    clauses.push({ property: "timestamp", bound, value });
  }
  // A range without bounds still asks for a timestamp to be there, which no clause says.
  return { clauses, exact: clauses.length > 0 };
}

/** No object can match. */
const nothing: NativeFilter = { clauses: [{ property: "facets", anyOf: [] }], exact: true };

/** True when a clause accepts no value at all: the server need not be asked. */
export function matchesNothing(filter: NativeFilter): boolean {
  return filter.clauses.some((clause) => "anyOf" in clause && clause.anyOf.length === 0);
}

function isFiniteNumber(value: Scalar): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

function facet(field: string, value: Scalar): string {
  return [field, typeof value, String(value)].join(separator).toWellFormed();
}

function numberFacet(field: string): string {
  return [field, "is-number"].join(separator).toWellFormed();
}
