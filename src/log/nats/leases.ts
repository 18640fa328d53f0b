/**
 * Partition leases on JetStream: one message per held partition, which the server drops `leaseMs`
 * after its last renewal (the stream's `max_age`; a time-to-live per message would be lost with the
 * first update).
 *
 *   NL1  a lease is taken only where no message is, or where the message is this process's own, or
 *        an earlier start's of the same node, or one that stood unchanged for `leaseMs` by this
 *        process's own clock: the server's may have been set back, and then drops nothing for as
 *        long;
 *   NL2  the epoch is the sequence of the message that took the lease, and sequences never go back;
 *   NL3  validity is counted from before the message was sent, so it ends here before it ends at
 *        the server;
 *   NL4  a node that is there has a message of its own beside the leases, dropped by the same age;
 *   NL5  of two starts of one node the later one wins, for good: the earlier one takes nothing
 *        back;
 *   NL6  a message that is no lease means that the lease is free: it is quarantined, and a lease
 *        may be put in its place.
 */

import type { StoredMsg } from "nats";
import { type Epoch, epoch, type Partition } from "../../contract/ids.ts";
import type { Announcement, Lease, LeaseSnapshot, LeaseStore, NodeStart } from "../lease-port.ts";
import { LeaseWatch } from "../lease-watch.ts";
import { decodeAnnouncement, encodeAnnouncement } from "../wire/announcement.ts";
import { decodeHolder, encodeHolder, type LeaseHolder } from "../wire/lease.ts";
import {
  leasedPartitionIn,
  leaseSubject,
  leaseSubjects,
  nodeIn,
  nodeSubject,
} from "../wire/subjects.ts";
import { type NatsContext, newestMessage } from "./connection.ts";
import { isMessageGone, logError } from "./errors.ts";
import { publishIfLast, publishPlain } from "./publish.ts";
import { streamNames, subjectsOf } from "./streams.ts";

interface Held {
  readonly holder: LeaseHolder & { readonly epoch: Epoch };
  readonly revision: number;
  /** It stood like this for a lease time. */
  readonly stale: boolean;
}

/** What a read of an entry found; a message without a holder is foreign. */
interface Look {
  readonly message: StoredMsg | null;
  readonly holder: Held["holder"] | null;
  readonly stale: boolean;
}

/** What stands in a lease's place. */
interface Entry {
  /** Null when the lease is free. */
  readonly held: Held | null;
  /** What a lease that is taken must follow; 0 for nothing. */
  readonly revision: number;
}

/** Shares of a lease time: how often each entry is read again, to see whether it is renewed. */
const watchesPerLease = 8;

const noBytes = new Uint8Array();

export class NatsLeases implements LeaseStore {
  readonly #context: NatsContext;
  readonly #leaseMs: number;
  readonly #watch: LeaseWatch<string>;
  /** Subjects of leases that stand for none (NL6), as the last look at them said. */
  readonly #foreign = new Set<string>();
  #watchedMs: number | undefined;
  #isTwinKnown = false;

  constructor(context: NatsContext, leaseMs: number) {
    this.#context = context;
    this.#leaseMs = leaseMs;
    this.#watch = new LeaseWatch(leaseMs);
  }

