/** The beginning of a scrub: what there is to compare. Reads only. */

import type { Position, TenantId, Version } from "../../src/contract/ids.ts";
import type { RecordHeader } from "../../src/contract/record.ts";
import type { ScrubPlan } from "../../src/contract/scrub.ts";
import type { MergePorts } from "../context.ts";
import { readScrubbed } from "./standing.ts";

/** @throws FreshetError log_unavailable, log_identity, cold_unavailable */
export async function planScrub(
  ports: MergePorts,
  { tenant }: { readonly tenant: TenantId },
): Promise<ScrubPlan> {
  const { heads, manifest, revision } = await readScrubbed(ports, tenant);
  const first = await ports.log.chunks.first(tenant);
  const marker = await ports.cold.readMarker(tenant);
  if (first === null || manifest.to === 0) return { kind: "nothing" };
  const isUnheld = first.position > manifest.to;
  const heldFrom = isUnheld ? ((manifest.version + 1) as Version) : heldFromOf(first);
  let unheld = 0;
  for (const [, version] of heads) if (version < heldFrom) unheld += 1;
  return {
    kind: "scrub",
    tenant,
    revision,
    from: isUnheld ? manifest.to : first.previous,
    to: manifest.to,
    heldFrom,
    markedTo: marker?.to ?? (0 as Position),
    unheld,
    documents: heads.size,
  };
}

/** A fence has the version of the operation before it, whose own record may be gone. */
function heldFromOf({ kind, version }: RecordHeader): Version {
  return (kind === "fence" ? version + 1 : version) as Version;
}
