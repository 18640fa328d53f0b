/**
 * Traces of a process by OpenTelemetry: spans of the port, sent in batches over OTLP/HTTP. Loaded
 * only where an endpoint is set, so that without one no part of the SDK is.
 *
 * Owns: the SDK's provider, which is never registered globally: context goes with messages.
 *
 *   TR1  an attribute outside the closed set, or with more than a word in it, is left out: a
 *        mistake in a caller is no leak (I10);
 *   TR2  a trace that is not sampled costs one object: its spans are not made, and its context
 *        still travels, so that every process decides alike;
 *   TR3  a collector that is away costs spans, never work: the queue is bounded, and a stop waits
 *        for it a bounded time.
 */

import {
  type Attributes,
  type Context,
  SpanKind as OtelKind,
  type Span as OtelSpan,
  type Tracer as OtelTracer,
  ROOT_CONTEXT,
  SpanStatusCode,
  TraceFlags,
  trace,
} from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { defaultResource, resourceFromAttributes } from "@opentelemetry/resources";
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  NodeTracerProvider,
  ParentBasedSampler,
  type Sampler,
  TraceIdRatioBasedSampler,
} from "@opentelemetry/sdk-trace-node";
import { limits } from "../contract/limits.ts";
import type { TracingSettings } from "../contract/links.ts";
import {
  noSpan,
  type Span,
  type SpanAttributes,
  type SpanKind,
  type SpanName,
  spanKinds,
  type Tracer,
  traceparentOf,
} from "../contract/tracing.ts";

export interface TracingOptions extends TracingSettings {
  readonly service: string;
  readonly node: string;
  readonly version: string;
}

export interface OpenTracer extends Tracer {
  /** Sends what is left, for a bounded time. */
  close(): Promise<void>;
}

export function openTracer(options: TracingOptions): OpenTracer {
  const exporter = new OTLPTraceExporter({
    url: options.url,
    timeoutMillis: limits.traceExportMs,
  });
  const provider = new NodeTracerProvider({
    resource: resourceOf(options),
    sampler: samplerOf(options),
    spanLimits: { linkCountLimit: limits.spanLinksMax },
    spanProcessors: [
      new BatchSpanProcessor(exporter, {
        maxQueueSize: limits.traceQueueSpansMax,
        maxExportBatchSize: limits.traceBatchSpansMax,
        scheduledDelayMillis: limits.traceEveryMs,
        exportTimeoutMillis: limits.traceExportMs,
      }),
    ],
  });
  const tracer = provider.getTracer("freshet", options.version);
  const isParentBased = options.sampler.startsWith("parentbased_");
  return {
    start(name, { traceparent, attributes } = {}) {
      const parent = traceparentOf(traceparent);
      if (isParentBased && parent !== undefined && !isSampled(parent)) return unsampled(parent);
      const context = parent === undefined ? ROOT_CONTEXT : contextOf(parent);
      return startedIn(tracer, context, { name, attributes });
    },
    close: () => provider.shutdown().catch(() => {}),
  };
}

function resourceOf({ service, node, version }: TracingOptions) {
  return defaultResource().merge(
    resourceFromAttributes({
      "service.name": service,
      "service.version": version,
      "service.instance.id": node,
    }),
  );
}

function samplerOf({ sampler, ratio }: TracingOptions): Sampler {
  const root = rootSampler(sampler.replace("parentbased_", ""), ratio);
  return sampler.startsWith("parentbased_") ? new ParentBasedSampler({ root }) : root;
}

function rootSampler(name: string, ratio: number): Sampler {
  if (name === "always_on") return new AlwaysOnSampler();
  if (name === "always_off") return new AlwaysOffSampler();
  return new TraceIdRatioBasedSampler(ratio);
}

const kinds: Readonly<Record<SpanKind, OtelKind>> = {
  internal: OtelKind.INTERNAL,
  server: OtelKind.SERVER,
  client: OtelKind.CLIENT,
  producer: OtelKind.PRODUCER,
  consumer: OtelKind.CONSUMER,
};