  async acquire(partition: Partition, node: string, start?: NodeStart): Promise<Lease | null> {
    const { held, revision: expected } = await this.#entry(partition);
    if (held !== null && !this.#mayTake(held, node, start)) return null;
    const sentMs = this.#context.clock.monotonicMs();
    const revision = await this.#put(partition, { node, ...start }, expected);
    if (revision === null) return null;
    return { partition, epoch: epoch(revision), validUntilMs: sentMs + this.#leaseMs };
  }

  async renew(lease: Lease, node: string): Promise<Lease | null> {
    const held = await this.#held(lease.partition);
    if (held === null || !isMine(held, lease, node)) return null;
    const sentMs = this.#context.clock.monotonicMs();
    const revision = await this.#put(lease.partition, held.holder, held.revision);
    return revision === null ? null : { ...lease, validUntilMs: sentMs + this.#leaseMs };
  }

  /**
   * Removes exactly the message that was seen: if another node has the lease meanwhile, it is gone
   * already.
   */
  async release(lease: Lease, node: string): Promise<void> {
    const held = await this.#held(lease.partition);
    if (held !== null && isMine(held, lease, node)) await this.#remove(held.revision);
  }

  async holder(partition: Partition): Promise<string | null> {
    return (await this.#held(partition))?.holder.node ?? null;
  }

  async epochOf(partition: Partition): Promise<Epoch | null> {
    const held = await this.#held(partition);
    return held?.holder.epoch ?? null;
  }

  async announce(name: string, models?: readonly string[]): Promise<number> {
    try {
      const subject = nodeSubject(name);
      const payload = models === undefined ? noBytes : encodeAnnouncement({ models: [...models] });
      return (await publishPlain(this.#context, { subject, payload })).seq;
    } catch (thrown) {
      throw logError(thrown);
    }
  }

  async announced(): Promise<readonly Announcement[]> {
    const { nodes } = await this.snapshot();
    const said = nodes.map(async (name): Promise<Announcement | undefined> => {
      const subject = nodeSubject(name);
      const message = await newestMessage(this.#context, streamNames.leases, subject);
      // Withdrawn since the look.
      if (message === null) return undefined;
      return { name, models: decodeAnnouncement(message.data)?.models };
    });
    return (await Promise.all(said)).filter((one) => one !== undefined);
  }

  withdraw(_name: string, revision: number): Promise<void> {
    return this.#remove(revision);
  }

  async snapshot(): Promise<LeaseSnapshot> {
    const subjects = await subjectsOf(this.#context, streamNames.leases, `${leaseSubjects}.>`);
    await this.#watchAll(subjects);
    const live = subjects.filter((subject) => !this.#watch.isStale(subject));
    // What is no lease, by its subject or by what the last look at it said, is none (NL6).
    const leases = live.filter((subject) => !this.#foreign.has(subject));
    return {
      nodes: live.map(nodeIn).filter((node) => node !== undefined),
      held: leases.map(leasedPartitionIn).filter((partition) => partition !== undefined),
    };
  }

  /** Rarely: it takes one request an entry, and is not waited for within a lease time. */
  async #watchAll(subjects: readonly string[]): Promise<void> {
    const nowMs = this.#context.clock.monotonicMs();
    const everyMs = this.#leaseMs / watchesPerLease;
    if (this.#watchedMs !== undefined && nowMs - this.#watchedMs < everyMs) return;
    this.#watchedMs = nowMs;
    this.#watch.keepOnly(new Set(subjects));
    this.#foreign.clear();
    await Promise.all(subjects.map((subject) => this.#read(subject)));
  }

  /** NL1, NL5. */
  #mayTake({ holder, stale }: Held, node: string, start: NodeStart | undefined): boolean {
    if (stale || holder.node === node) return true;
    if (start === undefined || holder.name !== start.name || holder.boot === undefined)
      return false;
    if (holder.boot < start.boot) return true;
    this.#tellTwin(start.name);
    return false;
  }

  #tellTwin(node: string): void {
    if (this.#isTwinKnown) return;
    this.#isTwinKnown = true;
    const message =
      "another process was started under this node's name and has its partitions: " +
      "give each node a name of its own";
    this.#context.logger.error({ node }, message);
  }

  /** A message that is gone, by age or because a newer one is in its place, is removed as well. */
  async #remove(revision: number): Promise<void> {
    try {
      await this.#context.jsm.streams.deleteMessage(streamNames.leases, revision, false);
    } catch (thrown) {
      if (!isMessageGone(thrown)) throw logError(thrown);
    }
  }

  async #held(partition: Partition): Promise<Held | null> {
    return (await this.#entry(partition)).held;
  }

  async #entry(partition: Partition): Promise<Entry> {
    const { message, holder, stale } = await this.#read(leaseSubject(partition));
    if (message === null) return { held: null, revision: 0 };
    const { seq: revision, subject } = message;
    if (holder !== null) return { held: { holder, revision, stale }, revision };
    const stream = streamNames.leases;
    this.#context.quarantine.add({ stream, seq: revision, subject, why: "foreign" });
    return { held: null, revision };
  }

  /** Every look at an entry is one of the watch's. */
  async #read(subject: string): Promise<Look> {
    const { clock } = this.#context;
    const sentMs = clock.monotonicMs();
    const message = await newestMessage(this.#context, streamNames.leases, subject);
    const holder = message === null ? null : holderIn(message);
    if (message !== null && holder === null) this.#foreign.add(subject);
    else this.#foreign.delete(subject);
    if (message === null) return { message, holder, stale: false };
    const times = { sentMs, answeredMs: clock.monotonicMs() };
    return { message, holder, stale: this.#watch.see(subject, message.seq, times) };
  }

  /**
   * The new revision; null when another process was faster.
   * @throws FreshetError log_unavailable
   */
  async #put(
    partition: Partition,
    value: LeaseHolder,
    expectedLast: number,
  ): Promise<number | null> {
    const outcome = await publishIfLast(this.#context, {
      subject: leaseSubject(partition),
      payload: encodeHolder(value),
      expectedLast,
    });
    switch (outcome.kind) {
      case "stored":
        this.#foreign.delete(leaseSubject(partition));
        return outcome.ack.seq;
      case "refused":
        return null;
      case "unknown":
        // The next renewal or acquisition finds out what became of it; nothing is served on a
        // guess.
        throw outcome.error;
    }
  }
}

function isMine({ holder }: Held, lease: Lease, node: string): boolean {
  return holder.node === node && holder.epoch === lease.epoch;
}

/** Null for what is no lease. */
function holderIn({ data, seq }: StoredMsg): Held["holder"] | null {
  const holder = decodeHolder(data);
  return holder === undefined ? null : { ...holder, epoch: epoch(holder.epoch ?? seq) };
}
