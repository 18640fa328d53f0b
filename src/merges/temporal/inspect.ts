/** What Temporal says of itself, the namespace and who polls for merges. Changes nothing. */

import { Connection, isGrpcServiceError } from "@temporalio/client";
import type { TemporalFacts } from "../../contract/inspection.ts";
import { limits } from "../../contract/limits.ts";
import { mergeNames } from "../../contract/merge.ts";
import { connectionOf, resolveAccess, type TemporalAccess } from "./access.ts";

const notFound = 5;
const queueTypes = { workflows: 1, activities: 2 } as const;

/** @throws Error when it does not answer in time, with what the vendor's client says */
export async function inspectTemporal(
  access: TemporalAccess,
  timeoutMs: number = limits.temporalRequestMs,
): Promise<TemporalFacts> {
  const resolved = resolveAccess(access);
  const { namespace } = resolved;
  const connection = await Connection.connect({
    ...connectionOf(resolved),
    connectTimeout: timeoutMs,
  });
  try {
    return await connection.withDeadline(Date.now() + timeoutMs, async () => {
      const { workflowService } = connection;
      const { serverVersion } = await workflowService.getSystemInfo({});
      const version = serverVersion ?? "unknown";
      const none = { version, namespace, hasNamespace: false };
      try {
        await workflowService.describeNamespace({ namespace });
      } catch (thrown) {
        if (!isGrpcServiceError(thrown) || Number(thrown.code) !== notFound) throw thrown;
        return { ...none, pollers: { workflows: 0, activities: 0 } };
      }
      const count = async (taskQueueType: 1 | 2): Promise<number> => {
        const taskQueue = { name: mergeNames.taskQueue };
        const queue = await workflowService.describeTaskQueue({
          ...{ namespace, taskQueue, taskQueueType },
        });
        return queue.pollers?.length ?? 0;
      };
      const workflows = await count(queueTypes.workflows);
      const activities = await count(queueTypes.activities);
      return { version, namespace, hasNamespace: true, pollers: { workflows, activities } };
    });
  } finally {
    await connection.close();
  }
}
