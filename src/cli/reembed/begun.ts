/**
 * What became of a build that was just started. Temporal takes every start; whether the model is
 * there and the tenant may have it is found by the merge worker that begins.
 */

import type { TenantId } from "../../contract/ids.ts";
import { limits } from "../../contract/limits.ts";
import type { ReembedClient } from "../../merges/port.ts";
import type { Clock } from "../../runtime/clock.ts";

export type Beginning =
  | { readonly kind: "begun" }
  | { readonly kind: "failed"; readonly why: string }
  /**
   * No worker has come to it: none runs, or it builds for another tenant; or one has, and failed
   * with what is tried again.
   */
  | { readonly kind: "waiting"; readonly why?: string | undefined };

export async function untilBegun(
  reembeds: Pick<ReembedClient, "progress" | "outcome">,
  tenant: TenantId,
  {
    clock,
    waitMs = limits.reembedBeginWaitMs,
  }: { readonly clock: Clock; readonly waitMs?: number },
): Promise<Beginning> {
  const untilMs = clock.monotonicMs() + waitMs;
  for (;;) {
    const outcome = await reembeds.outcome(tenant);
    // A tenant without documents is built at once.
    if (outcome?.status === "COMPLETED") return { kind: "begun" };
    if (outcome !== null && outcome.status !== "RUNNING") {
      return { kind: "failed", why: outcome.why ?? `its workflow is ${outcome.status}` };
    }
    // Asking a workflow takes a worker: without one it fails, and Temporal knows no more than this.
    const progress = await reembeds.progress(tenant).catch(() => null);
    if (progress !== null && progress.number !== null) return { kind: "begun" };
    if (clock.monotonicMs() >= untilMs) return { kind: "waiting", why: outcome?.why };
    await clock.sleep(limits.ownerPollMs);
  }
}
