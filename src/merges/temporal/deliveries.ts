/**
 * The part of a merge worker that sends webhooks.
 *
 * Owns: a poller of its own for their activities, because each waits for minutes and merges have
 * few places. Never: decides what is sent (activities/deliver).
 *
 *   DW1  every active webhook has a workflow some time after it was made, or after Temporal forgot
 *        it: the store says which there are.
 */

import { Context } from "@temporalio/activity";
import { type NativeConnection, Worker } from "@temporalio/worker";
import {
  type DeliveryPorts,
  deliverEvents,
  turnOfAnother,
} from "../../../activities/deliver/deliver.ts";
import type { DeliveryActivities } from "../../contract/delivery.ts";
import { type Endpoint, endpointStatuses } from "../../contract/endpoint.ts";
import { toFreshetError } from "../../contract/errors.ts";
import { limits } from "../../contract/limits.ts";
import type { DeliveryClient } from "../port.ts";
import { toApplicationFailure } from "./failures.ts";

export type DeliveryParts = Omit<DeliveryPorts, "heartbeat" | "signal">;

export interface DeliveryWorkerOptions {
  readonly connection: NativeConnection;
  readonly namespace: string;
  readonly taskQueue: string;
  readonly parts: DeliveryParts;
  readonly deployment: string;
}

export function createDeliveryWorker(options: DeliveryWorkerOptions): Promise<Worker> {
  const { connection, namespace, taskQueue } = options;
  return Worker.create({
    ...{ connection, namespace, taskQueue },
    activities: deliveryActivities(options),
    maxConcurrentActivityTaskExecutions: limits.endpointsInFlightMax,
    maxHeartbeatThrottleInterval: limits.mergeHeartbeatEveryMs,
    shutdownGraceTime: limits.mergeShutdownMs,
    shutdownForceTime: limits.stopMs,
  });
}

function deliveryActivities({
  parts,
  deployment,
}: Pick<DeliveryWorkerOptions, "parts" | "deployment">): DeliveryActivities {
  return {
    async deliverEvents(request) {
      const context = Context.current();
      let delivered = 0;
      const heartbeat = (count: number): void => {
        delivered = count;
        context.heartbeat({ delivered });
      };
      // One that waits for events is alive, too.
      const beating = setInterval(() => heartbeat(delivered), limits.mergeHeartbeatEveryMs);
      const signal = () => context.cancellationSignal;
      try {
        const another = turnOfAnother(request, deployment);
        if (another !== undefined) return another;
        return await deliverEvents({ ...parts, heartbeat, signal }, request);
      } catch (thrown) {
        if (context.cancellationSignal.aborted) throw context.cancellationSignal.reason;
        const failure = toApplicationFailure(thrown);
        const { tenant, endpoint: webhook } = request;
        parts.logger.warn({ tenant, webhook, code: failure.type }, "a webhook's turn failed");
        throw failure;
      } finally {
        clearInterval(beating);
      }
    },
  };
}

/** DW1. Until `signal` aborts; a failure is tried again at the next round. */
export async function sweepDeliveries(
  client: DeliveryClient,
  { store, clock, metrics, logger }: Pick<DeliveryParts, "store" | "clock" | "metrics" | "logger">,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      const all = await store.all();
      for (const status of endpointStatuses) {
        metrics.set("webhooks", all.filter((one) => one.status === status).length, { status });
      }
      await startAll(client, all, signal);
    } catch (thrown) {
      logger.warn({ code: toFreshetError(thrown).code }, "webhooks could not be looked for");
    }
    await clock.sleep(limits.endpointSweepEveryMs, signal);
  }
}

async function startAll(
  client: DeliveryClient,
  all: readonly Endpoint[],
  signal: AbortSignal,
): Promise<void> {
  for (const { tenant, id, status } of all) {
    if (signal.aborted) return;
    if (status === "active") await client.deliveryDue(tenant, id);
  }
}
