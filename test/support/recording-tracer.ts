/** A tracer that keeps what it is told: names, parents, attributes, ends. */

import type { Span, SpanAttributes, SpanName, Tracer } from "../../src/contract/tracing.ts";

export interface RecordedSpan {
  readonly name: SpanName;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string | undefined;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly links: readonly string[];
  /** How often it was ended, and the code of the first end. */
  readonly ends: number;
  readonly errorCode: string | undefined;
}

export interface RecordingTracer extends Tracer {
  readonly spans: readonly RecordedSpan[];
  /** Ended ones as `name < parent`, in the order in which they began. */
  tree(traceId: string): readonly string[];
}

type Kept = { -readonly [Field in keyof RecordedSpan]: RecordedSpan[Field] };

export function recordingTracer(): RecordingTracer {
  const spans: Kept[] = [];
  const hex = (length: number): string => String(spans.length + 1).padStart(length, "0");
  const begin = (
    name: SpanName,
    parent: { readonly traceId: string; readonly spanId: string } | undefined,
    attributes: SpanAttributes = {},
  ): Span => {
    const kept: Kept = {
      ...{ name, traceId: parent?.traceId ?? hex(32), spanId: hex(16) },
      ...{ parentId: parent?.spanId, attributes: { ...attributes }, links: [], ends: 0 },
      errorCode: undefined,
    };
    spans.push(kept);
    return {
      traceparent: `00-${kept.traceId}-${kept.spanId}-01`,
      traceId: kept.traceId,
      child: (child, more) => begin(child, kept, more),
      set: (more) => {
        kept.attributes = { ...kept.attributes, ...more };
      },
      link: (others) => {
        kept.links = others.map(({ traceparent = "" }) => traceparent.split("-")[2] ?? "");
      },
      end: (errorCode) => {
        kept.ends += 1;
        kept.errorCode ??= errorCode;
      },
    };
  };
  return {
    spans,
    start(name, { traceparent, attributes } = {}) {
      const [, traceId, spanId] = traceparent?.split("-") ?? [];
      const isContinued = traceId !== undefined && spanId !== undefined;
      return begin(name, isContinued ? { traceId, spanId } : undefined, attributes);
    },
    tree(traceId) {
      const named = new Map(spans.map(({ spanId, name }) => [spanId, name]));
      return spans
        .filter((span) => span.traceId === traceId && span.ends > 0)
        .map(({ name, parentId = "" }) => `${name} < ${named.get(parentId) ?? "-"}`);
    },
  };
}
