/** The workflows that the Schedules `merge-sweep` and `scrub-sweep` start: they ask tenants to merge, or to scrub. */

import { proxyActivities } from "@temporalio/workflow";
import type { SweepActivities, SweepResult } from "../activities/sweep.ts";
import { limits } from "../src/contract/limits.ts";

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

export async function mergeSweep(): Promise<SweepResult> {
  return signalDueTenants();
}

export async function scrubSweep(): Promise<SweepResult> {
  return requestScrubs();
}
