/**
 * The workflows that the Schedules `merge-sweep` and `scrub-sweep` start: they ask tenants to
 * merge, or to scrub; once an hour the former removes what is old from the log.
 */

import { isCancellation, patched, proxyActivities, workflowInfo } from "@temporalio/workflow";
import type { RetentionActivities, RetentionCursor } from "../activities/retention/retention.ts";
import type { SweepActivities, SweepResult } from "../activities/sweep.ts";
import { limits } from "../src/contract/limits.ts";
import type { Described } from "../src/contract/merge.ts";
import { isRetentionTime } from "./retention-time.ts";
import { sweepStory } from "./sweep-story.ts";

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
  summary: "ask merged tenants to scrub",
});

const { purgeOld } = proxyActivities<RetentionActivities>({
  ...options,
  summary: "remove what is older than the replay window and no longer needed",
});

const retentionTimes = {
  everyMs: limits.retentionEveryMs,
  sweepEveryMs: limits.mergeSweepEveryMs,
};

/** No history continues after a failure of the first step: it ended the run in earlier releases. */
export function mergeSweep({ deployment }: Described = {}): Promise<SweepResult> {
  return sweepStory({
    ask: () => signalDueTenants({ deployment }),
    async clearLog() {
      const isTime = isRetentionTime(workflowInfo().startTime.getTime(), retentionTimes);
      if (patched("retention") && isTime) await retain({ deployment });
    },
    isCancellation,
  });
}

/** Retention of all tenants at once, also for an operator who starts it by hand. */
export async function retain({ deployment }: Described = {}): Promise<void> {
  let after: RetentionCursor | null = null;
  do {
    ({ next: after } = await purgeOld({ after, deployment }));
  } while (after !== null);
}

/** By its schedule it asks the tenants of its slot; an operator may ask all at once. */
export async function scrubSweep(
  input: Described & { readonly all?: boolean } = {},
): Promise<SweepResult> {
  const { deployment, all } = input;
  if (all === true) return requestScrubs({ deployment });
  return requestScrubs({ deployment, slotAtMs: workflowInfo().startTime.getTime() });
}
