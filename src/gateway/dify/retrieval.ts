/**
 * Dify's external knowledge API: what it asks as a question of ours, and what was found in its
 * form. The documents of a tenant are one knowledge, of its name.
 */

import { z } from "zod";
import { FreshetError } from "../../contract/errors.ts";
import { limits } from "../../contract/limits.ts";
import type { Answer, Source } from "../../contract/query.ts";
import type { Places } from "../in-their-words.ts";
import { parsed } from "../parsed.ts";

const operators = [
  ...["contains", "not contains", "start with", "end with", "is", "is not", "in", "not in"],
  ...["empty", "not empty", "=", "≠", ">", "<", "≥", "≤", "before", "after"],
] as const;
type Operator = (typeof operators)[number];

const value = z.union([z.string(), z.number(), z.array(z.string()).min(1)]);

const conditionSchema = z.looseObject({
  /** Several: one that passes is enough. */
  name: z.union([z.string(), z.array(z.string()).min(1)]),
  comparison_operator: z.enum(operators),
  value: value.nullish(),
});
type Condition = z.infer<typeof conditionSchema>;

/** Fields that Dify adds later have no effect here. */
export const retrievalSchema = z.looseObject({
  knowledge_id: z.string(),
  query: z.string(),
  retrieval_setting: z.looseObject({
    top_k: z.int().min(1).max(limits.topKMax),
    /** Of the cosine with the question, which is comparable between questions; 0: none. */
    score_threshold: z.number().min(0).max(1).nullish(),
  }),
  metadata_condition: z
    .looseObject({
      logical_operator: z.enum(["and", "or"]).nullish(),
      conditions: z.array(conditionSchema).nullish(),
    })
    .nullish(),
});
export type Retrieval = z.infer<typeof retrievalSchema>;

export const recordsSchema = z.object({
  records: z.array(
    z.object({
      content: z.string(),
      score: z.number(),
      title: z.string(),
      metadata: z.record(z.string(), z.unknown()),
    }),
  ),
});
type Records = z.infer<typeof recordsSchema>;

/** @throws FreshetError invalid_request, which names the first field of ours that is wrong */
export function parseRetrieval(body: unknown): Retrieval {
  const below = ["top_k", "score_threshold", "logical_operator", "conditions"];
  return parsed(retrievalSchema, body, [...Object.keys(conditionSchema.shape), ...below]);
}

/** What a refusal of the question calls its fields. */
export const retrievalPlaces: Places = {
  top_k: "retrieval_setting.top_k",
  min_cosine: "retrieval_setting.score_threshold",
  "filter.filters": "metadata_condition.conditions",
  filter: "metadata_condition",
};

/** The body of a question, unchecked. @throws FreshetError invalid_request */
export function questionOf({ query, retrieval_setting, metadata_condition }: Retrieval) {
  const { top_k, score_threshold } = retrieval_setting;
  const conditions = metadata_condition?.conditions ?? [];
  const filter = {
    type: metadata_condition?.logical_operator ?? "and",
    filters: conditions.map(treeOf),
  };
  return {
    ...{ query, top_k, mode: "search" },
    ...(conditions.length === 0 ? {} : { filter }),
    ...((score_threshold ?? 0) === 0 ? {} : { min_cosine: score_threshold }),
  };
}

export function recordsOf({ sources }: Pick<Answer, "sources">): Records {
  return { records: sources.map(recordOf) };
}

/** `metadata` is never null: Dify's pipeline breaks on that. */
function recordOf(source: Source): Records["records"][number] {
  const { id, version, chunk, heading, source: origin, timestamp, published_at } = source;
  const described = { document_id: id, version, chunk, heading, source: origin, timestamp };
  const told = Object.entries({ ...source.metadata, ...described, published_at }).filter(
    ([, one]) => one !== undefined,
  );
  return {
    content: source.text,
    score: Math.min(1, Math.max(0, source.cosine ?? source.score)),
    title: source.title ?? origin ?? id,
    metadata: Object.fromEntries(told),
  };
}

type Wanted = z.infer<typeof value>;

/** A condition in the grammar of our filters. @throws FreshetError invalid_request */
function treeOf({ name, comparison_operator, value: wanted }: Condition): object {
  const filters = [name].flat().map((key) => leafOf(key, comparison_operator, wanted ?? undefined));
  return filters.length === 1 ? (filters[0] as object) : { type: "or", filters };
}

function leafOf(key: string, operator: Operator, wanted: Wanted | undefined): object {
  if (operator === "empty" || operator === "not empty") {
    return { type: "exists", key, value: operator === "not empty" };
  }
  if (wanted === undefined) {
    throw new FreshetError(
      "invalid_request",
      "metadata_condition.conditions: a comparison without a value",
    );
  }
  switch (operator) {
    case "is":
    case "=":
      return { type: "eq", key, value: exactly(operator, wanted) };
    case "is not":
    case "≠":
      return { type: "ne", key, value: exactly(operator, wanted) };
    case "in":
      return { type: "in", key, value: [wanted].flat() };
    case "not in":
      return { type: "nin", key, value: [wanted].flat() };
    case "contains":
      return { type: "contains", key, value: wanted };
    case "not contains":
      return { type: "not", filter: { type: "contains", key, value: wanted } };
    case "start with":
    case "end with":
      throw new FreshetError(
        "invalid_request",
        `metadata_condition.conditions: there is no filter for ${operator}`,
      );
    default:
      return { type: bounds[operator], key, value: exactly(operator, wanted) };
  }
}

const bounds = { ">": "gt", after: "gt", "≥": "gte", "<": "lt", before: "lt", "≤": "lte" } as const;

/** Dify's forms send numbers as text; the operators with signs are those of numbers. */
function exactly(operator: Operator, wanted: Wanted): Wanted {
  const isOfNumbers = ["=", "≠", ">", "<", "≥", "≤"].includes(operator);
  const isNumber = typeof wanted === "string" && /^-?\d+(\.\d+)?$/.test(wanted.trim());
  return isOfNumbers && isNumber ? Number(wanted) : wanted;
}
