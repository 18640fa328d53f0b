/**
 * Generated filters in the form that askers send, generated documents that they can meet, and the
 * documented rules spelled out case by case over what was sent: the oracle of both shards.
 */

import fc from "fast-check";
import type { Filterable } from "../../src/contract/filter.ts";
import type { FilterInput, FilterTree, Range } from "../../src/contract/filter-schema.ts";
import { limits } from "../../src/contract/limits.ts";
import type { Scalar } from "../../src/contract/scalar.ts";

/** Few values, so that they meet often; some differ only in blanks, case, kind or zone. */
export const times = ["1970-01-01T00:00:01Z", "1970-01-01t01:00:02+01:00"];
const texts = ["x", "x ", "X", " x", "", "1", "true", "a*b?", ...times];
const scalar = fc.constantFrom<Scalar>(...texts, 0, -0, 1, 1.5, -2, 1_000, 2_000, true, false);
const text = fc.constantFrom(...texts);
const seconds = fc.constantFrom(0, 1, 1.0004, 2, -3);
const tags = { en: "en", EN: "en", "en-gb": "en-GB", iw: "he", nb: "nb" } as const;
const languages = fc.constantFrom(...(Object.keys(tags) as (keyof typeof tags)[]));
const keys = ["a", "b.c", "k*", "id"];

const ownFields = ["id", "title", "source", "language", "timestamp", "published_at"];
const fieldNames = [...ownFields, ...keys.map((key) => `metadata.${key}`)];
/** A bare key of metadata is allowed in a tree, where it is no field of ours. */
const treeKeys = [...fieldNames, "a", "b.c"];

const isTime = (name: string): boolean => name === "timestamp" || name === "published_at";
const isOwn = (name: string): boolean => ownFields.includes(name);

function valueOf(name: string): fc.Arbitrary<Scalar> {
  if (isTime(name)) return fc.oneof(seconds, fc.constantFrom(...times));
  if (name === "language") return languages;
  return isOwn(name) ? text : scalar;
}
const boundOf = (name: string): fc.Arbitrary<number | string> =>
  fc.oneof(isTime(name) ? seconds : fc.constantFrom(0, 1, 1.5, 1_000), fc.constantFrom(...times));
const someOf = <Value>(value: fc.Arbitrary<Value>): fc.Arbitrary<Value[]> =>
  fc.array(value, { minLength: 1, maxLength: 3 });

const hasBounds = (name: string): boolean => isTime(name) || !isOwn(name);

function comparison(key: string): fc.Arbitrary<FilterTree> {
  const value = valueOf(key);
  const type = <Name extends string>(...names: Name[]) => fc.constantFrom(...names);
  const equality = fc.record({ type: type("eq", "ne"), key: fc.constant(key), value });
  const membership = fc.record({
    type: type("in", "nin"),
    key: fc.constant(key),
    value: someOf(value),
  });
  const presence = fc.record(
    { type: type("exists"), key: fc.constant(key), value: fc.boolean() },
    { requiredKeys: ["type", "key"] },
  );
  const bounded = fc.record({
    type: type("gt", "gte", "lt", "lte"),
    key: fc.constant(key),
    value: boundOf(key),
  });
  const inside = fc.record({
    type: type("contains"),
    key: fc.constant(key),
    value: fc.oneof(value, someOf(value)),
  });
  const kinds: fc.Arbitrary<FilterTree>[] = [equality, membership, presence];
  if (hasBounds(key)) kinds.push(bounded);
  if (!isOwn(key)) kinds.push(inside);
  return fc.oneof(...kinds);
}

const { tree } = fc.letrec<{ tree: FilterTree }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4, depthSize: "medium" },
    fc.constantFrom(...treeKeys).chain(comparison),
    fc.record({
      type: fc.constantFrom("and", "or"),
      filters: fc.array(tie("tree"), { minLength: 1, maxLength: 3 }),
    }),
    fc.record({ type: fc.constant("not" as const), filter: tie("tree") }),
  ),
}));

function conditionOf(name: string): fc.Arbitrary<Scalar | Scalar[] | Range> {
  const value = valueOf(name);
  const bound = boundOf(name);
  const range = fc
    .record({ gt: bound, gte: bound, lt: bound, lte: bound }, { requiredKeys: [] })
    .filter((bounds) => Object.keys(bounds).length > 0);
  return hasBounds(name) ? fc.oneof(value, someOf(value), range) : fc.oneof(value, someOf(value));
}

const flat = fc
  .subarray(fieldNames, { maxLength: 3 })
  .chain((names) => fc.record(Object.fromEntries(names.map((name) => [name, conditionOf(name)]))));

/** Within the bound of clauses, each of which has a key. */
const fits = (input: FilterTree): boolean =>
  JSON.stringify(input).split('"key":').length <= limits.filterClausesMax;

