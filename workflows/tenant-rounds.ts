/**
 * The rounds of merging of one tenant: what a round's end means for its callers, and how long
 * to wait after a failure. Part of tenant-merges.ts, which runs one when it is its turn.
 * Deterministic.
 */

import type { TenantId } from "../src/contract/ids.ts";
import {
  type LastMerge,
  type MergeCarried,
  type MergeError,
  mergeWorkflowId,
} from "../src/contract/merge.ts";
import type { MergeActivities } from "../src/contract/merge-steps.ts";
import { backoffMs } from "../src/runtime/backoff.ts";
import type { MergeRequests, Series } from "./merge-requests.ts";
import { mergeRound, type RoundResult } from "./merge-round.ts";
import type { MergeRuntime } from "./merge-runtime.ts";
import { mergeRetries, type RoundState } from "./merge-state.ts";
import type { TenantCleaning } from "./tenant-cleaning.ts";
import type { TenantConfirm } from "./tenant-confirm.ts";
import type { Ended, WorkInHand } from "./work-in-hand.ts";

export interface RoundParts {
  readonly tenant: TenantId;
  readonly steps: MergeActivities;
  readonly runtime: MergeRuntime;
  readonly work: WorkInHand;
  readonly requests: MergeRequests;
  readonly confirm: TenantConfirm;
  readonly cleaning: TenantCleaning;
}

export class TenantRounds {
  readonly #parts: RoundParts;
  #lastMerge: LastMerge | null;
  /** Merges that failed since the last that did not. */
  #failures = 0;

  constructor(parts: RoundParts, carried: MergeCarried | undefined) {
    this.#parts = parts;
    this.#lastMerge = carried?.lastMerge ?? null;
  }

  get lastMerge(): LastMerge | null {
    return this.#lastMerge;
  }

  /** One round. It is still in hand afterwards. */
  attempt(): Promise<Ended<RoundResult>> {
    const { runtime, work, requests } = this.#parts;
    const series = requests.begin();
    const startedAtMs = runtime.nowMs();
    return work.attempt({ phase: "planning", startedAtMs }, () => this.#round(series, startedAtMs));
  }

  /**
   * What the round's end means for its callers. Returns the error to back off for, if any.
   * Synchronous, as is what follows until the next state is shown: histories have a caller's answer
   * after that state.
   */
  settle(ended: Ended<RoundResult>): MergeError | undefined {
    switch (ended.kind) {
      case "cancelled":
        return undefined;
      case "failed":
        return this.#failed(ended.error);
      case "done":
        return this.#settleResult(ended.result);
    }
  }

  /** Waits before the next attempt (TM3). */
  async backOff(error: MergeError): Promise<void> {
    const { runtime, work, requests } = this.#parts;
    this.#failures += 1;
    const attempt = this.#failures;
    const delayMs = backoffMs(mergeRetries, attempt - 1);
    const retryAtMs = runtime.nowMs() + delayMs;
    work.backOff({ phase: "retrying", error, attempt, retryAtMs });
    // Not woken by `due`: the sweep repeats it every minute, which would undo the growing pause.
    const isWoken = (): boolean => requests.hasCallers || requests.isPaused || work.isCancelled;
    await runtime.until(isWoken, delayMs);
  }

  /** Forgets what is asked, and the failures with it. */
  withdraw(): void {
    this.#failures = 0;
    this.#parts.requests.withdraw();
  }

  #round({ upTo }: Series, startedAtMs: number): Promise<RoundResult> {
    const { tenant, steps, runtime, work, requests } = this.#parts;
    const hooks = {
      enter: (state: RoundState) => work.show({ ...state, startedAtMs }),
      shouldContinue: () => !requests.isPaused,
      uncancellable: <T>(step: () => Promise<T>) => runtime.uncancellable(step),
    };
    return mergeRound(steps, hooks, { tenant, upTo, workflowId: mergeWorkflowId(tenant) });
  }

  #settleResult(result: RoundResult): MergeError | undefined {
    const { runtime, requests, confirm } = this.#parts;
    switch (result.kind) {
      case "merged":
        this.#merged(result);
        return undefined;
      case "nothing":
        this.#failures = 0;
        confirm.owe(result.unconfirmedTo, runtime.nowMs());
        requests.end({ kind: "nothing" });
        return undefined;
      case "paused":
        requests.interrupt({ kind: "paused" });
        return undefined;
      case "replan":
        return this.#failed({ code: "not_ready", message: "the plan was overtaken" });
      case "failed":
        return this.#failed(result.error);
    }
  }

  #failed(error: MergeError): MergeError {
    this.#parts.requests.interrupt({ kind: "failed", error });
    return error;
  }

  #merged(result: Extract<RoundResult, { kind: "merged" }>): void {
    const { runtime, requests, confirm, cleaning } = this.#parts;
    const { plan, documents, unconfirmed } = result;
    const { from, to, chunks } = plan;
    const nowMs = runtime.nowMs();
    this.#failures = 0;
    this.#lastMerge = { from, to, chunks, documents, atMs: nowMs };
    // TC4. Not of one that an earlier attempt had committed: others may have followed it.
    const isNewest = unconfirmed && documents !== null;
    if (isNewest && confirm.owesAbove(to) && runtime.isNew("confirm-own-log")) {
      confirm.forgetAbove(to);
    }
    if (unconfirmed) confirm.owe(to, nowMs);
    cleaning.merged(plan, nowMs);
    requests.merged(plan, result);
    if (!plan.more) requests.end({ kind: "nothing" });
  }
}
