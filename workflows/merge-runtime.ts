/** What the story of merges needs of the place it runs in: Temporal, or this process. */

import type { MergeError } from "../src/contract/merge.ts";
import type { MergeState } from "./merge-state.ts";

export interface MergeRuntime {
  nowMs(): number;
  /** Resolves true as soon as the condition holds, or false when the time is over. */
  until(condition: () => boolean, timeoutMs?: number): Promise<boolean>;
  /** For one piece of work: `run` runs it, and `cancel` makes it fail. */
  cancellable(): {
    readonly run: <T>(work: () => Promise<T>) => Promise<T>;
    readonly cancel: () => void;
  };
  uncancellable<T>(work: () => Promise<T>): Promise<T>;
  /**
   * What a step threw, as an error to show; undefined when it is not a step's failure: thrown on.
   */
  failureOf(thrown: unknown): MergeError | undefined;
  /** The run should end soon and continue as new. */
  isFull(): boolean;
  /** False where a history of before the change is replayed (ops/runbooks/upgrade-workflows.md). */
  isNew(change: string): boolean;
  onState(state: MergeState): void;
}
