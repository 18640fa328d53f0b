/**
 * What parts report of the way of one document, question or merge, as spans of a trace. Names and
 * attributes are closed sets: no text, question or id of a document ever goes into one (I10). A
 * span travels with the messages that it is about, never by the thread's context: an actor works
 * for many at once.
 */

import { toFreshetError } from "./errors.ts";

/** `error.type` and the outcome are error codes; `freshet.version` is a position in the log. */
export interface SpanAttributes {
  readonly "freshet.tenant"?: string;
  readonly "freshet.version"?: number;
  readonly "freshet.outcome"?: string;
  readonly "freshet.lane"?: string;
  readonly "freshet.texts"?: number;
  readonly "freshet.padded_tokens"?: number;
  readonly "freshet.chunks"?: number;
  readonly "freshet.hits"?: number;
  readonly "freshet.sources"?: number;
  readonly "freshet.coverage.cold"?: string;
  readonly "freshet.merge.step"?: string;
  readonly "freshet.attempt"?: number;
  /** A model's endpoint in its chain. */
  readonly "freshet.endpoint"?: string;
  readonly "messaging.system"?: string;
  readonly "messaging.destination.name"?: string;
  readonly "db.system.name"?: string;
  readonly "db.operation.name"?: string;
  readonly "gen_ai.operation.name"?: string;
  readonly "gen_ai.provider.name"?: string;
  readonly "gen_ai.request.model"?: string;
  readonly "gen_ai.request.max_tokens"?: number;
  readonly "gen_ai.usage.input_tokens"?: number;
  readonly "gen_ai.usage.output_tokens"?: number;
  readonly "error.type"?: string;
}

/** Internal, unless the set of names says otherwise. */
export type SpanKind = "internal" | "server" | "client" | "producer" | "consumer";

/** Every span there is, and what it is to the one that it belongs to. */
export const spanKinds = {
  /** One operation on its way into the log, at the surface that took it. */
  publish: "producer",
  /** One operation at its tenant's owner, from the log to visible. */
  document: "consumer",
  prepare: "internal",
  embed: "internal",
  "embed sparse": "internal",
  /** Texts of many requests, sent to the model together: it links to all of them. */
  "embed batch": "client",
  append: "producer",
  apply: "internal",
  question: "server",
  "ask peer": "client",
  "answer peer": "server",
  redact: "internal",
  "search cold": "client",
  "search hot": "internal",
  fuse: "internal",
  chat: "client",
  "merge request": "producer",
  "merge step": "consumer",
} as const satisfies Readonly<Record<string, SpanKind>>;

export type SpanName = keyof typeof spanKinds;

export interface Span {
  /** W3C `traceparent` for the next process; undefined where nothing is traced. */
  readonly traceparent: string | undefined;
  /** Set where the trace is recorded: for exemplars. */
  readonly traceId: string | undefined;
  child(name: SpanName, attributes?: SpanAttributes): Span;
  set(attributes: SpanAttributes): void;
  /** What else this span works for. */
  link(others: readonly Span[]): void;
  /** Once; a code of the error table when it failed. */
  end(errorCode?: string): void;
}

/** Runs the work of a span: ends it when the work ends, with the code of what it threw. */
export async function spanned<Value>(
  span: Span,
  work: () => Promise<Value> | Value,
): Promise<Value> {
  try {
    const value = await work();
    span.end();
    return value;
  } catch (thrown) {
    span.end(toFreshetError(thrown).code);
    throw thrown;
  }
}

export interface Tracer {
  /** Begins a trace, or continues that of `traceparent` if there is a valid one. */
  start(
    name: SpanName,
    from?: {
      readonly traceparent?: string | undefined;
      readonly attributes?: SpanAttributes | undefined;
    },
  ): Span;
}

/** Stands for every span that is not recorded: it costs nothing. */
export const noSpan: Span = {
  traceparent: undefined,
  traceId: undefined,
  child: () => noSpan,
  set: () => {},
  link: () => {},
  end: () => {},
};

export const silentTracer: Tracer = { start: () => noSpan };

const traceparentPattern = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** A header that a publisher or caller may have written; undefined when it is none. */
export function traceparentOf(header: unknown): string | undefined {
  return typeof header === "string" && traceparentPattern.test(header) ? header : undefined;
}
