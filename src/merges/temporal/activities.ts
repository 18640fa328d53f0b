/**
 * Thin adapter between the activities and Temporal: heartbeats, cancellation, failures. All that the
 * activities do is in activities/, in terms of ports.
 */

import { Context } from "@temporalio/activity";
import type { ActivityProgress, MergePorts } from "../../../activities/context.ts";
import { createMergeActivities, type MergeActivities } from "../../../activities/merge/steps.ts";
import {
  purgeOld,
  type RetentionActivities,
  type RetentionRequest,
} from "../../../activities/retention/retention.ts";
import {
  createSweepActivities,
  type ScrubSweepRequest,
  type SweepActivities,
} from "../../../activities/sweep.ts";
import { FreshetError } from "../../contract/errors.ts";
import { limits } from "../../contract/limits.ts";
import type { Described } from "../../contract/merge.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { MergeClient } from "../port.ts";
import { toApplicationFailure } from "./failures.ts";

export interface TemporalActivitiesOptions {
  readonly ports: Omit<MergePorts, "heartbeat" | "signal">;
  readonly client: Pick<MergeClient, "due" | "scrubDue">;
  readonly ageMs: number;
  readonly replayWindowMs: number;
}

export function createTemporalActivities({
  ports: outer,
  client,
  ageMs,
  replayWindowMs,
}: TemporalActivitiesOptions): MergeActivities & SweepActivities & RetentionActivities {
  const lastProgress = new WeakMap<Context, ActivityProgress>();
  const ports: MergePorts = {
    ...outer,
    heartbeat(progress) {
      const context = Context.current();
      lastProgress.set(context, progress);
      context.heartbeat(progress);
    },
    signal: () => Context.current().cancellationSignal,
  };
  const requestMerge = client.due.bind(client);
  const requestScrub = client.scrubDue.bind(client);
  const activities = {
    ...createMergeActivities(ports),
    ...createSweepActivities({ ports, ageMs, requestMerge, requestScrub }),
  };

  function wrap<Request, Result>(name: string, run: (request: Request) => Promise<Result>) {
    return async (request: Request): Promise<Result> => {
      const context = Context.current();
      const ended = new AbortController();
      // A step without progress (a slow request) is alive too; its own time limits end it, not this.
      const beating = beat(outer.clock, ended.signal, () =>
        context.heartbeat(lastProgress.get(context)),
      );
      try {
        checkDeployment(request, outer.log.deployment);
        return await run(request);
      } catch (thrown) {
        if (context.cancellationSignal.aborted) throw context.cancellationSignal.reason;
        const failure = toApplicationFailure(thrown);
        const { attempt } = context.info;
        outer.logger.warn({ activity: name, code: failure.type, attempt }, "a merge step failed");
        throw failure;
      } finally {
        ended.abort();
        await beating;
      }
    };
  }

  return {
    planMerge: wrap("planMerge", activities.planMerge),
    writeRange: wrap("writeRange", activities.writeRange),
    verifyRange: wrap("verifyRange", activities.verifyRange),
    commitMerge: wrap("commitMerge", activities.commitMerge),
    confirmMerge: wrap("confirmMerge", activities.confirmMerge),
    cleanSuperseded: wrap("cleanSuperseded", activities.cleanSuperseded),
    sweepHeads: wrap("sweepHeads", activities.sweepHeads),
    planScrub: wrap("planScrub", activities.planScrub),
    scrubLog: wrap("scrubLog", activities.scrubLog),
    scrubCold: wrap("scrubCold", activities.scrubCold),
    finishScrub: wrap("finishScrub", activities.finishScrub),
    purgeOld: wrap("purgeOld", (request: RetentionRequest) =>
      purgeOld(ports, request, replayWindowMs),
    ),
    signalDueTenants: wrap("signalDueTenants", (request?: Described) =>
      activities.signalDueTenants(request),
    ),
    requestScrubs: wrap("requestScrubs", (request?: ScrubSweepRequest) =>
      activities.requestScrubs(request),
    ),
  };
}

/** @param request of whatever step, with or without `Described` @throws FreshetError log_identity */
function checkDeployment(request: unknown, own: string): void {
  if (typeof request !== "object" || request === null || !("deployment" in request)) return;
  const wanted = request.deployment;
  if (wanted === undefined || wanted === own) return;
  throw new FreshetError(
    "log_identity",
    `this is work of deployment ${wanted}, and the worker belongs to ${own}: give each a Temporal namespace`,
  );
}

async function beat(clock: Clock, ended: AbortSignal, heartbeat: () => void): Promise<void> {
  while (!ended.aborted) {
    await clock.sleep(limits.mergeHeartbeatEveryMs, ended);
    if (!ended.aborted) heartbeat();
  }
}
