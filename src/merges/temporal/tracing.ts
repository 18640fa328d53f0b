/**
 * Traces through Temporal: requests carry their context in a header, `workflows/trace-headers.ts`
 * hands it on, and each attempt of a step is a span of it. Without the header a step has no span.
 */

import type { WorkflowClientInterceptor } from "@temporalio/client";
import { defaultPayloadConverter, type Headers } from "@temporalio/common";
import type { ActivityInterceptorsFactory } from "@temporalio/worker";
import { toFreshetError } from "../../contract/errors.ts";
import { traceHeader } from "../../contract/merge.ts";
import {
  type Span,
  silentTracer,
  spanned,
  type Tracer,
  traceparentOf,
} from "../../contract/tracing.ts";

export function tracedRequests(tracer: Tracer | undefined): WorkflowClientInterceptor[] {
  if (tracer === undefined || tracer === silentTracer) return [];
  const requested = <Input extends { readonly headers: Headers }>(
    input: Input,
  ): { readonly input: Input; readonly span: Span } => {
    const span = tracer.start("merge request", { attributes: { "messaging.system": "temporal" } });
    const { traceparent } = span;
    if (traceparent === undefined) return { input, span };
    const payload = defaultPayloadConverter.toPayload(traceparent);
    return { input: { ...input, headers: { ...input.headers, [traceHeader]: payload } }, span };
  };
  return [
    {
      signalWithStart(asked, next) {
        const { input, span } = requested(asked);
        return spanned(span, () => next(input));
      },
    },
  ];
}

export function tracedSteps(tracer: Tracer | undefined): ActivityInterceptorsFactory[] {
  if (tracer === undefined || tracer === silentTracer) return [];
  return [
    ({ info }) => ({
      inbound: {
        async execute(input, next) {
          const traceparent = traceparentIn(input.headers);
          if (traceparent === undefined) return next(input);
          const span = tracer.start("merge step", {
            traceparent,
            attributes: {
              "freshet.merge.step": info.activityType,
              "freshet.attempt": info.attempt,
              ...tenantOf(input.args[0]),
            },
          });
          try {
            const result = await next(input);
            span.end();
            return result;
          } catch (thrown) {
            span.end(codeOf(thrown));
            throw thrown;
          }
        },
      },
    }),
  ];
}

function traceparentIn(headers: Headers): string | undefined {
  const payload = headers[traceHeader];
  if (payload === undefined) return undefined;
  return traceparentOf(defaultPayloadConverter.fromPayload(payload));
}

/** Requests of steps name their tenant. */
function tenantOf(request: unknown): { readonly "freshet.tenant"?: string } {
  if (typeof request !== "object" || request === null || !("tenant" in request)) return {};
  return typeof request.tenant === "string" ? { "freshet.tenant": request.tenant } : {};
}

/** Steps fail with an application failure that is named after its code. */
function codeOf(thrown: unknown): string {
  if (typeof thrown === "object" && thrown !== null && "type" in thrown) {
    if (typeof thrown.type === "string") return thrown.type;
  }
  return toFreshetError(thrown).code;
}
