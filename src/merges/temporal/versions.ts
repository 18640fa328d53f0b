/**
 * Versions of the merge workers, as Temporal's worker deployments: which of them gets new work, and
 * which may be stopped.
 *
 * Every workflow is AUTO_UPGRADE: a run moves to the current version with its next task, so that
 * one whose worker is gone is never stranded. What it did so far is replayed by the new code, which
 * the rules of ops/runbooks/upgrade-workflows.md are for.
 *
 *   WV1  a version becomes current only after Temporal has seen a worker of it;
 *   WV2  where the server knows no deployments the worker has no version, says so, and works on.
 */

import { Client, Connection, isGrpcServiceError, type WorkflowService } from "@temporalio/client";
import type { WorkerDeploymentOptions } from "@temporalio/worker";
import { FreshetError } from "../../contract/errors.ts";
import { limits } from "../../contract/limits.ts";
import { mergeNames } from "../../contract/merge.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { WorkerVersion, WorkerVersions } from "../port.ts";
import { connectionOf, resolveAccess, type TemporalAccess } from "./access.ts";

type Service = Pick<
  WorkflowService,
  "describeWorkerDeployment" | "listWorkerDeployments" | "setWorkerDeploymentCurrentVersion"
>;

/** One deployment: the workers of one queue in one namespace. */
export interface VersionedQueue {
  readonly service: Service;
  readonly namespace: string;
  readonly taskQueue: string;
}

const grpc = { notFound: 5, permissionDenied: 7, failedPrecondition: 9, unimplemented: 12 };

function codeOf(thrown: unknown): number | undefined {
  return isGrpcServiceError(thrown) ? Number(thrown.code) : undefined;
}

/** Temporal joins name and build with one of these signs, and takes none of them in a name. */
export const deploymentName = (taskQueue: string): string => taskQueue.replaceAll(/[.:]/g, "-");

export function deploymentOptions(taskQueue: string, buildId: string): WorkerDeploymentOptions {
  return {
    useWorkerVersioning: true,
    version: { deploymentName: deploymentName(taskQueue), buildId },
    defaultVersioningBehavior: "AUTO_UPGRADE",
  };
}

/** WV2. @throws what is no answer to this question */
export async function knowsVersions({ service, namespace }: VersionedQueue): Promise<boolean> {
  try {
    await service.listWorkerDeployments({ namespace, pageSize: 1 });
    return true;
  } catch (thrown) {
    const refusals: readonly number[] = [grpc.unimplemented, grpc.permissionDenied];
    if (refusals.includes(codeOf(thrown) ?? -1)) return false;
    throw thrown;
  }
}

/** The build that gets new work; null: workers without a version, also where there is no other. */
export async function currentVersion(queue: VersionedQueue): Promise<string | null> {
  return (await describe(queue))?.current ?? null;
}

async function describe({ service, namespace, taskQueue }: VersionedQueue) {
  try {
    const name = deploymentName(taskQueue);
    const { workerDeploymentInfo: info } = await service.describeWorkerDeployment({
      ...{ namespace, deploymentName: name },
    });
    const builds = (info?.versionSummaries ?? []).flatMap(
      ({ deploymentVersion, firstActivationTime }) =>
        deploymentVersion?.buildId == null || deploymentVersion.buildId === ""
          ? []
          : [{ buildId: deploymentVersion.buildId, wasUsed: firstActivationTime != null }],
    );
    const current = info?.routingConfig?.currentDeploymentVersion?.buildId ?? "";
    return { current: current === "" ? null : current, builds };
  } catch (thrown) {
    const none: readonly number[] = [grpc.notFound, grpc.unimplemented];
    if (none.includes(codeOf(thrown) ?? -1)) return undefined;
    throw thrown;
  }
}

