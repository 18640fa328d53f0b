/** Traces of a process, where a collector is set; the SDK is loaded only there. */

import { silentTracer, type Tracer } from "../contract/tracing.ts";
import type { Foundation } from "./foundation.ts";
import type { Stack } from "./stack.ts";

/** Pushed first, so that it is stopped last: what the others end is sent. */
export async function openTracing(
  { config, logger, version }: Pick<Foundation, "config" | "logger" | "version">,
  stack: Stack,
  role: "engine" | "merge-worker",
): Promise<Tracer> {
  if (config.tracing === undefined) return silentTracer;
  const { openTracer } = await import("../observe/traces.ts");
  const { service = `freshet-${role}`, ...settings } = config.tracing;
  const tracer = openTracer({ ...settings, service, node: config.node, version });
  stack.push("traces", tracer, (part) => part.close());
  const { url, sampler, ratio } = settings;
  logger.info({ collector: new URL(url).origin, sampler, ratio }, "traces are sent");
  return tracer;
}
