/**
 * Arguments of tools as agents write them: models and their libraries fill in each name that a
 * schema has, with null where they have nothing to say. That is an argument that was not given.
 */

import { limits } from "../../contract/limits.ts";

type Json = Readonly<Record<string, unknown>>;

const isRecord = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The body of a request, one message or several; what calls no tool is left as it is. */
export function withoutNulls(body: unknown): unknown {
  if (Array.isArray(body)) return body.map(called);
  return called(body);
}

function called(message: unknown): unknown {
  if (!isRecord(message) || message["method"] !== "tools/call") return message;
  const { params } = message;
  if (!isRecord(params) || !isRecord(params["arguments"])) return message;
  const all = Object.entries(params["arguments"]);
  // More of them than any tool has are refused, by their number.
  if (all.length > limits.mcpToolElementsMax) return message;
  const given = Object.fromEntries(all.filter(([, value]) => value !== null));
  return { ...message, params: { ...params, arguments: given } };
}
