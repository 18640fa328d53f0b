/** What an OpenAI-compatible endpoint says, as values: of an error names alone. */

import { type ErrorDetails, FreshetError } from "../contract/errors.ts";
import { limits } from "../contract/limits.ts";
import { retryAfterMsOf } from "../contract/retry-after.ts";
import type { TokenUsage } from "./port.ts";

export interface Chunk {
  readonly text: string;
  readonly isLast: boolean;
  readonly isError: boolean;
  /** Its end is that of its tokens. */
  readonly isCut: boolean;
  /** Why its end is not that of an answer. */
  readonly cutBy: "withheld" | "useless" | undefined;
}

/**
 * A chunk of a stream, or a whole completion. @throws FreshetError model_unavailable when it is not
 * JSON
 */
export function parseChunk(payload: string): Chunk {
  let json: unknown;
  try {
    json = JSON.parse(payload);
  } catch {
    throw unavailable({ reason: "not JSON" });
  }
  const choice = field(field(json, "choices"), "0");
  const finish = field(choice, "finish_reason");
  const said = field(choice, "delta") ?? field(choice, "message");
  const hasRefused = (field(said, "refusal") ?? "") !== "";
  return {
    text: textOf(field(said, "content")),
    isLast: typeof finish === "string" && !notYet.has(finish),
    isError: isError(json) || finish === "error",
    isCut: finish === "length",
    cutBy: hasRefused ? "withheld" : noAnswer.get(finish),
  };
}

/** What gateways write in each event where others write null. */
const notYet: ReadonlySet<string> = new Set(["", "null"]);

/** A filter ended it where the model had not, or the model wants to call what nobody offered. */
const noAnswer: ReadonlyMap<unknown, Chunk["cutBy"]> = new Map<unknown, Chunk["cutBy"]>([
  ["content_filter", "withheld"],
  ["tool_calls", "useless"],
  ["function_call", "useless"],
]);

/** As OpenAI says it, or as vLLM and what speaks through LiteLLM say it: by the object's kind. */
function isError(json: unknown): boolean {
  if ((field(json, "error") ?? null) !== null) return true;
  return field(json, "object") === "error" || field(json, "type") === "error";
}

/** A text, or its parts: what a model thought is a part, too, of another type. */
function textOf(content: unknown): string {
  if (!Array.isArray(content)) return typeof content === "string" ? content : "";
  const parts = content.filter((part) => field(part, "type") === "text");
  return parts.map((part) => String(field(part, "text") ?? "")).join("");
}

/** Undefined where an event has none: most have `null`, or nothing. */
export function usageIn(payload: string): TokenUsage | undefined {
  try {
    const usage = field(JSON.parse(payload), "usage");
    const prompt = field(usage, "prompt_tokens");
    const completion = field(usage, "completion_tokens");
    return isCount(prompt) && isCount(completion) ? { prompt, completion } : undefined;
  } catch {
    return undefined;
  }
}

const isCount = (value: unknown): value is number =>
  Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= limits.usageTokensMax;

export function field(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  return Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
}

/** Names only: an error's message may repeat the prompt (OA1). */
export function errorNames(body: string): Readonly<Record<string, string>> {
  try {
    const error = field(JSON.parse(body), "error");
    const names = ["code", "type"].flatMap((name) => {
      const value = field(error, name);
      const isName = typeof value === "string" && /^[\w.-]{1,64}$/.test(value);
      return isName ? [[name, value] as const] : [];
    });
    return Object.fromEntries<string>(names);
  } catch {
    return {};
  }
}

export function unavailable(details: ErrorDetails): FreshetError {
  return new FreshetError("model_unavailable", undefined, { details });
}

/**
 * How long an endpoint asks to be left alone: `Retry-After`, or `retry-after-ms`, which some send
 * beside it.
 */
export function retryAfterOf(
  headers: Readonly<Record<string, string | string[] | undefined>>,
  nowMs: number,
): { readonly retry_after_ms?: number } {
  const ms = numberIn(headers["retry-after-ms"]);
  if (ms !== undefined) return { retry_after_ms: ms };
  const standard = retryAfterMsOf(headers["retry-after"], nowMs);
  return standard === undefined ? {} : { retry_after_ms: standard };
}

function numberIn(header: string | string[] | undefined): number | undefined {
  return typeof header === "string" && /^\d{1,9}(?:\.\d{1,3})?$/.test(header)
    ? Number(header)
    : undefined;
}
