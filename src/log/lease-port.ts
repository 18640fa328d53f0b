/** Partition leases, and which nodes are there. For liveness only: safety is the fenced append. */

import type { Epoch, Partition } from "../contract/ids.ts";

/**
 * A partition lease. Alone it proves nothing: for appends the fence decides, and for answers the
 * proof that the lease is still the newest one (actors/partition/lease-proofs.ts).
 */
export interface Lease {
  readonly partition: Partition;
  /** Higher than that of every earlier holder. */
  readonly epoch: Epoch;
  /** Monotonic milliseconds until which this node may serve; from before the renewal was sent. */
  readonly validUntilMs: number;
}

/**
 * Which start of a node this process is. A later one has a higher boot, whatever any clock says.
 */
export interface NodeStart {
  /** The node's name in the deployment. */
  readonly name: string;
  /** Revision of the first announcement of this process. */
  readonly boot: number;
}

export interface Announcement {
  readonly name: string;
  /** Undefined: it did not say. */
  readonly models: readonly string[] | undefined;
}

export interface LeaseStore {
  /**
   * The lease, or null while another process holds it. It is taken from a holder that has not
   * renewed it for a lease time by this store's own clock, and at once from an earlier start of the
   * same node; never from a later one, so that two processes under one name do not take it from
   * each other for ever.
   */
  acquire(partition: Partition, node: string, start?: NodeStart): Promise<Lease | null>;
  /** A new validity, or null when the lease was lost. */
  renew(lease: Lease, node: string): Promise<Lease | null>;
  release(lease: Lease, node: string): Promise<void>;
  /** The node that holds it now, for status and routing. */
  holder(partition: Partition): Promise<string | null>;
  /** The epoch under which it is held now, as the log's leader says; null when it is free. */
  epochOf(partition: Partition): Promise<Epoch | null>;
  /**
   * Says that a node is there; resolves with the announcement's revision. The store forgets it a
   * lease time later.
   * @param models those that it can embed by, beside the engines' own
   */
  announce(name: string, models?: readonly string[]): Promise<number>;
  /** What the nodes said that are there. */
  announced(): Promise<readonly Announcement[]>;
  /** Takes an announcement back. A later one of the same name, by any process, stays. */
  withdraw(name: string, revision: number): Promise<void>;
  /** What every node needs to share the partitions, in one request. */
  snapshot(): Promise<LeaseSnapshot>;
}

export interface LeaseSnapshot {
  /** Names announced within a lease time, by the server's clock or by this store's own. */
  readonly nodes: readonly string[];
  /** Partitions whose lease is held, and was renewed within that time. */
  readonly held: readonly Partition[];
}
