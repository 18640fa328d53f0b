/** A tenant that fails is passed over by a sweep, so that the others have their turn. */

import { type ErrorCode, toFreshetError } from "../src/contract/errors.ts";
import type { MergePorts } from "./context.ts";

export type SweepStep = "merge" | "retention" | "scrub";

/** Failures that the next tenant would have as well. */
const sharedFailures: ReadonlySet<ErrorCode> = new Set([
  "log_unavailable",
  "log_identity",
  "temporal_unavailable",
  "cancelled",
]);

/**
 * What the work brings; undefined when it failed and the sweep continues. `tenant` may be a token
 * that is no tenant.
 */
export async function passingOver<Result>(
  ports: MergePorts,
  { step, tenant }: { readonly step: SweepStep; readonly tenant: string },
  work: () => Promise<Result>,
): Promise<Result | undefined> {
  try {
    return await work();
  } catch (thrown) {
    ports.signal()?.throwIfAborted();
    const { code } = toFreshetError(thrown);
    if (sharedFailures.has(code)) throw thrown;
    ports.metrics.count("sweep_failures_total", { step });
    ports.logger.error({ tenant, step, code }, "a sweep passed over a tenant that failed");
    return undefined;
  }
}
