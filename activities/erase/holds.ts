/**
 * Holds of erases of documents that have ended without a receipt: an operator terminated the
 * workflow, it failed for good, or Temporal lost it. Nobody else would let go of them, and they
 * keep later erases of their tenant waiting, and its operations from retention.
 */

import type { TenantId, Version } from "../../src/contract/ids.ts";
import { holdsOf, withHolds } from "../../src/contract/tenant-privacy.ts";
import { changePrivacy } from "../../src/log/privacy.ts";
import type { MergePorts } from "../context.ts";
import { passingOver } from "../passing-over.ts";

/** Whether the erase of this delete is under way. @throws FreshetError temporal_unavailable */
export type IsErasing = (tenant: TenantId, version: Version) => Promise<boolean>;

/** @throws FreshetError log_unavailable, temporal_unavailable */
export async function releaseHolds(ports: MergePorts, isErasing: IsErasing): Promise<void> {
  const { log, logger } = ports;
  for await (const { tenant, privacy } of log.privacy.all()) {
    const held = holdsOf(privacy);
    if (held.length === 0) continue;
    ports.signal()?.throwIfAborted();
    await passingOver(ports, { step: "retention", tenant }, async () => {
      const ended: Version[] = [];
      for (const version of held) {
        // An erase is under way before it holds anything.
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