function startedIn(
  tracer: OtelTracer,
  context: Context,
  {
    name,
    attributes,
  }: { readonly name: SpanName; readonly attributes?: SpanAttributes | undefined },
): Span {
  const options = { kind: kinds[spanKinds[name]], attributes: checked(attributes ?? {}) };
  const span = tracer.startSpan(name, options, context);
  return span.isRecording()
    ? new RecordedSpan(tracer, span, context)
    : unsampled(traceparentIn(span));
}

class RecordedSpan implements Span {
  readonly #tracer: OtelTracer;
  readonly #span: OtelSpan;
  readonly #context: Context;

  constructor(tracer: OtelTracer, span: OtelSpan, context: Context) {
    this.#tracer = tracer;
    this.#span = span;
    this.#context = context;
  }

  get traceparent(): string {
    return traceparentIn(this.#span);
  }

  get traceId(): string {
    return this.#span.spanContext().traceId;
  }

  child(name: SpanName, attributes?: SpanAttributes): Span {
    const context = trace.setSpan(this.#context, this.#span);
    return startedIn(this.#tracer, context, { name, attributes });
  }

  set(attributes: SpanAttributes): void {
    this.#span.setAttributes(checked(attributes));
  }

  link(others: readonly Span[]): void {
    for (const { traceparent } of others.slice(0, limits.spanLinksMax)) {
      if (traceparent !== undefined) this.#span.addLink({ context: spanContextOf(traceparent) });
    }
  }

  end(errorCode?: string): void {
    if (errorCode !== undefined) {
      this.set({ "error.type": errorCode });
      this.#span.setStatus({ code: SpanStatusCode.ERROR });
    }
    this.#span.end();
  }
}

/** TR2. */
function unsampled(traceparent: string): Span {
  const span: Span = { ...noSpan, traceparent, child: () => span };
  return span;
}

function traceparentIn(span: OtelSpan): string {
  const { traceId, spanId, traceFlags } = span.spanContext();
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`;
}

function spanContextOf(traceparent: string) {
  const [, traceId = "", spanId = "", flags = "00"] = traceparent.split("-");
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
}

const contextOf = (traceparent: string): Context =>
  trace.setSpanContext(ROOT_CONTEXT, spanContextOf(traceparent));

function isSampled(traceparent: string): boolean {
  return (Number.parseInt(traceparent.slice(-2), 16) & TraceFlags.SAMPLED) !== 0;
}

/** Every name that the port has; the compiler insists on each. */
const attributeNames: Readonly<Record<keyof SpanAttributes, true>> = {
  "freshet.tenant": true,
  "freshet.version": true,
  "freshet.outcome": true,
  "freshet.lane": true,
  "freshet.texts": true,
  "freshet.padded_tokens": true,
  "freshet.chunks": true,
  "freshet.hits": true,
  "freshet.sources": true,
  "freshet.coverage.cold": true,
  "freshet.merge.step": true,
  "freshet.attempt": true,
  "freshet.endpoint": true,
  "messaging.system": true,
  "messaging.destination.name": true,
  "db.system.name": true,
  "db.operation.name": true,
  "gen_ai.operation.name": true,
  "gen_ai.provider.name": true,
  "gen_ai.request.model": true,
  "gen_ai.request.max_tokens": true,
  "gen_ai.usage.input_tokens": true,
  "gen_ai.usage.output_tokens": true,
  "error.type": true,
};

/** One word, as names of tenants, models, codes and steps are. */
const word = /^[\w./:@~-]{1,128}$/;

/** TR1. */
function checked(attributes: SpanAttributes): Attributes {
  const kept: Attributes = {};
  for (const [name, value] of Object.entries(attributes) as [string, string | number][]) {
    if (!Object.hasOwn(attributeNames, name)) continue;
    if (typeof value === "number" ? Number.isFinite(value) : word.test(value)) kept[name] = value;
  }
  return kept;
}
