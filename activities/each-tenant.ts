/** Work on one tenant after the other: what is wrong with one of them is no reason to leave out the others (I9). */

import { type ErrorCode, toFreshetError } from "../src/contract/errors.ts";
import type { MergePorts } from "./context.ts";

/** Of the services, not of a tenant: the next tenant would fail in the same way. */
const ofEverybody = new Set<ErrorCode>([
  "log_unavailable",
  "log_identity",
  "temporal_unavailable",
  "cold_unavailable",
  "cancelled",
]);

export interface TenantWork<Value> {
  /** A tenant, or a token that is none. */
  readonly tenant: string;
  readonly work: "merge" | "scrub" | "retention";
  readonly run: () => Promise<Value>;
}

/** Undefined when the tenant's own state broke it: that is counted and logged. @throws what would stop everybody */
export async function unlessItsOwnFault<Value>(
  { logger, metrics, signal }: MergePorts,
  { tenant, work, run }: TenantWork<Value>,
): Promise<Value | undefined> {
  try {
    return await run();
  } catch (thrown) {
    const { code, message: cause } = toFreshetError(thrown);
    if (ofEverybody.has(code) || signal()?.aborted === true) throw thrown;
    metrics.count("tenants_skipped_total", { work });
    logger.error({ tenant, work, code, cause }, "a sweep passed over a tenant");
    return undefined;
  }
}