/** Null: those without a version. @throws FreshetError not_found while no worker of it was seen */
export async function setCurrent(queue: VersionedQueue, buildId: string | null): Promise<void> {
  const { service, namespace, taskQueue } = queue;
  // Asked first: the server's own refusal is one that its client would repeat until its time is up.
  const known = await describe(queue);
  const isKnown = known?.builds.some((build) => build.buildId === buildId) ?? false;
  if (known === undefined || (buildId !== null && !isKnown)) throw unknownVersion(buildId);
  try {
    await service.setWorkerDeploymentCurrentVersion({
      namespace,
      deploymentName: deploymentName(taskQueue),
      buildId: buildId ?? "",
      identity: "freshet",
      // An older version may have been on queues that this one does without.
      ignoreMissingTaskQueues: true,
      // Those without a version are not known until they are current.
      allowNoPollers: buildId === null,
    });
  } catch (thrown) {
    const unknown: readonly number[] = [grpc.notFound, grpc.failedPrecondition];
    if (!unknown.includes(codeOf(thrown) ?? -1)) throw thrown;
    throw unknownVersion(buildId, thrown);
  }
}

function unknownVersion(buildId: string | null, cause?: unknown): FreshetError {
  const message =
    buildId === null
      ? "Temporal knows no version of the merge workers: all of them get the work"
      : `Temporal has seen no merge worker of version ${buildId}`;
  return new FreshetError("not_found", message, { cause });
}

/** WV1: tries until Temporal has seen this worker, which takes a moment after it began to poll. */
export async function becomeCurrent(
  queue: VersionedQueue,
  options: { readonly buildId: string; readonly clock: Clock; readonly signal: AbortSignal },
): Promise<void> {
  const { buildId, clock, signal } = options;
  const deadlineMs = clock.monotonicMs() + limits.workerCurrentMs;
  while (!signal.aborted) {
    try {
      return await setCurrent(queue, buildId);
    } catch (thrown) {
      if (clock.monotonicMs() > deadlineMs) throw thrown;
    }
    await clock.sleep(limits.mergeRetryMinMs, signal);
  }
}

export interface VersionsOptions extends TemporalAccess {
  readonly clock: Clock;
  readonly taskQueue?: string | undefined;
}

/** For the command line. @throws FreshetError temporal_unavailable */
export async function connectVersions(options: VersionsOptions): Promise<WorkerVersions> {
  const access = resolveAccess(options);
  const { namespace } = access;
  const { taskQueue = mergeNames.taskQueue, clock } = options;
  const connection = await Connection.connect({
    ...connectionOf(access),
    connectTimeout: limits.temporalRequestMs,
  }).catch((cause: unknown) => {
    throw new FreshetError("temporal_unavailable", undefined, { cause });
  });
  const client = new Client({ connection, namespace });
  const queue: VersionedQueue = { service: connection.workflowService, namespace, taskQueue };
  const within = async <Result>(
    timeoutMs: number,
    work: () => Promise<Result>,
  ): Promise<Result> => {
    try {
      return await connection.withDeadline(clock.nowMs() + timeoutMs, work);
    } catch (thrown) {
      if (thrown instanceof FreshetError) throw thrown;
      throw new FreshetError("temporal_unavailable", undefined, { cause: thrown });
    }
  };
  return {
    list: () =>
      within(limits.temporalRequestMs, async () => {
        const known = await describe(queue);
        if (known === undefined) return { current: null, versions: [] };
        const versions = known.builds.map(async ({ buildId, wasUsed }): Promise<WorkerVersion> => {
          const { count } = await client.workflow.count(openRunsOf(taskQueue, buildId));
          const isCurrent = buildId === known.current;
          return { buildId, openRuns: count, state: stateOf({ isCurrent, wasUsed, open: count }) };
        });
        return { current: known.current, versions: await Promise.all(versions) };
      }),
    // Temporal runs a workflow of its own for it.
    makeCurrent: (buildId) => within(limits.workerCurrentMs, () => setCurrent(queue, buildId)),
    close: () => connection.close(),
  };
}

const openRunsOf = (taskQueue: string, buildId: string): string => {
  const version = `${deploymentName(taskQueue)}:${buildId}`;
  return `TemporalWorkerDeploymentVersion = "${version}" AND ExecutionStatus = "Running"`;
};

/** Pure. */
export function stateOf(version: {
  readonly isCurrent: boolean;
  readonly wasUsed: boolean;
  readonly open: number;
}): WorkerVersion["state"] {
  if (version.isCurrent) return "current";
  if (version.open > 0) return "draining";
  return version.wasUsed ? "drained" : "waiting";
}
