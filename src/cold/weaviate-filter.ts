/**
 * Which part of a filter Weaviate can apply. Values in, values out: the vendor's own filter objects
 * are made from this in weaviate-search.ts. All texts are well-formed: one that is not would make
 * the server refuse the request that it is in.
 *
 *   WF1  the native part may let too much through (Weaviate trims, and knows no ranges over
 *        metadata), never too little; `matchesFilter` decides afterwards;
 *   WF2  so what is negated must let too little through before it is turned around: a leaf that is
 *        not exact is left out where it is negated.
 */

import type { Access } from "../contract/access.ts";
import type { Bounds, Filter, Filterable, Leaf } from "../contract/filter.ts";
import { type Field, isMetadataField, isTimeField } from "../contract/filter-schema.ts";
import type { Scalar } from "../contract/scalar.ts";

/** Separates the parts of a facet; ids and keys may hold anything printable. */
const separator = "\u001f";

/** No facet of a field: none is named so. */
const labelledFacet = ["acl", "has"].join(separator);

const boundNames = ["gt", "gte", "lt", "lte"] as const;

type TimeProperty = "timestamp" | "publishedAt";

const timeProperties = { timestamp: "timestamp", published_at: "publishedAt" } as const;

export type NativeLeaf =
  | { readonly property: "documentId" | "facets" | "acl"; readonly anyOf: readonly string[] }
  | { readonly property: "facets"; readonly beginsWith: string }
  | { readonly property: TimeProperty; readonly anyOf: readonly number[] }
  | {
      readonly property: TimeProperty;
      readonly bound: (typeof boundNames)[number];
      readonly value: number;
    };

export type NativeClause =
  | NativeLeaf
  | { readonly and: readonly NativeClause[] }
  | { readonly or: readonly NativeClause[] }
  | { readonly not: NativeLeaf };

export interface NativeFilter {
  /** Undefined: the server is told nothing. "none": no object can match, it need not be asked. */
  readonly clause: NativeClause | "none" | undefined;
  /** False: more is let through than the filter does, so hits have to be over-fetched. */
  readonly exact: boolean;
}

const anything: NativeFilter = { clause: undefined, exact: true };
const unsaid: NativeFilter = { clause: undefined, exact: false };
const nothing: NativeFilter = { clause: "none", exact: true };

/**
 * What an object is found by: `field, type, value` for every value, `field, is a number` for
 * ranges, and whether it has labels: of an empty list Weaviate knows no more than of none.
 */
export function facetsOf(
  document: Omit<Filterable, "id" | "timestamp" | "publishedAtMs"> & {
    readonly acl?: readonly string[] | undefined;
  },
): readonly string[] {
  const facets: string[] = [];
  const { title, source, language, acl } = document;
  if (acl !== undefined) facets.push(labelledFacet);
  if (title !== undefined) facets.push(facet("title", title));
  if (source !== undefined) facets.push(facet("source", source));
  if (language !== undefined) facets.push(facet("language", language));
  for (const [key, value] of Object.entries(document.metadata ?? {})) {
    const name: Field = `metadata.${key}`;
    const values: readonly Scalar[] = typeof value === "object" ? value : [value];
    for (const each of values) facets.push(facet(name, each));
    if (values.some((each) => typeof each === "number")) facets.push(numberFacet(name));
  }
  return [...new Set(facets)];
}

/**
 * What the groups of a reader admit. Objects of an earlier Freshet do not say that they have
 * labels: they pass here, until a scrub has written them anew, and `admits` decides.
 */
export function nativeAccess(access: Access | undefined): NativeFilter {
  if (access === undefined) return anything;
  const groups = [...access.groups];
  const own = groups.length === 0 ? nothing : leafOf({ property: "acl", anyOf: groups });
  if (!access.seesUnlabelled) return own;
  const isLabelled: NativeLeaf = { property: "facets", anyOf: [labelledFacet] };
  return anyPart([own, turned(isLabelled)]);
}

/** Both hold. */
export function nativeBoth(one: NativeFilter, other: NativeFilter): NativeFilter {
  return joined([one, other]);
}

export function nativeFilter(filter: Filter | undefined): NativeFilter {
  if (filter === undefined) return anything;
  if (filter.kind === "leaf") return filter.negated ? negatedLeaf(filter) : nativeLeaf(filter);
  const parts = filter.filters.map((each) => nativeFilter(each));
  return filter.kind === "and" ? joined(parts) : anyPart(parts);
}

function joined(parts: readonly NativeFilter[]): NativeFilter {
  if (parts.some(({ clause }) => clause === "none")) return nothing;
  const and = parts.flatMap(({ clause }) => clausesOf(clause));
  const clause = and.length > 1 ? { and } : and[0];
  return { clause, exact: parts.every(({ exact }) => exact) };
}

