/**
 * The end of a scrub: what the comparison means for the marker.
 *
 *   SR1  the marker says that cold equals the log only if a scrub that saw the whole of both found
 *        it so; a scrub that a merge overtook leaves the marker as it is;
 *   SR2  a scrub that finds a live document lost takes the marker back, so that readers declare it
 *        (I12).
 */

import type { Position, Version } from "../../src/contract/ids.ts";
import type { FinishScrubRequest, ScrubMarker } from "../../src/contract/scrub.ts";
import type { MergePorts } from "../context.ts";

/** @throws FreshetError log_unavailable, cold_unavailable */
export async function finishScrub(
  ports: MergePorts,
  request: FinishScrubRequest,
): Promise<ScrubMarker> {
  const { tenant, lost, counts } = request;
  const marker = await settleMarker(ports, request);
  ports.logger.info({ tenant, ...counts, lost, marker }, "a scrub has ended");
  // A retry of this step counts again; the numbers are for alerts, the report has the exact ones.
  ports.metrics.count("scrub_objects_total", { tenant, outcome: "deleted" }, counts.deleted);
  ports.metrics.count("scrub_objects_total", { tenant, outcome: "repaired" }, counts.repaired);
  if (lost !== null) ports.metrics.set("scrub_lost_documents", lost, { tenant });
  return marker;
}

async function settleMarker(
  { log, cold, logger }: MergePorts,
  { tenant, revision, lost, markedTo }: FinishScrubRequest,
): Promise<ScrubMarker> {
  const stored = await log.manifests.get(tenant);
  if (lost === null || stored === null || stored.revision !== revision) return "kept";
  const { to, version } = stored.manifest;
  const marker = await cold.readMarker(tenant);
  const markedNow = marker?.to ?? 0;
  const isCurrent = markedNow >= to;
  if (lost > 0) {
    logger.error({ tenant, documents: lost }, "cold lost documents that the log no longer holds");
    if (!isCurrent) return "kept";
    await cold.writeMarker(tenant, { to: 0 as Position, version: 0 as Version });
    return "withdrawn";
  }
  // Another marker than at the beginning means another cold: restored to an older state meanwhile.
  if (isCurrent || markedNow !== (markedTo ?? markedNow)) return "kept";
  await cold.writeMarker(tenant, { to, version });
  return "restored";
}
