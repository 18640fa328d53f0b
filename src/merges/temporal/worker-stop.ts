/**
 * The end of a merge worker whose Temporal says nothing. Temporal's core tells its server that a
 * worker goes, gives that request 30 s, and knows no end before (MW4): a supervisor that waits less
 * long would kill the process in the middle of letting go of all else.
 */

import type { Worker } from "@temporalio/worker";
import { limits } from "../../contract/limits.ts";
import type { Logger } from "../../contract/observation.ts";
import type { Clock } from "../../runtime/clock.ts";
import { late, waitAtMost } from "../../runtime/deadline.ts";

/** `left`: what runs still is Temporal's own, and ends with the process. */
export type WorkerEnd = "ended" | "left";

export interface StoppingWorker {
  /** Settles when all has ended. */
  readonly run: Promise<void>;
  /** As they are now; none while nothing is connected. */
  readonly workers: () => readonly Pick<Worker, "getStatus">[];
  readonly clock: Clock;
  readonly logger: Logger;
}

export async function endOf({ run, workers, clock, logger }: StoppingWorker): Promise<WorkerEnd> {
  for (let patienceMs: number = limits.stopMs; ; patienceMs = limits.mergeShutdownMs) {
    if ((await waitAtMost(clock, patienceMs, run)) !== late) return "ended";
    // What works still is waited for: it may be inside a model, or in the middle of a request.
    if (workers().every(isIdle)) break;
  }
  logger.warn({}, "Temporal says nothing to the end of the merge worker, which goes without");
  return "left";
}

function isIdle(worker: Pick<Worker, "getStatus">): boolean {
  const { numInFlightActivities, numInFlightWorkflowActivations } = worker.getStatus();
  return numInFlightActivities + numInFlightWorkflowActivations === 0;
}
