/**
 * What a sweep over all tenants does with one that fails: it is counted and named to the operator, and the others have
 * their turn. A failure that they would all have ends the sweep, which is then repeated.
 */

import { type ErrorCode, toFreshetError } from "../../src/contract/errors.ts";
import type { MergePorts } from "../context.ts";

export type SweepStep = "merge" | "retention" | "scrub";

/** Whatever tenant is asked next would fail in the same way. */
const ofEverybody: ReadonlySet<ErrorCode> = new Set([
  "log_unavailable",
  "log_identity",
  "temporal_unavailable",
  "cancelled",
]);

/** What the work brings; undefined when it failed and the sweep goes on. `tenant` may be a token that is none. */
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
    if (ofEverybody.has(code)) throw thrown;
    ports.metrics.count("sweep_failures_total", { step });
    ports.logger.error({ tenant, step, code }, "a sweep passed over a tenant that failed");
    return undefined;
  }
}
