/** Who hears of an applied operation: its publisher, the metrics, and its trace, which ends. */

import type { TenantId } from "../../src/contract/ids.ts";
import type { Metrics } from "../../src/contract/observation.ts";
import { noSpan } from "../../src/contract/tracing.ts";
import type { EventSink } from "../../src/log/port.ts";
import type { ApplyMessage } from "../messages.ts";
import { eventOf } from "./events.ts";

export interface Announcing {
  readonly tenant: TenantId;
  readonly events: Pick<EventSink, "publish">;
  readonly metrics: Metrics;
}

export function announce(
  { record, publishedAtMs, span = noSpan }: ApplyMessage,
  { tenant, events, metrics }: Announcing,
  nowMs: number,
): void {
  const event = eventOf(record, { nowMs, publishedAtMs });
  if (event === undefined) return;
  events.publish(tenant, event);
  metrics.count("operations_total", { tenant, outcome: event.status });
  span.set({ "freshet.outcome": event.status });
  span.end(event.reason);
  if (event.status !== "visible") return;
  const measured = { value: event.ms / 1000, traceId: span.traceId };
  metrics.observe("visible_seconds", measured, { tenant });
}
