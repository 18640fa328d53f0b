/**
 * The workflow `webhook/<tenant>/<id>`: sends a tenant's events to one endpoint for as long as that
 * is active. The story is in deliver-story.ts. What must last (position, attempts, status) is in
 * the store: a workflow that is lost, or started twice, loses and doubles nothing.
 */

import {
  ActivityCancellationType,
  CancellationScope,
  condition,
  continueAsNew,
  defineSignal,
  isCancellation,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from "@temporalio/workflow";
import {
  type DeliveryActivities,
  type DeliveryInput,
  deliveryNames,
} from "../src/contract/delivery.ts";
import { limits } from "../src/contract/limits.ts";
import { deliverStory } from "./deliver-story.ts";

export const changedSignal = defineSignal(deliveryNames.changedSignal);

/** Half of the server's warning: one that only collects signals ends before it. */
const historyEventsMax = 5_000;

export async function deliverWebhook(input: DeliveryInput): Promise<string> {
  const { taskQueue, ...request } = input;
  const { deliverEvents } = proxyActivities<DeliveryActivities>({
    taskQueue,
    summary: `send events of tenant ${input.tenant}`,
    // Twice: an attempt in hand when its turn is over has its own time.
    startToCloseTimeout: 2 * limits.endpointTurnMs,
    heartbeatTimeout: limits.endpointHeartbeatMs,
    retry: { initialInterval: limits.mergeRetryMinMs, maximumInterval: limits.mergeRetryMaxMs },
    // Waited for: the next turn would post beside it.
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  });
  let changed = false;
  let inHand: CancellationScope | undefined;
  setHandler(changedSignal, () => {
    changed = true;
    inHand?.cancel();
  });
  const end = await deliverStory({
    async turn() {
      const scope = new CancellationScope();
      inHand = scope;
      try {
        return await scope.run(() => deliverEvents(request));
      } catch (thrown) {
        if (!isCancellation(thrown) || !scope.consideredCancelled) throw thrown;
        return { kind: "more", delivered: 0 };
      } finally {
        inHand = undefined;
      }
    },
    takeChange() {
      const had = changed;
      changed = false;
      return had;
    },
    wait: async (ms) => void (await condition(() => changed, ms)),
    isLong: () => workflowInfo().historyLength > historyEventsMax,
    show: setCurrentDetails,
    nowMs: () => Date.now(),
  });
  if (end === "long") await continueAsNew<typeof deliverWebhook>(input);
  return end;
}
