/**
 * What the next merge of a tenant will do. Reads only, so `preview` is the plan itself.
 *
 * A marker behind the manifest means that cold was restored from an older state or emptied. Merging
 * on top and writing a newer marker would hide that, so the lost range is merged again first, from
 * the log, marker by marker. Where the log no longer holds it, merges continue (hot memory must
 * drain) but no longer mark: readers then keep declaring cold incomplete.
 */

import { FreshetError } from "../../src/contract/errors.ts";
import { incarnationOf, type Position, type TenantId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { confirmedTo, emptyManifest, type Manifest } from "../../src/contract/manifest.ts";
import type { MergePlan, PlannedMerge } from "../../src/contract/merge.ts";
import type { PlanRequest } from "../../src/contract/merge-steps.ts";
import type { RecordHeader } from "../../src/contract/record.ts";
import { logNowMs, type MergePorts } from "../context.ts";
import { type BoundedHeaders, countRange, readBoundedHeaders, readUnlessBroken } from "./range.ts";

interface Standing {
  readonly deployment: string;
  readonly manifest: Manifest;
  readonly expectedRevision: number;
  readonly piecesThrough: number;
  readonly last: RecordHeader | null;
  /** Up to where cold says that it equals the log. */
  readonly markedTo: Position;
}

/** @throws FreshetError log_identity, log_unavailable, cold_unavailable, broken_chain */
export async function planMerge(ports: MergePorts, request: PlanRequest): Promise<MergePlan> {
  const { tenant } = request;
  const standing = await readStanding(ports, tenant);
  const { manifest, last } = standing;
  if (standing.markedTo < manifest.to) {
    const lost = { tenant, from: standing.markedTo, to: manifest.to };
    const repair = await readUnlessBroken(ports, lost);
    if (repair !== null) return planned("repair", standing, repair);
    ports.logger.error({ tenant }, "cold lost merged documents that the log no longer holds");
  }
  if (last === null) return nothing(standing);
  const { upTo } = request;
  const unmerged = { tenant, from: manifest.to, to: last.position, upTo };
  const expiredAtMs = (await logNowMs(ports)) - limits.mergeExpiryMarginMs;
  return planned(
    "advance",
    { ...standing, expiredAtMs },
    await readBoundedHeaders(ports, unmerged),
  );
}

async function readStanding(ports: MergePorts, tenant: TenantId): Promise<Standing> {
  const stored = await ports.log.manifests.get(tenant);
  const manifest = stored?.manifest ?? emptyManifest;
  const last = await ports.log.chunks.last(tenant);
  checkIdentity(manifest, last);
  const marker = await ports.cold.readMarker(tenant);
  return {
    deployment: ports.log.deployment,
    manifest,
    last,
    expectedRevision: stored?.revision ?? 0,
    piecesThrough: await ports.log.manifests.lastPiece(),
    markedTo: marker?.to ?? (0 as Position),
  };
}

/**
 * The newest record of a tenant is never purged, so a log that ends before the watermark is another
 * log.
 */
function checkIdentity(manifest: Manifest, last: RecordHeader | null): void {
  if (manifest.to === 0) return;
  const same =
    last !== null &&
    last.position >= manifest.to &&
    incarnationOf(last.position) === manifest.incarnation;
  if (!same) throw new FreshetError("log_identity", "the log ends before the tenant's watermark");
}

function planned(
  purpose: PlannedMerge["purpose"],
  standing: Standing & { readonly expiredAtMs?: number },
  { headers, more }: BoundedHeaders,
): MergePlan {
  const { deployment, manifest, expectedRevision, piecesThrough, last, markedTo } = standing;
  const { expiredAtMs } = standing;
  const end = headers.at(-1);
  if (end === undefined) return nothing(standing);
  const repairs = purpose === "repair";
  // A takeover is nothing to merge: with each restart of a node every idle tenant would write all
  // of its heads anew. At a bound fences are passed nevertheless: what lies after them must be
  // reached. What the takeover found merged and unconfirmed is still owed: nothing else would look
  // at it before the tenant's next write.
  const isIdle = !repairs && !more && headers.every(({ kind }) => kind === "fence");
  if (isIdle) return nothing(standing);
  return {
    kind: "merge",
    purpose,
    tenant: end.tenant,
    // Also when the request did not say: the steps that follow are of the same log, on any worker.
    deployment,
    from: repairs ? markedTo : manifest.to,
    to: end.position,
    ...countRange(headers, expiredAtMs),
    ...(expiredAtMs === undefined ? {} : { expiredAtMs }),
    version: end.version,
    expectedRevision,
    piecesThrough,
    piecesBefore: manifest.pieces.map(({ digest }) => digest),
    marks: repairs || markedTo >= manifest.to,
    // After a repair there may be unmerged records: the next plan tells.
    more: more || (repairs && last !== null && last.position > end.position),
  };
}

function nothing({ manifest, deployment }: Pick<Standing, "manifest" | "deployment">): MergePlan {
  const { to } = manifest;
  const isConfirmed = confirmedTo(manifest) >= to;
  return isConfirmed ? { kind: "nothing" } : { kind: "nothing", unconfirmedTo: to, deployment };
}
