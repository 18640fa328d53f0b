/** Who of the erases of documents asks for a merge, and the holds of those that have ended. */

import type { TenantId, Version } from "../../src/contract/ids.ts";
import {
  type HeldDeletes,
  holdsOf,
  lastOf,
  othersOf,
  withHolds,
} from "../../src/contract/tenant-privacy.ts";
import { changePrivacy } from "../../src/log/privacy.ts";
import type { MergePorts } from "../context.ts";
import { passingOver } from "../passing-over.ts";

/**
 * Of all that wait, the one with the lowest last delete that is not merged asks for the merge: it
 * takes all that is in the log along. Pure.
 */
export function asksForMerge(
  held: readonly HeldDeletes[],
  versions: HeldDeletes,
  merged: Version,
): boolean {
  const own = lastOf(versions);
  return othersOf(held, versions).every((other) => {
    const last = lastOf(other);
    return last <= merged || last >= own;
  });
}

/** Whether the erase of this delete is under way. @throws FreshetError temporal_unavailable */
export type IsErasing = (tenant: TenantId, version: Version) => Promise<boolean>;

/**
 * Those of erases that have ended without a receipt: an operator terminated the workflow, it failed
 * for good, or Temporal lost it. Nobody else would let go of them.
 * @throws FreshetError log_unavailable, temporal_unavailable
 */
export async function releaseHolds(ports: MergePorts, isErasing: IsErasing): Promise<void> {
  const { log, logger } = ports;
  for await (const { tenant, privacy } of log.privacy.all()) {
    const held = holdsOf(privacy);
    if (held.length === 0) continue;
    ports.signal()?.throwIfAborted();
    await passingOver(ports, { step: "retention", tenant }, async () => {
      const ended: Version[] = [];
      for (const version of held) {
        // One that begins just now holds again at its next look, long before it may be removed.
        if (!(await isErasing(tenant, version))) ended.push(version);
      }
      if (ended.length === 0) return;
      await changePrivacy(log.privacy, tenant, (now) =>
        withHolds(
          now,
          holdsOf(now).filter((version) => !ended.includes(version)),
        ),
      );
      logger.warn({ tenant, erases: ended.length }, "erases that ended without a receipt let go");
    });
  }
}
