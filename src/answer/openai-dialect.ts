/**
 * What is sent to an endpoint beside the messages, less what it has refused. Pure.
 *
 *   OD1  a refusal that names a field takes that field away, or gives it its newer name;
 *   OD2  each step takes something away, so there are at most as many as there are fields.
 */

import { field } from "./openai-wire.ts";

export interface Dialect {
  readonly countsTokens: boolean;
  /** Models that think first refuse the older name. */
  readonly lengthField: "max_tokens" | "max_completion_tokens";
  readonly setsTemperature: boolean;
  readonly streams: boolean;
}

export const fullDialect: Dialect = {
  countsTokens: true,
  lengthField: "max_tokens",
  setsTemperature: true,
  streams: true,
};

/**
 * @param body of a reply with status 400, or 422 as servers in Python send it
 * @returns undefined where nothing is left to take away: it was refused for something else
 */
export function afterRefusal(dialect: Dialect, body: string, counts: boolean): Dialect | undefined {
  const { lengthField, setsTemperature, streams } = dialect;
  switch (refusedField(body)) {
    case "max_tokens":
      if (lengthField !== "max_tokens") return undefined;
      return { ...dialect, lengthField: "max_completion_tokens" };
    case "temperature":
      return setsTemperature ? { ...dialect, setsTemperature: false } : undefined;
    case "stream":
      return streams ? { ...dialect, streams: false } : undefined;
    default:
      // Servers that know no `stream_options` rarely say so by name.
      return counts ? { ...dialect, countsTokens: false } : undefined;
  }
}

/**
 * By its name alone: an error's message may repeat the prompt. OpenAI says it as `param`, FastAPI
 * by the place in the body, which Mistral puts into its message.
 */
function refusedField(body: string): unknown {
  try {
    const json: unknown = JSON.parse(body);
    const detail = field(json, "detail") ?? field(field(json, "message"), "detail");
    const place = field(field(detail, "0"), "loc");
    return field(field(json, "error"), "param") ?? field(place, "1");
  } catch {
    return undefined;
  }
}

export function bodyFields(dialect: Dialect, maxTokens: number, counts: boolean) {
  const { lengthField, setsTemperature, streams } = dialect;
  return {
    [lengthField]: maxTokens,
    ...(setsTemperature ? { temperature: 0 } : {}),
    stream: streams,
    ...(counts ? { stream_options: { include_usage: true } } : {}),
  };
}
