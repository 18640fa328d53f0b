/**
 * Filters as askers write them, in one of two forms, and what of that is refused: a filter that no
 * document could match is told to its author, who would find nothing otherwise.
 *
 * The tree is the grammar of OpenAI's vector stores, with `not`, `exists` and `contains` beside it.
 * The flat form is an object of fields that must all hold.
 */

import { z } from "zod";
import { canonicalLanguage } from "./language.ts";
import { limits } from "./limits.ts";
import { exactNumber, type Scalar, scalarSchema } from "./scalar.ts";
import { parseTime, timeSchema } from "./time.ts";

const metadataPrefix = "metadata.";
const textFields = ["id", "title", "source", "language"] as const;
const timeFields = ["timestamp", "published_at"] as const;
/** Ours; every other field of a document is metadata. */
export const filterFields: readonly string[] = [...textFields, ...timeFields];

/** Words of the grammar, which a refusal may repeat: an asker did not choose them. */
export const filterNames: readonly string[] = [
  ...["filters", "filter", "type", "key", "value", "gt", "gte", "lt", "lte"],
  ...filterFields,
];

export type Field =
  | (typeof timeFields)[number]
  | (typeof textFields)[number]
  | `metadata.${string}`;

export function isTimeField(field: Field): field is (typeof timeFields)[number] {
  return (timeFields as readonly string[]).includes(field);
}

export function isMetadataField(field: Field): field is `metadata.${string}` {
  return field.startsWith(metadataPrefix);
}

/** In a tree a name that is none of our fields is a metadata key: OpenAI's attributes are flat. */
export function fieldOf(key: string): Field {
  const isField = filterFields.includes(key) || key.startsWith(metadataPrefix);
  return (isField ? key : `${metadataPrefix}${key}`) as Field;
}

// --- values ------------------------------------------------------------------------------------

const values = z.array(scalarSchema).min(1).max(limits.filterValuesMax);
const boundWords =
  "a bound is a number or a time as RFC 3339 writes it, such as 2026-03-01T10:00:00Z; " +
  `ranges are of ${timeFields.join(", ")} and metadata`;
const bound = z.union(
  [
    exactNumber,
    z
      .string()
      .refine((text) => parseTime(text) !== undefined, { error: boundWords })
      .meta({ format: "date-time" }),
  ],
  { error: boundWords },
);
const range = z
  .strictObject(
    {
      gt: bound.optional(),
      gte: bound.optional(),
      lt: bound.optional(),
      lte: bound.optional(),
    },
    {
      error: ({ code }) =>
        code === "unrecognized_keys" ? "a range has gt, gte, lt and lte, nothing else" : undefined,
    },
  )
  .refine((value) => Object.keys(value).length > 0, { error: "an empty range matches nothing" })
  .meta({ id: "FilterRange" });

export type Bound = z.infer<typeof bound>;
export type Range = z.infer<typeof range>;

/** Why no document can pass, where the kinds of field and value do not meet. */
function mismatch(field: Field, wanted: unknown): string | undefined {
  if (isMetadataField(field)) return undefined;
  const offered: readonly unknown[] = Array.isArray(wanted) ? wanted : [wanted];
  if (isTimeField(field)) {
    const given = offered.flatMap((one) => (isRange(one) ? Object.values(one) : [one]));
    const wrong = given.map((one) => timeSchema.safeParse(one)).find(({ success }) => !success);
    return wrong === undefined ? undefined : (wrong.error?.issues[0]?.message ?? "is no time");
  }
  if (offered.every((one) => typeof one === "string")) {
    const isTag = field !== "language" || offered.every((tag) => canonicalLanguage(tag));
    return isTag ? undefined : "is no language tag (BCP 47), such as de-CH";
  }
  return `${textFields.join(", ")} are compared with text, or with a list of texts`;
}