function anyPart(parts: readonly NativeFilter[]): NativeFilter {
  // One part of which nothing can be said may let anything through.
  if (parts.some(({ clause }) => clause === undefined)) return unsaid;
  const or = parts.flatMap(({ clause }) => clausesOf(clause));
  const exact = parts.every((part) => part.exact);
  if (or.length <= 1) return { clause: or[0] ?? "none", exact };
  return { clause: { or }, exact };
}

function clausesOf(clause: NativeFilter["clause"]): readonly NativeClause[] {
  return clause === undefined || clause === "none" ? [] : [clause];
}

function negatedLeaf(leaf: Leaf): NativeFilter {
  const { clause, exact } = nativeLeaf(leaf);
  if (clause === "none") return anything;
  const isTrimmed = leaf.field === "id";
  if (clause === undefined) return exact ? nothing : unsaid;
  if (!exact || isTrimmed || "not" in clause) return unsaid;
  if ("and" in clause) return anyPart(clause.and.map((each) => turned(each)));
  if ("or" in clause) return joined(clause.or.map((each) => turned(each)));
  return turned(clause);
}

/** Only leaves are turned around: the vendor's `Not` of those is the complement. */
function turned(clause: NativeClause): NativeFilter {
  const isLeaf = "property" in clause;
  return isLeaf ? { clause: { not: clause }, exact: true } : unsaid;
}

/** What the leaf's test says, before it is turned around. */
function nativeLeaf(leaf: Leaf): NativeFilter {
  const { field, test } = leaf;
  switch (test.kind) {
    case "any":
      return anyOf(leaf, [...test.values]);
    case "all":
      return joined([...test.values].map((value) => anyOf(leaf, [value])));
    case "range":
      return isTimeField(field) ? timeRange(field, test.bounds) : otherRange(field, test.bounds);
    case "exists":
      return exists(field);
  }
}

function anyOf({ field, negated }: Leaf, values: readonly Scalar[]): NativeFilter {
  if (isTimeField(field)) {
    const anyOf = values.filter((value) => typeof value === "number" && Number.isFinite(value));
    return anyOf.length === 0
      ? nothing
      : leafOf({ property: timeProperties[field], anyOf: anyOf as number[] });
  }
  if (field !== "id") {
    const written = values.map((value) => facet(field, value));
    // Too much is let through, which must not be turned around (WF2).
    const earlier = negated ? [] : values.map((value) => unmarked(field, value));
    return leafOf({ property: "facets", anyOf: [...new Set([...written, ...earlier])] });
  }
  const texts = values.filter((value) => typeof value === "string");
  const anyId = texts.map((value) => value.toWellFormed());
  return anyId.length === 0 ? nothing : leafOf({ property: "documentId", anyOf: anyId });
}

function timeRange(field: keyof typeof timeProperties, bounds: Bounds): NativeFilter {
  const given = boundNames.filter((bound) => Number.isFinite(bounds[bound]));
  // A range without bounds still asks for a time to be there, which no clause says.
  if (given.length === 0) return unsaid;
  return joined(
    given.map((bound) => leafOf({ property: timeProperties[field], bound, value: bounds[bound] })),
  );
}

/** Weaviate has no ranges over facets: it looks for a number, and the rest is checked here. */
function otherRange(field: Field, { ofTimes }: Bounds): NativeFilter {
  if (!isMetadataField(field)) return nothing;
  const numbers: NativeLeaf = { property: "facets", anyOf: [numberFacet(field)] };
  if (!ofTimes) return { clause: numbers, exact: false };
  // A time may be text, and text may be anything.
  const texts: NativeLeaf = { property: "facets", beginsWith: start(field, "string") };
  return { clause: { or: [numbers, texts] }, exact: false };
}

function exists(field: Field): NativeFilter {
  if (field === "id") return anything;
  if (isTimeField(field)) {
    return leafOf({
      property: timeProperties[field],
      bound: "gte",
      value: Number.MIN_SAFE_INTEGER,
    });
  }
  // Two signs stand for others in such a pattern: then it lets more through.
  const beginsWith = start(field);
  return { clause: { property: "facets", beginsWith }, exact: !/[*?\\]/.test(beginsWith) };
}

function leafOf(clause: NativeLeaf): NativeFilter {
  return { clause, exact: true };
}

/**
 * Weaviate trims what it compares, so a value with blanks at its end is written with a mark behind
 * it. Objects of an earlier Freshet have none: there `a` and `a ` are one facet.
 */
function facet(field: Field, value: Scalar): string {
  const plain = unmarked(field, value);
  return /[\s\u0085]$/.test(plain) ? `${plain}${separator}` : plain;
}

function unmarked(field: Field, value: Scalar): string {
  return [field, typeof value, String(value)].join(separator).toWellFormed();
}

function numberFacet(field: Field): string {
  return [field, "is-number"].join(separator).toWellFormed();
}

/** How facets of a field begin. */
function start(...parts: readonly string[]): string {
  return `${parts.join(separator)}${separator}`.toWellFormed();
}
