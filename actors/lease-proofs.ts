/** The proofs of this node's leases: a lease that is found lost ends the tenure of its partition at once. */

import { limits } from "../src/contract/limits.ts";
import type { Clock } from "../src/kernel/clock.ts";
import type { ActorRef } from "../src/kernel/system.ts";
import { LeaseProofs } from "../src/log/lease-proof.ts";
import type { Log } from "../src/log/port.ts";
import type { PartitionMessage } from "./messages.ts";

export function createProofs(
  { log, clock }: { readonly log: Pick<Log, "leases">; readonly clock: Clock },
  /** By their numbers. */
  partitions: readonly ActorRef<PartitionMessage>[],
): LeaseProofs {
  return new LeaseProofs({
    leases: log.leases,
    clock,
    askAgainMs: limits.leaseProofAskAgainMs,
    patienceMs: limits.leaseProofPatienceMs,
    // A partition that is too busy for this hears it with the next question.
    onLost: (partition, epoch) =>
      void partitions[partition]?.mailbox.tryPut({ type: "lease-lost", epoch }),
  });
}
