/** The wiring of the partitions, and of the membership that tells them who else is there. */

import type { Partition } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import type { TenantCatalogue } from "../../src/log/catalogue.ts";
import type { TenantLives } from "../../src/log/lives.ts";
import { BoundedMailbox, type Mailbox } from "../../src/runtime/mailbox.ts";
import type { ActorRef } from "../../src/runtime/system.ts";
import type { Directory } from "../directory/directory.ts";
import { membershipActor } from "../membership.ts";
import type { PartitionMessage } from "../messages.ts";
import { partitionActor } from "../partition/partition.ts";
import { spawnTenant, type TenantWiring } from "./tenants.ts";

const renewEveryMs = limits.leaseMs / 3;

export interface PartitionWiring extends TenantWiring {
  readonly directory: Directory;
  readonly catalogue: TenantCatalogue;
  readonly lives: TenantLives;
}

/** What of this node owns partitions, as one of several nodes. */
export interface Owner {
  /** By number. */
  readonly partitions: readonly Mailbox<PartitionMessage>[];
  /** Whether there are other nodes, as far as this one has seen. */
  hasOthers(): boolean;
  /**
   * Gives all partitions to the other nodes and takes none again. What came before it is answered,
   * or `not_ready`: asked again, it finds the new owner.
   */
  leave(): Promise<void>;
}

export function spawnOwner(wiring: PartitionWiring): Owner {
  const numbers = [...wiring.directory.partitions.keys()];
  const actors = numbers.map((partition) => spawnPartition(partition, wiring));
  const partitions = actors.map(({ mailbox }) => mailbox);
  const membership = spawnMembership(wiring, partitions);
  return {
    partitions,
    hasOthers: membership.hasOthers,
    async leave() {
      // The announcement first: with it the others would wait for this node to take them again.
      await membership.actor.stop();
      await Promise.all(actors.map((actor) => actor.stop()));
    },
  };
}

function spawnPartition(partition: Partition, wiring: PartitionWiring): ActorRef<PartitionMessage> {
  const { system, options, directory } = wiring;
  const { log, metrics, logger, node } = options;
  const mailbox = new BoundedMailbox<PartitionMessage>(limits.partitionMailboxMax);
  return system.spawnAt(mailbox, {
    name: `partition/${partition}`,
    behaviour: partitionActor({
      partition,
      node,
      name: options.name ?? node,
      log,
      entry: directory.partition(partition),
      catalogue: wiring.catalogue,
      lives: wiring.lives,
      generations: wiring.generations,
      modelOf: (name) =>
        wiring.encoders.of(name) === undefined ? wiring.encoders.open(name) : undefined,
      sleep: {
        afterMs: options.settings.tenantSleepMs ?? 0,
        cold: options.cold,
        mergeTrigger: wiring.mergeTrigger,
      },
      spawnTenant: (tenant, epoch) => spawnTenant(wiring, { tenant, epoch, partition: mailbox }),
      renewEveryMs,
      takeAnywayMs: limits.partitionTakeAnywayMs,
      respawnMs: limits.restartBackoffMaxMs,
      pullMax: limits.pullMax,
      metrics,
      logger,
    }),
  });
}

function spawnMembership(
  { system, options, encoders, directory }: PartitionWiring,
  partitions: readonly Mailbox<PartitionMessage>[],
): { readonly actor: ActorRef<never>; readonly hasOthers: () => boolean } {
  const { name, node, log, logger } = options;
  let count = 0;
  const actor = system.spawn<never>({
    name: "membership",
    capacity: 1,
    behaviour: membershipActor({
      name: name ?? node,
      leases: log.leases,
      models: () => encoders.openable(),
      partitions,
      announceEveryMs: renewEveryMs,
      lookEveryMs: limits.membershipLookEveryMs,
      settleMs: limits.membershipSettleMs,
      onNodes: (nodes) => void (count = nodes.length),
      onAnnounced: (failure) => directory.sayLeaseFailure(failure),
      logger,
    }),
  });
  return { actor, hasOthers: () => count > 1 };
}
