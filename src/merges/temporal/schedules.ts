/** The schedules of sweeps and scrubs, of which a namespace has one each. */

import {
  type Client,
  ScheduleAlreadyRunning,
  type ScheduleDescription,
  ScheduleNotFoundError,
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
  const { namespace, deployment } = options;
  const own = { ...schedule, name: `${schedule.name}-${deployment}` };
  if (await put(options, schedule)) return remove(options, own);
  options.logger.error(
    { namespace, deployment, schedule: schedule.name },
    "this Temporal namespace has the schedule of another deployment: give each a namespace of " +
      "its own, they keep each other waiting; or delete the schedule where its log is gone",
  );
  await put(options, own);
}

/** The one beside another deployment's, which is gone by now. */
function remove({ call }: ScheduleOptions, { name }: Schedule): Promise<void> {
  return call(async (client) => {
    try {
      await client.schedule.getHandle(name).delete();
    } catch (thrown) {
      if (!(thrown instanceof ScheduleNotFoundError)) throw thrown;
    }
  });
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
