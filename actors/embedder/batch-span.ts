/** A batch serves requests of many traces: it belongs to the first, and links to the others. */

import { noSpan, type Span } from "../../src/contract/tracing.ts";
import { batchShape } from "../../src/embedding/batching.ts";
import type { PendingText } from "./request.ts";

export function batchSpan<Vector>(batch: readonly PendingText<Vector>[], lane: string): Span {
  const traced = new Set<Span>();
  for (const { request } of batch) if (request.span.traceId !== undefined) traced.add(request.span);
  const [first, ...others] = traced;
  if (first === undefined) return noSpan;
  const { rows, columns } = batchShape(batch);
  const span = first.child("embed batch", {
    "freshet.lane": lane,
    "freshet.texts": rows,
    "freshet.padded_tokens": rows * columns,
  });
  span.link(others);
  return span;
}
