/**
 * The read barrier: proves that this node still is the owner of a partition, right before something
 * is answered (I6). Neither its lease nor its clock can say so: clocks step, and stand still while
 * a machine sleeps. A newer owner takes the lease before it writes its first fence, so while the
 * lease is the old one, no newer owner has said anything.
 *
 * Owns: the reads that are under way. Never: believes an answer that is older than the question.
 *
 *   LP1  a caller is served by a read that was sent after it asked, so after it found its answer;
 *   LP2  one read of a partition is under way at a time; all callers that ask meanwhile share the
 *        next one;
 *   LP3  a log that does not answer proves nothing: it is asked again for a while, then the caller
 *        fails with log_unavailable. No lease is a substitute.
 */

import { FreshetError, toFreshetError } from "../../src/contract/errors.ts";
import type { Epoch, Partition } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import type { LeaseStore } from "../../src/log/lease-port.ts";
import type { Log } from "../../src/log/port.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import { late, waitAtMost } from "../../src/runtime/deadline.ts";
import type { Mailbox } from "../../src/runtime/mailbox.ts";
import { raceAbort } from "../../src/runtime/race-abort.ts";
import { SharedCall } from "../../src/runtime/shared-call.ts";
import type { Claim, Proofs } from "../directory/directory.ts";
import type { LeaseLostMessage } from "../messages.ts";

export interface LeaseProofsOptions {
  readonly leases: Pick<LeaseStore, "epochOf">;
  readonly clock: Clock;
  /** How long one answer is waited for before the log is asked again. */
  readonly askAgainMs: number;
  /** How long a log that does not answer is asked in all. */
  readonly patienceMs: number;
  /** The lease is another node's, or gone: serving under it must stop. */
  readonly onLost: (partition: Partition, epoch: Epoch) => void;
}

export class LeaseProofs implements Proofs {
  readonly #options: LeaseProofsOptions;
  readonly #reads = new Map<Partition, SharedCall<Epoch | null>>();

  constructor(options: LeaseProofsOptions) {
    this.#options = options;
  }

  async prove({ partition, epoch }: Claim, signal?: AbortSignal): Promise<void> {
    const { clock, askAgainMs, patienceMs, onLost } = this.#options;
    const untilMs = clock.monotonicMs() + patienceMs;
    for (;;) {
      const read = this.#readOf(partition).next();
      const newest = await (signal === undefined ? read : raceAbort(read, signal)).catch(
        toFreshetError,
      );
      if (newest === epoch) return;
      if (!(newest instanceof Error)) {
        onLost(partition, epoch);
        throw new FreshetError("not_ready");
      }
      const isOver = signal?.aborted === true || clock.monotonicMs() >= untilMs;
      if (newest.code !== "log_unavailable" || isOver) throw newest;
      await clock.sleep(askAgainMs / 10, signal);
    }
  }

  #readOf(partition: Partition): SharedCall<Epoch | null> {
    const known = this.#reads.get(partition);
    if (known !== undefined) return known;
    const read = new SharedCall(() => this.#read(partition));
    this.#reads.set(partition, read);
    return read;
  }

  /** A lost answer must not keep the callers of the next read waiting. */
  async #read(partition: Partition): Promise<Epoch | null> {
    const { leases, clock, askAgainMs } = this.#options;
    const epoch = await waitAtMost(clock, askAgainMs, leases.epochOf(partition));
    if (epoch === late) throw new FreshetError("log_unavailable");
    return epoch;
  }
}

/** The proofs of a node: a lease that is found lost ends the tenure of its partition at once. */
export function createProofs(
  { log, clock }: { readonly log: Pick<Log, "leases">; readonly clock: Clock },
  /** By their numbers. */
  partitions: readonly Pick<Mailbox<LeaseLostMessage>, "tryPut">[],
): LeaseProofs {
  return new LeaseProofs({
    leases: log.leases,
    clock,
    askAgainMs: limits.leaseProofAskAgainMs,
    patienceMs: limits.leaseProofPatienceMs,
    // A partition whose mailbox is full hears it with the next question.
    onLost: (partition, epoch) => void partitions[partition]?.tryPut({ type: "lease-lost", epoch }),
  });
}
