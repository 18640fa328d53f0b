/**
 * The workflows that the Schedules `merge-sweep` and `scrub-sweep` start: they ask tenants to merge, or to scrub; once
 * an hour the former removes what is old from the log.
 */

import { patched, proxyActivities, workflowInfo } from "@temporalio/workflow";
import type { RetentionActivities, RetentionPlace } from "../activities/retention.ts";
import type { SweepActivities, SweepResult } from "../activities/sweep.ts";
import { limits } from "../src/contract/limits.ts";
import { isRetentionTime } from "./retention-time.ts";

const options = {
  startToCloseTimeout: limits.mergeActivityMs,
  heartbeatTimeout: limits.mergeHeartbeatMs,
  // The next sweep starts from the beginning: more attempts would only overlap it.
  retry: { initialInterval: limits.mergeRetryMinMs, maximumAttempts: 2 },
};

const { signalDueTenants } = proxyActivities<SweepActivities>({
  ...options,
  summary: "ask tenants with old unmerged records to merge",
});

const { requestScrubs } = proxyActivities<SweepActivities>({
  ...options,
  summary: "ask every merged tenant to scrub",
});

const { purgeOld } = proxyActivities<RetentionActivities>({
  ...options,
  summary: "remove what is older than the replay window and needed by nobody",
});

const retentionTimes = {
  everyMs: limits.retentionEveryMs,
  sweepEveryMs: limits.mergeSweepEveryMs,
};

/** Merges first: what they commit is what later sweeps may remove. What keeps them from being asked for keeps nothing. */
export async function mergeSweep(): Promise<SweepResult> {
  const asked = await settled(signalDueTenants());
  if (asked.kind === "failed" && !patched("retention-after-failure")) throw asked.reason;
  const isTime = isRetentionTime(workflowInfo().startTime.getTime(), retentionTimes);
  if (patched("retention") && isTime) await retain();
  if (asked.kind === "failed") throw asked.reason;
  return asked.value;
}

type Settled<Value> =
  | { readonly kind: "done"; readonly value: Value }
  | { readonly kind: "failed"; readonly reason: unknown };

function settled<Value>(work: Promise<Value>): Promise<Settled<Value>> {
  return work.then(
    (value) => ({ kind: "done", value }),
    (reason: unknown) => ({ kind: "failed", reason }),
  );
}

/** Retention of all tenants at once, also for an operator who starts it by hand. */
export async function retain(): Promise<void> {
  let after: RetentionPlace | null = null;
  do {
    ({ next: after } = await purgeOld({ after }));
  } while (after !== null);
}

export async function scrubSweep(): Promise<SweepResult> {
  return requestScrubs();
}