export const filterInputs: fc.Arbitrary<FilterInput> = fc.oneof(
  { weight: 3, arbitrary: tree.filter(fits) },
  { weight: 1, arbitrary: flat },
);

const storedMs = fc.constantFrom(0, 1_000, 1_500, 2_000, -3_000);

export const documents: fc.Arbitrary<Filterable> = fc.record(
  {
    id: fc.constantFrom("x", "X", "1"),
    title: text,
    source: text,
    timestamp: storedMs,
    publishedAtMs: storedMs,
    language: fc.constantFrom(...Object.values(tags)),
    metadata: fc.dictionary(
      fc.constantFrom(...keys),
      fc.oneof(scalar, fc.array(scalar, { maxLength: 3 })),
    ),
  },
  { requiredKeys: ["id"] },
);

// --- the rules ---------------------------------------------------------------------------------

/** Whether a document passes a filter, said over what was sent. */
export function passesInput(document: Filterable, input: FilterInput): boolean {
  if ("type" in input) return passesTree(document, input as FilterTree);
  return Object.entries(input).every(([name, wanted]) => {
    const values = valuesUnder(document, name);
    if (Array.isArray(wanted)) return values.some((value) => equalsOne(name, value, wanted));
    if (typeof wanted !== "object") return values.some((value) => equalsOne(name, value, [wanted]));
    const bounds = Object.entries(wanted) as [Side, number | string][];
    return values.some((value) =>
      bounds.every(([side, bound]) => isBeyond({ name, side, bound, bounds, value })),
    );
  });
}

type Side = "gt" | "gte" | "lt" | "lte";

function passesTree(document: Filterable, node: FilterTree): boolean {
  if ("filters" in node) {
    const passed = node.filters.map((each) => passesTree(document, each));
    return node.type === "and" ? !passed.includes(false) : passed.includes(true);
  }
  if ("filter" in node) return !passesTree(document, node.filter);
  const name =
    isOwn(node.key) || node.key.startsWith("metadata.") ? node.key : `metadata.${node.key}`;
  const values = valuesUnder(document, name);
  switch (node.type) {
    case "eq":
      return values.some((value) => equalsOne(name, value, [node.value]));
    case "ne":
      return !values.some((value) => equalsOne(name, value, [node.value]));
    case "in":
      return values.some((value) => equalsOne(name, value, node.value));
    case "nin":
      return !values.some((value) => equalsOne(name, value, node.value));
    case "contains": {
      const wanted = Array.isArray(node.value) ? node.value : [node.value];
      return wanted.every((one) => values.some((value) => equalsOne(name, value, [one])));
    }
    case "exists":
      return values.length > 0 === (node.value ?? true);
    default: {
      const { type: side, value: bound } = node;
      return values.some((value) =>
        isBeyond({ name, side, bound, bounds: [[side, bound]], value }),
      );
    }
  }
}

function valuesUnder(document: Filterable, name: string): readonly Scalar[] {
  let value: Scalar | readonly Scalar[] | undefined;
  if (name === "id") value = document.id;
  if (name === "title") value = document.title;
  if (name === "source") value = document.source;
  if (name === "language") value = document.language;
  if (name === "timestamp") value = document.timestamp;
  if (name === "published_at") value = document.publishedAtMs;
  for (const [key, held] of Object.entries(document.metadata ?? {})) {
    if (name === `metadata.${key}`) value = held;
  }
  if (value === undefined) return [];
  return typeof value === "object" ? value : [value];
}

function equalsOne(name: string, value: Scalar, wanted: readonly Scalar[]): boolean {
  return wanted.some((one) => {
    if (isTime(name)) return value === momentOf(one as number | string);
    if (name === "language") return value === tags[one as keyof typeof tags];
    return value === one;
  });
}

const momentOf = (time: number | string): number =>
  typeof time === "number" ? Math.round(time * 1000) : Date.parse(time.toUpperCase());

function isBeyond(asked: {
  readonly name: string;
  readonly side: Side;
  readonly bound: number | string;
  readonly bounds: readonly (readonly [Side, number | string])[];
  readonly value: Scalar;
}): boolean {
  const { name, side, bound, bounds, value } = asked;
  const limit = isTime(name) || typeof bound === "string" ? momentOf(bound) : bound;
  const ofTimes = bounds.some(([, each]) => typeof each === "string");
  const isTimeText = typeof value === "string" && times.includes(value);
  const at = isTimeText && ofTimes ? momentOf(value) : value;
  if (typeof at !== "number") return false;
  if (side === "gt") return at > limit;
  if (side === "gte") return at >= limit;
  return side === "lt" ? at < limit : at <= limit;
}
