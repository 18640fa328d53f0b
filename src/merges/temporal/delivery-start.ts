/** How the workflows of webhooks are started. Pure. */

import { type DeliveryInput, deliveryNames, deliveryWorkflowId } from "../../contract/delivery.ts";
import type { TenantId } from "../../contract/ids.ts";
import { mergeNames } from "../../contract/merge.ts";

interface Settings {
  readonly deployment?: string | undefined;
  readonly taskQueue?: string | undefined;
}

/** The queue of the activities, which is not that of merges. */
export function deliveryQueue({ taskQueue = mergeNames.taskQueue }: Settings): string {
  return `${taskQueue}${deliveryNames.queueSuffix}`;
}

export function deliveryStart(tenant: TenantId, endpoint: string, settings: Settings) {
  const { deployment, taskQueue = mergeNames.taskQueue } = settings;
  const input: DeliveryInput = {
    ...{ tenant, endpoint, taskQueue: deliveryQueue(settings) },
    ...(deployment === undefined ? {} : { deployment }),
  };
  return {
    workflowId: deliveryWorkflowId(tenant, endpoint),
    taskQueue,
    args: [input],
    workflowIdConflictPolicy: "USE_EXISTING" as const,
    workflowIdReusePolicy: "ALLOW_DUPLICATE" as const,
    staticSummary: `webhook ${endpoint} of tenant ${tenant}`,
  };
}
