/**
 * Thin adapter between the activities and Temporal: heartbeats, cancellation, failures. All that
 * the activities do is in activities/, in terms of ports.
 */

import { Context } from "@temporalio/activity";
import type { ActivityProgress, MergePorts } from "../../../activities/context.ts";
import { createEraseActivities } from "../../../activities/erase/erase.ts";
import {
  purgeOld,
  type RetentionActivities,
  type RetentionRequest,
} from "../../../activities/retention/retention.ts";
import { createMergeActivities } from "../../../activities/steps.ts";
import { createSweepActivities, type SweepActivities } from "../../../activities/sweep.ts";
import type { EraseActivities, TenantSources } from "../../contract/erase.ts";
import { FreshetError } from "../../contract/errors.ts";
import { limits } from "../../contract/limits.ts";
import type { MergeActivities } from "../../contract/merge-steps.ts";
import type { SignReceipt } from "../../contract/receipt.ts";
import type { Clock } from "../../runtime/clock.ts";
import { type Around, mapCalls } from "../../runtime/map-calls.ts";
import type { EraseClient, MergeClient } from "../port.ts";
import { toApplicationFailure } from "./failures.ts";

export interface TemporalActivitiesOptions {
  readonly ports: Omit<MergePorts, "heartbeat" | "signal">;
  readonly client: Pick<MergeClient, "due" | "scrubDue" | "cancel"> &
    Pick<EraseClient, "isErasing">;
  readonly sign: SignReceipt;
  readonly sources?: TenantSources | undefined;
  readonly endpoints?: TenantSources | undefined;
  readonly ageMs: number;
  readonly replayWindowMs: number;
  readonly confirmMs?: number | undefined;
}

export function createTemporalActivities({
  ports: outer,
  client,
  sign,
  sources,
  endpoints,
  ageMs,
  replayWindowMs,
  confirmMs,
}: TemporalActivitiesOptions): MergeActivities &
  SweepActivities &
  RetentionActivities &
  EraseActivities {
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
    ...createEraseActivities({
      ...ports,
      ...{ sign, sources, endpoints },
      requestMerge: (tenant) => client.due(tenant, "operator"),
      cancelMerge: (tenant) => client.cancel(tenant),
      // Temporal waits, not a slot of this worker: what is waited for are merges, which need slots.
      looksMax: 1,
    }),
    ...createMergeActivities(ports),
    ...createSweepActivities({
      ...{ ports, ageMs, confirmMs, requestMerge, requestScrub },
      cancelMerge: (name) => client.cancel(name),
      isErasing: (tenant, version) => client.isErasing(tenant, version),
    }),
    purgeOld: (request: RetentionRequest) => purgeOld(ports, request, replayWindowMs),
  };
  const attempted: Around =
    (run) =>
    async (...args) => {
      const context = Context.current();
      const ended = new AbortController();
      // A step without progress (a slow request) is alive too; its own time limits end it, not
      // this.
      const beating = beat(outer.clock, ended.signal, () =>
        context.heartbeat(lastProgress.get(context)),
      );
      try {
        checkDeployment(args[0], outer.log.deployment);
        return await run(...args);
      } catch (thrown) {
        if (context.cancellationSignal.aborted) throw context.cancellationSignal.reason;
        const failure = toApplicationFailure(thrown);
        const { activityType: activity, attempt } = context.info;
        const level = failure.type === "not_ready" ? "debug" : "warn";
        outer.logger[level]({ activity, code: failure.type, attempt }, "a merge step failed");
        throw failure;
      } finally {
        ended.abort();
        await beating;
      }
    };
  return mapCalls(activities, attempted, {});
}

/** @param request of any step, with or without `Described` @throws FreshetError log_identity */
export function checkDeployment(request: unknown, own: string): void {
  if (typeof request !== "object" || request === null || !("deployment" in request)) return;
  const wanted = request.deployment;
  if (wanted === undefined || wanted === own) return;
  throw new FreshetError(
    "log_identity",
    `this is work of deployment ${wanted}, and the worker belongs to ${own}: ` +
      "give each a Temporal namespace, or ask again where the log of the former is gone",
  );
}

async function beat(clock: Clock, ended: AbortSignal, heartbeat: () => void): Promise<void> {
  while (!ended.aborted) {
    await clock.sleep(limits.mergeHeartbeatEveryMs, ended);
    if (!ended.aborted) heartbeat();
  }
}
