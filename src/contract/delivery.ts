/**
 * What the parts of a webhook's delivery say to each other through Temporal. It lies in histories:
 * names, counts and times, never an id of a document, a URL or a secret (I10).
 */

import type { TenantId } from "./ids.ts";
import type { Described } from "./merge.ts";

export const deliveryNames = {
  workflow: "deliverWebhook",
  /** Activities have a queue of their own: they last minutes, and merges must not wait for them. */
  queueSuffix: "-webhooks",
  changedSignal: "changed",
} as const;

export function deliveryWorkflowId(tenant: TenantId, endpoint: string): string {
  return `webhook/${tenant}/${endpoint}`;
}

export interface DeliveryInput extends Described {
  readonly tenant: TenantId;
  readonly endpoint: string;
  /** Of the activities. */
  readonly taskQueue: string;
}

export type DeliveryRequest = Omit<DeliveryInput, "taskQueue">;

/** How a turn ended. */
export type DeliveryTurn =
  /** Its time was over, or somebody changed the webhook: another turn. */
  | { readonly kind: "more"; readonly delivered: number }
  /** Nothing to do before so long, unless something changes. */
  | {
      readonly kind: "wait";
      readonly delivered: number;
      readonly waitMs: number;
      readonly why: DeliveryWait;
    }
  /** Removed, paused or disabled, or its tenant is erased: nothing more until it is asked for. */
  | { readonly kind: "over"; readonly delivered: number; readonly why: string };

export interface DeliveryWait {
  /** `resting`: the tenant is suspended. */
  readonly kind: "resting" | "failing";
  /** Failed attempts of the event in hand; 0 while it rests. */
  readonly attempts: number;
  /** A name of `deliveryFailures`, or a status of HTTP. */
  readonly reason: string;
}

export interface DeliveryActivities {
  /** Sends what waits, in order, until the turn is over. */
  deliverEvents(request: DeliveryRequest): Promise<DeliveryTurn>;
}
