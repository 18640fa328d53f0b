/**
 * The activities of a merge. Each is idempotent: run twice, or run again after a crash anywhere inside, it
 * leaves the same cold shard, manifest and dead letters. They speak to ports and throw FreshetError;
 * src/temporal translates for Temporal.
 */

import type { TenantId } from "../../src/contract/ids.ts";
import type {
  CommitResult,
  ConfirmResult,
  MergePhase,
  MergePlan,
} from "../../src/contract/merge.ts";
import type {
  ScrubColdResult,
  ScrubLogResult,
  ScrubMarker,
  ScrubPlan,
} from "../../src/contract/scrub.ts";
import type { MergePorts } from "../context.ts";
import { type ScrubColdRequest, scrubCold } from "../scrub/cold-pass.ts";
import { type ScrubLogRequest, scrubLog } from "../scrub/log-pass.ts";
import { type FinishScrubRequest, finishScrub, planScrub } from "../scrub/steps.ts";
import { type CleanRequest, type CleanResult, cleanSuperseded } from "./clean.ts";
import { type CommitRequest, commitMerge } from "./commit.ts";
import { type ConfirmRequest, confirmMerge } from "./confirm.ts";
import { silentOnceEnded } from "./ended.ts";
import { type PlanRequest, planMerge } from "./plan.ts";
import {
  type VerifyRequest,
  type VerifyResult,
  verifyRange,
  type WriteRequest,
  type WriteResult,
  writeRange,
} from "./write.ts";

export interface SweepHeadsRequest {
  readonly tenant: TenantId;
  /** `piecesThrough` of the newest merge that is cleaned up after. */
  readonly through: number;
}

export interface MergeActivities {
  planMerge(request: PlanRequest): Promise<MergePlan>;
  writeRange(request: WriteRequest): Promise<WriteResult>;
  verifyRange(request: VerifyRequest): Promise<VerifyResult>;
  commitMerge(request: CommitRequest): Promise<CommitResult>;
  confirmMerge(request: ConfirmRequest): Promise<ConfirmResult>;
  cleanSuperseded(request: CleanRequest): Promise<CleanResult>;
  sweepHeads(request: SweepHeadsRequest): Promise<void>;
  planScrub(request: { readonly tenant: TenantId }): Promise<ScrubPlan>;
  scrubLog(request: ScrubLogRequest): Promise<ScrubLogResult>;
  scrubCold(request: ScrubColdRequest): Promise<ScrubColdResult>;
  finishScrub(request: FinishScrubRequest): Promise<ScrubMarker>;
}

export function createMergeActivities(given: MergePorts): MergeActivities {
  const ports = silentOnceEnded(given);
  const enter = phaseGauge(ports);
  return {
    planMerge(request) {
      enter(request.tenant, "planning");
      return planMerge(ports, request);
    },
    async writeRange(request) {
      enter(request.tenant, "writing");
      const result = await writeRange(ports, request);
      const { tenant } = request;
      ports.metrics.set("merge_written_objects", result.written, { tenant });
      return result;
    },
    verifyRange(request) {
      enter(request.tenant, "verifying");
      return verifyRange(ports, request);
    },
    async commitMerge(request) {
      enter(request.tenant, "committing");
      const { tenant, from, to, purpose } = request;
      const result = await commitMerge(ports, request);
      ports.logger.info({ tenant, from, to, purpose, result: result.kind }, "merge commit");
      return result;
    },
    confirmMerge(request) {
      enter(request.tenant, "confirming");
      return confirmMerge(ports, request);
    },
    cleanSuperseded(request) {
      enter(request.tenant, "cleaning");
      return cleanSuperseded(ports, request);
    },
    async sweepHeads({ tenant, through }) {
      enter(tenant, "idle");
      const stored = await ports.log.manifests.get(tenant);
      if (stored === null) return;
      const keep = stored.manifest.pieces.map(({ digest }) => digest);
      await ports.log.manifests.sweepPieces(tenant, { keep, through });
    },
    planScrub(request) {
      enter(request.tenant, "scrubbing");
      return planScrub(ports, request);
    },
    scrubLog(request) {
      enter(request.tenant, "scrubbing");
      return scrubLog(ports, request);
    },
    scrubCold(request) {
      enter(request.tenant, "scrubbing");
      return scrubCold(ports, request);
    },
    finishScrub(request) {
      enter(request.tenant, "idle");
      return finishScrub(ports, request);
    },
  };
}

/** One gauge a tenant and phase, 1 for the current phase. */
function phaseGauge({ metrics }: MergePorts): (tenant: TenantId, phase: MergePhase) => void {
  const phases = [
    "planning",
    "writing",
    "verifying",
    "committing",
    "confirming",
    "cleaning",
    "scrubbing",
  ] as const;
  return (tenant, phase) => {
    for (const one of phases) {
      metrics.set("merge_phase", one === phase ? 1 : 0, { tenant, phase: one });
    }
  };
}
