/** The schedules of sweeps and scrubs, of which a namespace has one each. */

import {
  type Client,
  ScheduleAlreadyRunning,
  type ScheduleDescription,
  ScheduleOverlapPolicy,
} from "@temporalio/client";

import { limits } from "../../contract/limits.ts";
import { type Described, mergeNames } from "../../contract/merge.ts";
import type { Logger } from "../../contract/observation.ts";

export interface ScheduleOptions {
  readonly deployment: string | undefined;
  readonly namespace: string;
  readonly taskQueue: string;
  readonly logger: Logger;
  /** Runs a request within the client's bounds. */
  readonly call: <Result>(run: (client: Client) => Promise<Result>) => Promise<Result>;
}

interface Schedule {
  readonly name: string;
  readonly workflowType: string;
  readonly everyMs: number;
}

/** Creates them, or gives them the settings of this release. */
export async function ensureSchedules(options: ScheduleOptions): Promise<void> {
  const { sweepSchedule, sweepWorkflow, scrubSchedule, scrubWorkflow } = mergeNames;
  const sweeps = { name: sweepSchedule, workflowType: sweepWorkflow };
  await ensure(options, { ...sweeps, everyMs: limits.mergeSweepEveryMs });
  const scrubs = { name: scrubSchedule, workflowType: scrubWorkflow };
  await ensure(options, { ...scrubs, everyMs: limits.scrubSlotMs });
}

/**
 * The schedule of another deployment stays: it would sweep ours instead of its own. Then ours has
 * a name of its own.
 */
async function ensure(options: ScheduleOptions, schedule: Schedule): Promise<void> {
  if (await put(options, schedule)) return;
  const { namespace, deployment } = options;
  options.logger.error(
    { namespace, deployment },
    "another deployment merges in this Temporal namespace: give each its own, " +
      "they keep each other waiting",
  );
  await put(options, { ...schedule, name: `${schedule.name}-${deployment}` });
}

/** False when it belongs to another deployment. */
function put(options: ScheduleOptions, schedule: Schedule): Promise<boolean> {
  const { deployment, taskQueue } = options;
  const { name: scheduleId, workflowType, everyMs } = schedule;
  const action = {
    ...{ type: "startWorkflow" as const, workflowType, workflowId: scheduleId, taskQueue },
    args: deployment === undefined ? [] : [{ deployment } satisfies Described],
  };
  const spec = { intervals: [{ every: everyMs }] };
  // A missed sweep is not made up for: the next one sees everything that it would have seen.
  const policies = {
    overlap: ScheduleOverlapPolicy.SKIP,
    catchupWindow: limits.mergeSweepEveryMs,
  };
  return options.call(async (client) => {
    try {
      await client.schedule.create({ scheduleId, spec, action, policies });
    } catch (thrown) {
      if (!(thrown instanceof ScheduleAlreadyRunning)) throw thrown;
      const handle = client.schedule.getHandle(scheduleId);
      if (isAnothers(deployment, await handle.describe())) return false;
      await handle.update(({ state }) => ({ state, spec, action, policies }));
    }
    return true;
  });
}

function isAnothers(own: string | undefined, { action }: ScheduleDescription): boolean {
  const input: unknown = action.args?.[0];
  if (own === undefined || typeof input !== "object" || input === null) return false;
  return "deployment" in input && input.deployment !== own;
}
