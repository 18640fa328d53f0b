/** The workflow that the Schedule `merge-sweep` starts: asks the tenants that are due by age to merge. */

import { proxyActivities } from "@temporalio/workflow";
import type { SweepActivities, SweepResult } from "../activities/sweep.ts";
import { limits } from "../src/contract/limits.ts";

const { signalDueTenants } = proxyActivities<SweepActivities>({
  startToCloseTimeout: limits.mergeActivityMs,
  heartbeatTimeout: limits.mergeHeartbeatMs,
  // The next sweep comes in a minute and starts from the beginning: more attempts would only overlap it.
  retry: { initialInterval: limits.mergeRetryMinMs, maximumAttempts: 2 },
  summary: "ask tenants with old unmerged records to merge",
});

export async function mergeSweep(): Promise<SweepResult> {
  return signalDueTenants();
}