function isRange(value: unknown): value is Range {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What a node of a tree can be. */
export const filterTypes: readonly string[] = [
  ...["and", "or", "not", "eq", "ne", "in", "nin"],
  ...["gt", "gte", "lt", "lte", "contains", "exists"],
];

// --- the tree ----------------------------------------------------------------------------------

const key = z
  .string()
  .min(1)
  .refine((name) => name.isWellFormed(), { error: "a key is text of whole characters" })
  .refine((name) => isFieldName(fieldOf(name)), {
    error: `a key is ${filterFields.join(", ")} or a metadata key of 1 to ${limits.metadataKeyCharsMax} characters`,
  });

const comparison = z
  .discriminatedUnion("type", [
    z.strictObject({ type: z.enum(["eq", "ne"]), key, value: scalarSchema }),
    z.strictObject({ type: z.enum(["in", "nin"]), key, value: values }),
    z.strictObject({ type: z.enum(["gt", "gte", "lt", "lte"]), key, value: bound }),
    z.strictObject({ type: z.literal("contains"), key, value: z.union([scalarSchema, values]) }),
    z.strictObject({ type: z.literal("exists"), key, value: z.boolean().optional() }),
  ])
  .superRefine((leaf, context) => {
    const message = comparisonProblem(leaf);
    if (message !== undefined) context.addIssue({ code: "custom", path: ["value"], message });
  })
  .meta({ id: "FilterComparison" });

type Comparison =
  | { type: "eq" | "ne"; key: string; value: Scalar }
  | { type: "in" | "nin"; key: string; value: Scalar[] }
  | { type: "gt" | "gte" | "lt" | "lte"; key: string; value: Bound }
  | { type: "contains"; key: string; value: Scalar | Scalar[] }
  | { type: "exists"; key: string; value?: boolean | undefined };

export type FilterTree =
  | Comparison
  | { type: "and" | "or"; filters: FilterTree[] }
  | { type: "not"; filter: FilterTree };

function comparisonProblem(leaf: Comparison): string | undefined {
  const field = fieldOf(leaf.key);
  if (leaf.type === "exists") return undefined;
  if (leaf.type === "contains") {
    return isMetadataField(field) ? undefined : "contains asks for values of a metadata list";
  }
  const isBound = ["gt", "gte", "lt", "lte"].includes(leaf.type);
  return mismatch(field, isBound ? { [leaf.type]: leaf.value } : leaf.value);
}

// The parts of a tree have names of their own: generators of clients leave out whatever holds a
// schema that refers to itself within one without a name, which was each question.
const branch = z.lazy(() => treeSchema);
const group = z
  .strictObject({ type: z.enum(["and", "or"]), filters: z.array(branch).min(1) })
  .meta({ id: "FilterGroup" });
const negation = z
  .strictObject({ type: z.literal("not"), filter: branch })
  .meta({ id: "FilterNot" });
const treeSchema: z.ZodType<FilterTree> = z
  .discriminatedUnion("type", [group, negation, comparison], {
    error: `type is one of ${filterTypes.join(", ")}, in an object`,
  })
  .meta({ id: "FilterTree" });

// --- the flat form -----------------------------------------------------------------------------

const flatField = z
  .string()
  .refine(isFieldName, {
    error: `a filter field is ${filterFields.join(", ")} or metadata.<key>`,
  })
  .refine((name) => name.isWellFormed(), { error: "a field is text of whole characters" });

const condition = z.union([scalarSchema, values, range], {
  error: ({ input }) => flatProblem(input),
});

const flatSchema = z.record(flatField, condition).superRefine((filter, context) => {
  for (const [name, wanted] of Object.entries(filter)) {
    const message = mismatch(name as Field, wanted);
    if (message !== undefined) context.addIssue({ code: "custom", path: [name], message });
  }
});

export type FlatFilter = Readonly<Record<string, Scalar | Scalar[] | Range>>;

/** Whether the flat form knows the name. */
export function isFieldName(name: string): boolean {
  if (filterFields.includes(name)) return true;
  const keyChars = name.length - metadataPrefix.length;
  return name.startsWith(metadataPrefix) && keyChars >= 1 && keyChars <= limits.metadataKeyCharsMax;
}

/** Several kinds are allowed: the one that was meant says what is wrong with it. */
function flatProblem(input: unknown): string {
  const meant = Array.isArray(input) ? values : isRange(input) ? range : scalarSchema;
  const said = meant.safeParse(input).error?.issues[0];
  return said?.message ?? "a condition is a value, a list of values, or a range";
}

// --- either ------------------------------------------------------------------------------------

/** A filter as it was sent. `normalFilter` makes of it what is searched with. */
export type FilterInput = FlatFilter | FilterTree;

/** No flat field is called `type`. */
export function isTree(filter: FilterInput): filter is FilterTree {
  return Object.hasOwn(filter, "type");
}

/** What `filterSchema` checks, as a description of it: a union of both forms. */
export const filterShape = z.union([flatSchema, treeSchema]);

export const filterSchema = z.custom<FilterInput>().superRefine((value, context) => {
  const message = budgetProblem(value);
  if (message !== undefined) {
    context.addIssue({ code: "custom", message });
    return;
  }
  const schema = isRange(value) && Object.hasOwn(value, "type") ? treeSchema : flatSchema;
  for (const issue of schema.safeParse(value).error?.issues ?? []) {
    context.addIssue({ ...issue });
  }
});

/** Counted before anything is checked, so that checking has a bound, too. */
function budgetProblem(root: unknown): string | undefined {
  const spent = { clauses: 0, chars: 0 };
  if (!countTree(root, 1, spent)) return `it nests more than ${limits.filterDepthMax} deep`;
  if (spent.clauses > limits.filterClausesMax) return `at most ${limits.filterClausesMax} clauses`;
  if (spent.chars <= limits.filterCharsMax) return undefined;
  return `its texts have more than ${limits.filterCharsMax} characters together`;
}

interface Spent {
  clauses: number;
  chars: number;
}

/** False when it is deeper than it may be. Takes anything. */
function countTree(value: unknown, depth: number, spent: Spent): boolean {
  if (!isRange(value)) return true;
  if (depth > limits.filterDepthMax) return false;
  const node = value as Readonly<Record<string, unknown>>;
  if (!Object.hasOwn(node, "type")) {
    for (const [name, wanted] of Object.entries(node)) countClause(name, wanted, spent);
    return true;
  }
  const inner: readonly unknown[] = Array.isArray(node["filters"]) ? node["filters"] : [];
  const below: readonly unknown[] = "filter" in node ? [...inner, node["filter"]] : inner;
  if (below.length === 0) countClause(node["key"], node["value"], spent);
  return below.every((each) => countTree(each, depth + 1, spent));
}

function countClause(name: unknown, wanted: unknown, spent: Spent): void {
  const field = typeof name === "string" ? name : "";
  const offered: readonly unknown[] = Array.isArray(wanted) ? wanted : [wanted];
  const texts = offered.filter((value) => typeof value === "string");
  spent.clauses += 1;
  spent.chars += texts.reduce((sum, text) => sum + text.length, field.length);
}
