/**
 * The activities of merges and scrubs. Each is idempotent: run twice, or run again after a crash
 * anywhere inside, it leaves the same cold shard, manifest and dead letters. They speak to ports
 * and throw FreshetError; src/merges/temporal translates for Temporal.
 */

import { FreshetError } from "../src/contract/errors.ts";
import type { TenantId } from "../src/contract/ids.ts";
import type { MergePhase } from "../src/contract/merge.ts";
import {
  type MergeActivities,
  type MergeStepName,
  makeSteps,
  mergeSteps,
  type RequestOf,
  type ResultOf,
} from "../src/contract/merge-steps.ts";
import { isErased } from "../src/contract/tenant-life.ts";
import { type MergePorts, silentOnceEnded } from "./context.ts";
import { cleanSuperseded, sweepHeads } from "./merge/clean.ts";
import { commitMerge } from "./merge/commit.ts";
import { confirmMerge } from "./merge/confirm.ts";
import { planMerge } from "./merge/plan.ts";
import { verifyRange } from "./merge/verify.ts";
import { writeRange } from "./merge/write.ts";
import { isGivenUp } from "./reembed/remove.ts";
import { scrubCold } from "./scrub/cold-pass.ts";
import { finishScrub } from "./scrub/finish.ts";
import { scrubLog } from "./scrub/log-pass.ts";
import { planScrub } from "./scrub/plan.ts";

type Implementations = {
  readonly [Name in MergeStepName]: (
    ports: MergePorts,
    request: RequestOf<Name>,
  ) => Promise<ResultOf<Name>>;
};

const implementations: Implementations = {
  planMerge,
  writeRange,
  verifyRange,
  commitMerge,
  confirmMerge,
  cleanSuperseded,
  sweepHeads,
  planScrub,
  scrubLog,
  scrubCold,
  finishScrub,
};

export function createMergeActivities(given: MergePorts): MergeActivities {
  const ports = silentOnceEnded(given);
  return makeSteps(<Name extends MergeStepName>(name: Name) => async (request: RequestOf<Name>) => {
    const { log } = ports;
    const { life } = await log.lives.get(request.tenant);
    if (isErased(life) || (await isGivenUp(log, request.tenant))) {
      const nothing = ofErased[name];
      if (nothing !== undefined) return nothing(request);
      // It would write again what was removed; the next plan says that there is nothing.
      throw new FreshetError("tenant_erased");
    }
    showPhase(ports, request.tenant, mergeSteps[name].phase);
    return implementations[name](ports, request);
  });
}

/** What is nothing to do for a tenant that is erased. The other steps fail. */
const ofErased: {
  readonly [Name in MergeStepName]?: (request: RequestOf<Name>) => ResultOf<Name>;
} = {
  planMerge: () => ({ kind: "nothing" }),
  planScrub: () => ({ kind: "nothing" }),
  // A workflow that went on owing it would never end.
  confirmMerge: ({ to }) => ({ through: to, repaired: 0 }),
};

const phases = new Set(Object.values(mergeSteps).map(({ phase }) => phase));
phases.delete("idle");

/** One gauge per tenant and phase, 1 for the current phase. */
function showPhase({ metrics }: MergePorts, tenant: TenantId, phase: MergePhase): void {
  for (const one of phases) {
    metrics.set("merge_phase", one === phase ? 1 : 0, { tenant, phase: one });
  }
}
