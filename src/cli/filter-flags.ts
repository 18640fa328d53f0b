/**
 * `--filter` to a filter. Types are never guessed: a code that looks like a number (01234, 1.10) is
 * text, and where a value may be meant as either, either matches. What the API would refuse is a
 * mistake of usage here, and may repeat what was typed. Pure.
 */

import { InvalidArgumentError } from "commander";
import { filterFields, filterNames, filterSchema, isFieldName } from "../contract/filter-schema.ts";
import { describeIssue } from "../contract/issue.ts";

export type FilterFlag = Readonly<Record<string, unknown>>;

/** Times are unix seconds or RFC 3339; they have no form as text. */
const timeFields = new Set(["timestamp", "published_at"]);
/** Values that a publisher may have sent as a number, true or false, or as text. */
const metadata = "metadata.";

/** `field=value`, or `field:=JSON` for a value of a certain type, a list or a range. */
export function addClause(value: string, before: FilterFlag = {}): FilterFlag {
  const at = value.indexOf("=");
  const isTyped = value[at - 1] === ":";
  const field = value.slice(0, isTyped ? at - 1 : at);
  if (at < 1 || field === "") throw new InvalidArgumentError("write field=value or field:=json");
  if (Object.hasOwn(before, field)) {
    throw new InvalidArgumentError(`${field} is there twice: say it with --filter-json`);
  }
  if (!isFieldName(field)) {
    const fields = filterFields.join(", ");
    throw new InvalidArgumentError(`${field} is no field: ${fields}, or metadata.<key>`);
  }
  const raw = value.slice(at + 1);
  return checked({ ...before, [field]: isTyped ? typed(raw) : wanted(field, raw) });
}

/** A whole filter, as the API takes it. */
export function filterJson(value: string): FilterFlag {
  const filter = typed(value);
  if (typeof filter === "object" && filter !== null && !Array.isArray(filter)) {
    return checked(filter as FilterFlag);
  }
  throw new InvalidArgumentError('a JSON object, such as {"metadata.year": {"gte": 2020}}');
}

function checked(filter: FilterFlag): FilterFlag {
  const { error } = filterSchema.safeParse(filter);
  if (error === undefined) return filter;
  const names = [...filterNames, ...Object.keys(filter)];
  throw new InvalidArgumentError(describeIssue(error, { root: "filter", names }));
}

function wanted(field: string, raw: string): unknown {
  const other = numberOrBoolean(raw);
  if (other === undefined) return raw;
  if (timeFields.has(field)) return other;
  return field.startsWith(metadata) ? [raw, other] : raw;
}

/** Only what is written as JSON writes it: otherwise the text says more than the number. */
function numberOrBoolean(raw: string): number | boolean | undefined {
  if (raw === "true" || raw === "false") return raw === "true";
  const number = Number(raw);
  return raw !== "" && Number.isFinite(number) && String(number) === raw ? number : undefined;
}

function typed(raw: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(raw, exact);
  } catch (error) {
    if (error instanceof InvalidArgumentError) throw error;
    throw new InvalidArgumentError(`${raw} is no JSON; text needs its quotes, as in a:="b"`);
  }
  return value;
}

function exact(_key: string, value: unknown): unknown {
  if (typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value)) {
    throw new InvalidArgumentError("a whole number beyond 2^53 cannot be told from its neighbours");
  }
  return value;
}
