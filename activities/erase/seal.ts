/** The tombstone of a tenant that is erased, or of a generation that is given up. */

import type { EraseBounds, EraseInput } from "../../src/contract/erase.ts";
import { FreshetError, toFreshetError } from "../../src/contract/errors.ts";
import { nextAfter, noPosition, type TenantId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { isTombstone, tombstoneOf } from "../../src/log/tombstone.ts";
import type { MergePorts } from "../context.ts";

/** After it no owner can append, not even one that has slept through all of it. */
export async function sealTenant(ports: MergePorts, { tenant }: EraseInput): Promise<EraseBounds> {
  const { log, clock } = ports;
  for (let attempt = 1; attempt <= limits.appendAttemptsMax; attempt += 1) {
    const last = await newestRecord(ports, tenant);
    const outcome = isTombstone(last)
      ? ({ kind: "appended", position: last?.position ?? noPosition } as const)
      : await log.chunks.append(tombstoneOf(tenant, last), last?.position ?? noPosition);
    if (outcome.kind === "appended") {
      const newest = await log.docs.lastVersion(tenant);
      return { chunks: outcome.position, docs: nextAfter(newest) };
    }
    // Its owner has not heard yet, and appends.
    await clock.sleep(limits.erasePauseMinMs, ports.signal());
  }
  throw new FreshetError("log_unavailable", "the tenant's owner still appends");
}

/** A newest record that cannot be read would keep its tenant for ever: it goes with the others. */
async function newestRecord({ log }: MergePorts, tenant: TenantId) {
  try {
    return await log.chunks.last(tenant);
  } catch (thrown) {
    if (toFreshetError(thrown).code !== "broken_chain") throw thrown;
    await log.erasure.remove({ tenant, of: "records" });
    return null;
  }
}
