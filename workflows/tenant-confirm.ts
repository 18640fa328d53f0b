/**
 * Which merges of one tenant still have to be confirmed, and when. Deterministic; part of
 * tenant-merges.ts, which calls `step` when it is its turn.
 *
 *   TC1  a merge is confirmed no earlier than `confirmMs` after its commit, and then as soon as
 *        nothing else is in work: merges that follow each other without a pause do not put it off,
 *        or hot would never drop anything;
 *   TC2  what was missing is looked at again after another `confirmMs`; a look that failed, after a
 *        growing pause;
 *   TC3  what is unconfirmed outlives its run of the workflow: it is handed on, and the workflow
 *        does not complete before;
 *   TC4  it belongs to one log. Where another one has taken that one's place, a position of the old
 *        one means nothing: a worker refuses it, and the new log's first merge puts an end to it.
 */

import type { Position } from "../src/contract/ids.ts";
import { limits } from "../src/contract/limits.ts";
import type {
  Described,
  FailedAttempt,
  MergeError,
  MergeInput,
  Unconfirmed,
} from "../src/contract/merge.ts";
import type { MergeActivities } from "../src/contract/merge-steps.ts";
import { backoffMs } from "../src/runtime/backoff.ts";
import { mergeRetries, type UnconfirmedState } from "./merge-state.ts";

interface Owed extends Described {
  readonly to: Position;
  readonly committedAtMs: number;
}

export class TenantConfirm {
  readonly #input: MergeInput;
  /** All of one log (TC4). */
  #waiting: readonly Unconfirmed[];
  /** Looks that failed since the last that did not. */
  #failures = 0;
  #failure: FailedAttempt | null = null;

  constructor(input: MergeInput) {
    this.#input = input;
    this.#waiting = [...(input.carried?.unconfirmed ?? [])];
  }

  carried(): readonly Unconfirmed[] {
    return this.#waiting;
  }

  /** Why the newest look failed; null when it did not. */
  get failure(): FailedAttempt | null {
    return this.#failure;
  }

  /** A merge up to `to` was committed then, or is known to lack its confirmation. */
  owe({ to, deployment, committedAtMs }: Owed): void {
    const ours = this.#waiting.filter((one) => isOfOneLog(one, { deployment }));
    if (ours.length < this.#waiting.length) this.#succeeded();
    this.#waiting = ours;
    if (ours.some((one) => one.to >= to)) return;
    this.#waiting = [...ours, { to, deployment, atMs: committedAtMs + this.#confirmMs }];
  }

  /** For who looks at the merges: undefined when nothing is unconfirmed. */
  get standing(): UnconfirmedState | undefined {
    if (this.#waiting.length === 0) return undefined;
    return { dueAtMs: Math.min(...this.#waiting.map(({ atMs }) => atMs)), failure: this.#failure };
  }

  /** Time until the next one is due, never negative; infinite when there is none. */
  dueInMs(nowMs: number): number {
    return Math.max(0, Math.min(...this.#waiting.map(({ atMs }) => atMs)) - nowMs);
  }

  /** Confirms all that is due. Throws what the step threw: the caller then says `retryLater`. */
  async step(steps: Pick<MergeActivities, "confirmMerge">, nowMs: () => number): Promise<void> {
    const { tenant } = this.#input;
    const due = farthest(this.#waiting.filter(({ atMs }) => atMs <= nowMs()));
    const { to, deployment } = due;
    for (;;) {
      const { through, repaired } = await steps.confirmMerge({ tenant, to, deployment });
      this.#succeeded();
      if (repaired > 0) return this.#putOff(due, nowMs() + this.#confirmMs);
      if (through >= to) break;
    }
    this.#waiting = this.#waiting.filter((one) => one.to > to);
  }

  /** After a failure, or a cancel, which is none. */
  retryLater(nowMs: number, error?: MergeError): void {
    const retryAtMs = nowMs + backoffMs(mergeRetries, this.#failures);
    this.#failures += 1;
    this.#failure = error === undefined ? null : { ...error, attempt: this.#failures, retryAtMs };
    this.#putOff(farthest(this.#waiting), retryAtMs);
  }

  #succeeded(): void {
    this.#failures = 0;
    this.#failure = null;
  }

  #putOff(due: Unconfirmed, atMs: number): void {
    this.#waiting = [{ ...due, atMs }, ...this.#waiting.filter((one) => one.to > due.to)];
  }

  get #confirmMs(): number {
    const { confirmMs, settleMs, graceMs } = this.#input;
    return confirmMs ?? settleMs ?? graceMs ?? limits.mergeConfirmMs;
  }
}

/** What an earlier Freshet handed on does not say whose it is. */
function isOfOneLog(left: Described, right: Described): boolean {
  const { deployment } = right;
  return (left.deployment ?? deployment) === (deployment ?? left.deployment);
}

function farthest(waiting: readonly Unconfirmed[]): Unconfirmed {
  return waiting.reduce((far, one) => (one.to > far.to ? one : far));
}
