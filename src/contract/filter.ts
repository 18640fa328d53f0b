/**
 * Filters of a question: every clause must hold (a logical AND). One evaluator serves both shards,
 * so a document matches the same way before and after it moves from hot to cold.
 */

import { z } from "zod";
import { limits } from "./limits.ts";
import { isPlainName } from "./well-formed.ts";

const scalar = z.union([z.string().max(limits.metadataValueCharsMax), z.number(), z.boolean()]);
const bound = z.union([z.number(), z.iso.datetime({ offset: true })]);

const range = z
  .strictObject({
    gt: bound.optional(),
    gte: bound.optional(),
    lt: bound.optional(),
    lte: bound.optional(),
  })
  .refine((value) => Object.keys(value).length > 0, { error: "an empty range matches nothing" });

const aTime = z.union([z.number(), z.iso.datetime({ offset: true })]);
const aText = z.string().max(limits.metadataValueCharsMax);
const timeCondition = z.union([aTime, z.array(aTime).min(1).max(limits.filterValuesMax), range]);
const textCondition = z.union([aText, z.array(aText).min(1).max(limits.filterValuesMax)]);

const condition = z.union([scalar, z.array(scalar).min(1).max(limits.filterValuesMax), range]);

/** Field names: `id`, `title`, `source`, `timestamp`, or `metadata.<key>`. */
const field = z
  .string()
  .regex(/^(id|title|source|timestamp|metadata\..{1,64})$/s, {
    error: "a filter field is id, title, source, timestamp or metadata.<key>",
  })
  .refine(isPlainName);

export const filterSchema = z
  .record(field, condition)
  .refine((value) => Object.keys(value).length <= limits.filterClausesMax, {
    error: `at most ${limits.filterClausesMax} clauses`,
  })
  .refine((value) => charsOf(value) <= limits.filterCharsMax, {
    error: `its texts have more than ${limits.filterCharsMax} characters together`,
  })
  .superRefine((value, context) => {
    for (const [name, wanted] of Object.entries(value)) {
      const error = cannotMatch(name, wanted);
      if (error !== undefined) context.addIssue({ code: "custom", path: [name], message: error });
    }
  });

/**
 * What makes a clause one that no document can match, so that its author hears of it instead of
 * finding nothing.
 */
function cannotMatch(name: string, wanted: unknown): string | undefined {
  if (name.startsWith("metadata.")) return undefined;
  if (name === "timestamp") {
    if (timeCondition.safeParse(wanted).success) return undefined;
    return "a timestamp is compared with unix seconds or RFC 3339 text";
  }
  if (textCondition.safeParse(wanted).success) return undefined;
  return "id, title and source are compared with text, or with a list of texts";
}

export type Scalar = z.infer<typeof scalar>;
export type Condition = z.infer<typeof condition>;
export type Filter = Readonly<Record<string, Condition>>;

function charsOf(filter: Filter): number {
  const perClause = Object.entries(filter).map(([name, wanted]) => {
    const values: readonly unknown[] = Array.isArray(wanted) ? wanted : [wanted];
    const texts = values.filter((value) => typeof value === "string");
    return texts.reduce((sum, text) => sum + text.length, name.length);
  });
  return perClause.reduce((sum, chars) => sum + chars, 0);
}

/** What a filter can see of a document. `timestamp` is unix milliseconds. */
export interface Filterable {
  readonly id: string;
  readonly title?: string | undefined;
  readonly source?: string | undefined;
  readonly timestamp?: number | undefined;
  readonly metadata?: Readonly<Record<string, Scalar | readonly Scalar[]>> | undefined;
}

/**
 * A scalar is equality, a list is membership, an object is a range over numbers. A range bound
 * given as RFC 3339 text is compared as unix milliseconds for `timestamp`; a number is unix seconds
 * there, as in a document. A metadata list matches when any of its values does. A missing field
 * never matches.
 */
export function matchesFilter(document: Filterable, filter: Filter | undefined): boolean {
  if (filter === undefined) return true;
  return Object.entries(filter).every(([name, wanted]) => {
    const test = testOf(name, wanted);
    return fieldValues(document, name).some((value) => passes(value, test));
  });
}

/** A condition with its bounds in the units in which documents are stored. */
export type Test =
  | { readonly kind: "one of"; readonly values: readonly Scalar[] }
  | {
      readonly kind: "range";
      readonly gt: number;
      readonly gte: number;
      readonly lt: number;
      readonly lte: number;
    };

export function testOf(name: string, wanted: Condition): Test {
  const isTimestamp = name === "timestamp";
  if (Array.isArray(wanted)) {
    return { kind: "one of", values: wanted.map((value) => comparable(value, isTimestamp)) };
  }
  if (typeof wanted !== "object") {
    return { kind: "one of", values: [comparable(wanted, isTimestamp)] };
  }
  const { gt, gte, lt, lte } = wanted;
  const bound = (raw: number | string | undefined, unbounded: number): number => {
    if (raw === undefined) return unbounded;
    const value = comparable(raw, isTimestamp || typeof raw === "string");
    return typeof value === "number" ? value : Number.NaN;
  };
  return {
    kind: "range",
    gt: bound(gt, Number.NEGATIVE_INFINITY),
    gte: bound(gte, Number.NEGATIVE_INFINITY),
    lt: bound(lt, Number.POSITIVE_INFINITY),
    lte: bound(lte, Number.POSITIVE_INFINITY),
  };
}

export function passes(value: Scalar, test: Test): boolean {
  switch (test.kind) {
    case "one of":
      return test.values.includes(value);
    case "range":
      return (
        typeof value === "number" &&
        value > test.gt &&
        value >= test.gte &&
        value < test.lt &&
        value <= test.lte
      );
  }
}

/** What a document has under a filter's field name. */
export function fieldValues(document: Filterable, name: string): readonly Scalar[] {
  if (name.startsWith("metadata.")) {
    const key = name.slice("metadata.".length);
    const metadata = document.metadata;
    if (metadata === undefined || !Object.hasOwn(metadata, key)) return [];
    const value = metadata[key];
    if (value === undefined) return [];
    return typeof value === "object" ? value : [value];
  }
  const value = document[name as "id" | "title" | "source" | "timestamp"];
  return value === undefined ? [] : [value];
}

/** A timestamp as a publisher writes it (unix seconds or RFC 3339) in the unit it is stored in. */
export function comparable(value: Scalar, isTimestamp: boolean): Scalar {
  if (!isTimestamp) return value;
  if (typeof value === "number") return Math.round(value * 1000);
  return typeof value === "string" ? Date.parse(value) : value;
}

/** What is done with a filter's fields and with the values that documents are compared with. */
export interface FilterMap {
  readonly field: (field: string) => string;
  readonly value: (field: string, value: Scalar) => Scalar;
}

/**
 * The filter with its fields and values passed through `map`, where documents' were too: title,
 * source and metadata are redacted before they are indexed, so a filter that names what was
 * redacted must be redacted the same way. Ids, times and the bounds of ranges stay as they are.
 */
export function mapFilter(filter: Filter, map: FilterMap): Filter {
  const mapped = Object.entries(filter).map(([field, wanted]): [string, Condition] => {
    if (field === "id" || field === "timestamp") return [field, wanted];
    const name = map.field(field);
    if (Array.isArray(wanted)) return [name, wanted.map((value) => map.value(field, value))];
    return [name, typeof wanted === "object" ? wanted : map.value(field, wanted)];
  });
  return Object.fromEntries(mapped);
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
