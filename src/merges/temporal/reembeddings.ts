/**
 * The part of a merge worker that builds generations.
 *
 * Owns: a poller of its own for their activities. One turn at a time: each keeps a core busy, and
 * questions need the others; tenants take turns.
 */

import { Context } from "@temporalio/activity";
import { type NativeConnection, Worker } from "@temporalio/worker";
import {
  beginGeneration,
  buildGeneration,
  feedGeneration,
  joinGeneration,
} from "../../../activities/reembed/build.ts";
import type { ReembedPorts } from "../../../activities/reembed/ports.ts";
import { limits } from "../../contract/limits.ts";
import type { ReembedActivities } from "../../contract/reembed.ts";
import { type Around, mapCalls } from "../../runtime/map-calls.ts";
import { checkDeployment } from "./activities.ts";
import { toApplicationFailure } from "./failures.ts";

export type ReembedParts = Omit<ReembedPorts, "heartbeat" | "signal">;

export function createReembedWorker(options: {
  readonly connection: NativeConnection;
  readonly namespace: string;
  readonly taskQueue: string;
  readonly parts: ReembedParts;
}): Promise<Worker> {
  const { connection, namespace, taskQueue, parts } = options;
  return Worker.create({
    ...{ connection, namespace, taskQueue },
    activities: reembedActivities(parts),
    maxConcurrentActivityTaskExecutions: 1,
    maxHeartbeatThrottleInterval: limits.mergeHeartbeatEveryMs,
    shutdownGraceTime: limits.mergeShutdownMs,
    shutdownForceTime: limits.stopMs,
  });
}

function reembedActivities(parts: ReembedParts): ReembedActivities {
  const ports: ReembedPorts = {
    ...parts,
    heartbeat: (progress) => Context.current().heartbeat(progress),
    signal: () => Context.current().cancellationSignal,
  };
  const attempted: Around =
    (run) =>
    async (...args) => {
      const context = Context.current();
      // Loading a model, or embedding a page, is alive too.
      const beating = setInterval(() => context.heartbeat(), limits.mergeHeartbeatEveryMs);
      try {
        checkDeployment(args[0], parts.log.deployment);
        return await run(...args);
      } catch (thrown) {
        if (context.cancellationSignal.aborted) throw context.cancellationSignal.reason;
        const failure = toApplicationFailure(thrown);
        const { activityType: activity, attempt } = context.info;
        parts.logger.warn(
          { activity, code: failure.type, cause: failure.message, attempt },
          "a step of a re-embedding failed",
        );
        throw failure;
      } finally {
        clearInterval(beating);
      }
    };
  const activities: ReembedActivities = {
    beginGeneration: (request) => beginGeneration(ports, request),
    buildGeneration: (request) => buildGeneration(ports, request),
    joinGeneration: (request) => joinGeneration(ports, request),
    feedGeneration: (request) => feedGeneration(ports, request),
  };
  return mapCalls(activities, attempted, {});
}
