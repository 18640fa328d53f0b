/**
 * Filters as they are searched with. One evaluator serves both shards, so a document matches the
 * same way before and after it moves from hot to cold.
 *
 *   FV1  a comparison holds or does not: there is no third outcome. A field that is missing has no
 *        value, so `eq`, `in`, a range, `contains` and `exists` fail, and `ne`, `nin` and `not` of
 *        any of these hold;
 *   FV2  a list holds each of its values: one that passes is enough, `ne` and `nin` want that none
 *        does, `contains` wants all that it names;
 *   FV3  text, numbers and truth values are never equal to each other, and are not guessed.
 */

import {
  type Bound,
  type Field,
  type FilterInput,
  type FilterTree,
  type FlatFilter,
  fieldOf,
  isMetadataField,
  isTimeField,
  isTree,
  type Range,
} from "./filter-schema.ts";
import { canonicalLanguage } from "./language.ts";
import type { Scalar } from "./scalar.ts";
import { parseTime, timeMs } from "./time.ts";

/** One field of one document, asked for one thing. */
export interface Leaf {
  readonly kind: "leaf";
  readonly field: Field;
  /** Of metadata; undefined for a field of ours. */
  readonly key: string | undefined;
  readonly test: Test;
  /** Holds where the test does not. */
  readonly negated: boolean;
}

/** Negations have moved to the leaves; no filters in an `and` match everything. */
export type Filter = { readonly kind: "and" | "or"; readonly filters: readonly Filter[] } | Leaf;

/** Bounds are in the units in which documents are stored. */
export type Test =
  | { readonly kind: "any"; readonly values: ReadonlySet<Scalar> }
  | { readonly kind: "all"; readonly values: ReadonlySet<Scalar> }
  | { readonly kind: "range"; readonly bounds: Bounds }
  | { readonly kind: "exists" };

export interface Bounds {
  readonly gt: number;
  readonly gte: number;
  readonly lt: number;
  readonly lte: number;
  /** Texts that are times are inside, too; for metadata, whose times may be text. */
  readonly ofTimes: boolean;
}

/** What a filter can see of a document. Times are unix milliseconds. */
export interface Filterable {
  readonly id: string;
  readonly title?: string | undefined;
  readonly source?: string | undefined;
  readonly timestamp?: number | undefined;
  readonly publishedAtMs?: number | undefined;
  readonly language?: string | undefined;
  readonly metadata?: Readonly<Record<string, Scalar | readonly Scalar[]>> | undefined;
}

/** What `filterSchema` has accepted, in the form that is searched with. */
export function normalFilter(input: FilterInput): Filter {
  return isTree(input) ? ofTree(input, false) : ofFlat(input);
}

function ofFlat(flat: FlatFilter): Filter {
  const filters = Object.entries(flat).map(([name, wanted]) => {
    const field = name as Field;
    if (Array.isArray(wanted)) return leaf(field, anyOf(field, wanted));
    if (typeof wanted === "object") return leaf(field, rangeOf(field, wanted));
    return leaf(field, anyOf(field, [wanted]));
  });
  return { kind: "and", filters };
}

function ofTree(tree: FilterTree, negated: boolean): Filter {
  switch (tree.type) {
    case "and":
    case "or": {
      const filters = tree.filters.map((each) => ofTree(each, negated));
      const isAnd = (tree.type === "and") !== negated;
      return { kind: isAnd ? "and" : "or", filters };
    }
    case "not":
      return ofTree(tree.filter, !negated);
    default:
      return ofComparison(tree, negated);
  }
}

function ofComparison(
  tree: Exclude<FilterTree, { type: "and" | "or" | "not" }>,
  negated: boolean,
): Leaf {
  const field = fieldOf(tree.key);
  switch (tree.type) {
    case "eq":
      return leaf(field, anyOf(field, [tree.value]), negated);
    case "ne":
      return leaf(field, anyOf(field, [tree.value]), !negated);
    case "in":
      return leaf(field, anyOf(field, tree.value), negated);
    case "nin":
      return leaf(field, anyOf(field, tree.value), !negated);
    case "contains": {
      const values = new Set(Array.isArray(tree.value) ? tree.value : [tree.value]);
      return leaf(field, { kind: "all", values }, negated);
    }
    case "exists":
      return leaf(field, { kind: "exists" }, negated !== (tree.value === false));
    default:
      return leaf(field, rangeOf(field, { [tree.type]: tree.value }), negated);
  }
}

function leaf(field: Field, test: Test, negated = false): Leaf {
  return { kind: "leaf", field, key: metadataKey(field), test, negated };
}

function anyOf(field: Field, values: readonly Scalar[]): Test {
  return { kind: "any", values: new Set(values.map((value) => stored(field, value))) };
}

/** A value as documents have it in that field. */
function stored(field: Field, value: Scalar): Scalar {
  if (isTimeField(field)) return typeof value === "boolean" ? value : timeMs(value);
  return field === "language" ? (canonicalLanguage(String(value)) ?? value) : value;
}

