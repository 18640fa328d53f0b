/**
 * The one piece of work of a tenant's merges that is in hand, if any: it can be watched and
 * cancelled. What the events mean is in work-stage.ts. Deterministic.
 */

import type { MergeError } from "../src/contract/merge.ts";
import type { MergeRuntime } from "./merge-runtime.ts";
import type { MergeState } from "./merge-state.ts";
import { nextStage, type WorkEvent, type WorkStage } from "./work-stage.ts";

/** How work ended; a failure of work that was cancelled is its cancellation. */
export type Ended<Result> =
  | { readonly kind: "done"; readonly result: Result }
  | { readonly kind: "failed"; readonly error: MergeError }
  | { readonly kind: "cancelled" };

export class WorkInHand {
  readonly #runtime: MergeRuntime;
  #stage: WorkStage = { is: "waiting", shown: { phase: "idle" } };

  constructor(runtime: MergeRuntime) {
    this.#runtime = runtime;
  }

  get shown(): MergeState {
    return this.#stage.shown;
  }

  /** A cancel was asked for, and the work has not ended yet. */
  get isCancelled(): boolean {
    return this.#stage.is === "stopping" || this.#stage.is === "giving-up";
  }

  show(shown: MergeState): void {
    this.#move({ is: "show", shown });
  }

  /**
   * Takes the work in hand and runs it. It stays in hand until `end`, so that what its caller does
   * with the result is still part of it.
   */
  async attempt<Result>(shown: MergeState, work: () => Promise<Result>): Promise<Ended<Result>> {
    const { cancel, run } = this.#runtime.cancellable();
    this.#move({ is: "begin", shown, cancel });
    try {
      return { kind: "done", result: await run(work) };
    } catch (thrown) {
      if (this.isCancelled) return { kind: "cancelled" };
      const error = this.#runtime.failureOf(thrown);
      if (error === undefined) throw thrown;
      return { kind: "failed", error };
    }
  }

  /** The work failed; the wait for its next attempt is now what is in hand. */
  backOff(shown: MergeState): void {
    this.#move({ is: "fail", shown });
  }

  /** The work is over. True when a cancel was asked for. */
  end(): boolean {
    const wasCancelled = this.isCancelled;
    this.#move({ is: "end" });
    return wasCancelled;
  }

  /** False when nothing is in hand. */
  cancel(): boolean {
    const stage = this.#stage;
    if (stage.is === "waiting") return false;
    this.#move({ is: "cancel" });
    if (stage.is === "working") stage.cancel();
    return true;
  }

  #move(event: WorkEvent): void {
    this.#stage = nextStage(this.#stage, event);
    if ("shown" in event) this.#runtime.onState(event.shown);
  }
}
