/**
 * The second look at what merges committed, `mergeConfirmMs` later. The first one came right after
 * the writes; what an earlier attempt still had on its way, or a vendor lost after it had
 * acknowledged it, shows only later.
 *
 *   CF1  `confirmed` moves only over records that this look found whole in cold: until then hot
 *        keeps them (V3), an owner that starts loads them, and the log does not forget them
 *        (`retentionBounds`);
 *   CF2  what is missing is written again, and looked at once more after another wait;
 *   CF3  `confirmed` never moves back, and never beyond the watermark;
 *   CF4  what is owed above the watermark is owed to no record of this log, which came in the place
 *        of another one, or was restored: it ends with the watermark. Owed for ever it would keep
 *        its workflow, and every confirmation that comes after it, waiting. Of a manifest that an
 *        old leader has told, the rest is asked for again by the sweep (OQ1).
 */

import { FreshetError } from "../../src/contract/errors.ts";
import type { Position, TenantId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { confirmedTo, emptyManifest } from "../../src/contract/manifest.ts";
import type { ConfirmResult } from "../../src/contract/merge.ts";
import type { ConfirmRequest } from "../../src/contract/merge-steps.ts";
import type { MergePorts } from "../context.ts";
import { liveIn, readScrubbed } from "../scrub/standing.ts";
import { readBoundedHeaders } from "./range.ts";
import { repair } from "./repair.ts";
import { readBack } from "./verify.ts";

/**
 * One window, as large as a merge.
 * @throws FreshetError broken_chain, cold_unavailable, log_unavailable, log_identity
 */
export async function confirmMerge(
  ports: MergePorts,
  { tenant, to }: ConfirmRequest,
): Promise<ConfirmResult> {
  const { heads, manifest } = await readScrubbed(ports, tenant);
  const after = confirmedTo(manifest);
  const end = Math.min(to, manifest.to) as Position;
  const moved = (position: Position): ConfirmResult => {
    const isAll = position >= end && position < to;
    return { through: isAll ? to : position, repaired: 0 };
  };
  if (after >= end) return moved(after);
  const { headers } = await readBoundedHeaders(ports, { tenant, from: after, to: end });
  const through = headers.at(-1)?.position ?? end;
  const live = liveIn(heads, headers);
  const found = await readBack(ports, tenant, live);
  if (found.lost.length === 0) {
    return moved(await moveConfirmed(ports, tenant, through));
  }
  const { repaired } = await repair(ports, tenant, found);
  // All that is missing was refused for good, and has dead letters: it would be missing at every
  // look.
  if (repaired === 0) return moved(await moveConfirmed(ports, tenant, through));
  ports.logger.error({ tenant, objects: repaired }, "cold lost what it had acknowledged");
  ports.metrics.count("confirm_repaired_total", { tenant }, repaired);
  return { through: after, repaired };
}

/**
 * A merge that was committed meanwhile has newer heads: what was found is more than enough for
 * them.
 */
async function moveConfirmed(
  { log }: MergePorts,
  tenant: TenantId,
  through: Position,
): Promise<Position> {
  for (let attempt = 1; attempt <= limits.appendAttemptsMax; attempt += 1) {
    const stored = await log.manifests.get(tenant);
    const { manifest, revision } = stored ?? { manifest: emptyManifest, revision: 0 };
    if (confirmedTo(manifest) >= through) return confirmedTo(manifest);
    const next = { ...manifest, confirmed: Math.min(through, manifest.to) as Position };
    if ((await log.manifests.commit(tenant, next, revision)) === "committed") return next.confirmed;
  }
  throw new FreshetError("log_unavailable", "others kept committing");
}