function rangeOf(field: Field, { gt, gte, lt, lte }: Range): Test {
  const at = (bound: Bound | undefined, unbounded: number): number => {
    if (bound === undefined) return unbounded;
    return typeof bound === "string" || isTimeField(field) ? timeMs(bound) : bound;
  };
  const bounds: Bounds = {
    gt: at(gt, Number.NEGATIVE_INFINITY),
    gte: at(gte, Number.NEGATIVE_INFINITY),
    lt: at(lt, Number.POSITIVE_INFINITY),
    lte: at(lte, Number.POSITIVE_INFINITY),
    ofTimes:
      isMetadataField(field) && [gt, gte, lt, lte].some((bound) => typeof bound === "string"),
  };
  return { kind: "range", bounds };
}

/** Asked of each document that a search looks at, so it makes nothing. */
export function matchesFilter(document: Filterable, filter: Filter | undefined): boolean {
  if (filter === undefined) return true;
  if (filter.kind === "leaf") return passes(held(document, filter), filter.test) !== filter.negated;
  const isOr = filter.kind === "or";
  for (const each of filter.filters) if (matchesFilter(document, each) === isOr) return isOr;
  return !isOr;
}

/** Whether what a field holds passes (FV1, FV2). */
function passes(value: Held, test: Test): boolean {
  if (value === undefined) return false;
  if (test.kind === "all") return holdsAll(value, test.values);
  if (typeof value !== "object") return passesOne(value, test);
  for (const each of value) if (passesOne(each, test)) return true;
  return false;
}

function passesOne(value: Scalar, test: Exclude<Test, { kind: "all" }>): boolean {
  switch (test.kind) {
    case "any":
      return test.values.has(value);
    case "range":
      return isInside(value, test.bounds);
    case "exists":
      return true;
  }
}

function holdsAll(value: Scalar | readonly Scalar[], wanted: ReadonlySet<Scalar>): boolean {
  const values = typeof value === "object" ? value : [value];
  // `includes` compares as a set does: 0 and -0 are one.
  for (const each of wanted) if (!values.includes(each)) return false;
  return true;
}

export function isInside(value: Scalar, { gt, gte, lt, lte, ofTimes }: Bounds): boolean {
  const at = typeof value === "string" && ofTimes ? parseTime(value) : value;
  return typeof at === "number" && at > gt && at >= gte && at < lt && at <= lte;
}

/** What a document has under a field; a list may be empty. */
type Held = Scalar | readonly Scalar[] | undefined;

function held(document: Filterable, { field, key }: Pick<Leaf, "field" | "key">): Held {
  if (key !== undefined) {
    const { metadata } = document;
    return metadata !== undefined && Object.hasOwn(metadata, key) ? metadata[key] : undefined;
  }
  if (field === "published_at") return document.publishedAtMs;
  return document[field as "id" | "title" | "source" | "language" | "timestamp"];
}

/** What a document has under a filter's field name. */
export function fieldValues(document: Filterable, field: Field): readonly Scalar[] {
  const value = held(document, { field, key: metadataKey(field) });
  if (value === undefined) return [];
  return typeof value === "object" ? value : [value];
}

function metadataKey(field: Field): string | undefined {
  return isMetadataField(field) ? field.slice("metadata.".length) : undefined;
}

/** What is done with a filter's fields and with the values that documents are compared with. */
export interface FilterMap {
  readonly field: (field: string) => string;
  readonly value: (field: string, value: Scalar) => Scalar;
}

/**
 * The filter with its fields and values passed through `map`, where documents' were too: title,
 * source and metadata are redacted before they are indexed, so a filter that names what was
 * redacted must be redacted the same way. Ids, times, languages and the bounds of ranges stay as
 * they are.
 */
export function mapFilter(filter: Filter, map: FilterMap): Filter {
  if (filter.kind !== "leaf") {
    return { ...filter, filters: filter.filters.map((each) => mapFilter(each, map)) };
  }
  const { field, test } = filter;
  const isRedacted = isMetadataField(field) || field === "title" || field === "source";
  if (!isRedacted) return filter;
  const mapped = map.field(field) as Field;
  if (test.kind !== "any" && test.kind !== "all") return leaf(mapped, test, filter.negated);
  const values = new Set([...test.values].map((value) => map.value(field, value)));
  return leaf(mapped, { ...test, values }, filter.negated);
}

/** The values that `mapFilter` maps. */
export function filterValues(
  filter: Filter | undefined,
): readonly { readonly field: string; readonly value: Scalar }[] {
  const values: { readonly field: string; readonly value: Scalar }[] = [];
  if (filter !== undefined)
    mapFilter(filter, {
      field: (field) => field,
      value: (field, value) => {
        values.push({ field, value });
        return value;
      },
    });
  return values;
}
