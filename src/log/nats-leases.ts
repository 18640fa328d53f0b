/**
 * Partition leases on JetStream: one message per held partition, which the server drops `leaseMs` after its
 * last renewal (the stream's `max_age`; a time-to-live per message would be lost with the first update).
 *
 *   NL1  a lease is taken only where no message is, or where the message is this node's own;
 *   NL2  the epoch is the sequence of the message that took the lease, and sequences never go back;
 *   NL3  validity is counted from before the message was sent, so it ends here before it ends at the server;
 *   NL4  a node that is there has a message of its own beside the leases, dropped by the same age.
 */

import type { StoredMsg } from "nats";
import { z } from "zod";
import { FreshetError } from "../contract/errors.ts";
import type { Epoch, Partition } from "../contract/ids.ts";
import {
  type NatsContext,
  newestMessage,
  publishGuarded,
  publishPlain,
} from "./nats-connection.ts";
import { apiCode, jetStream, logError } from "./nats-errors.ts";
import { leaseSubjects, streamNames } from "./nats-streams.ts";
import { subjectsOf } from "./nats-subjects.ts";
import type { Lease, LeaseLook, LeaseStore } from "./port.ts";

/** The message that takes a lease does not know its own sequence yet, so it names no epoch. */
const holderSchema = z.object({ node: z.string(), epoch: z.int().optional() });

interface Held {
  readonly node: string;
  readonly epoch: number;
  readonly revision: number;
}

const subjectOf = (partition: Partition): string => `${leaseSubjects}.${partition}`;
const nodeSubjects = `${leaseSubjects}.node`;
/** A name may hold what a subject's token may not. */
const nodeSubjectOf = (name: string): string =>
  `${nodeSubjects}.${Buffer.from(name, "utf8").toString("base64url")}`;
const nodeIn = (subject: string): string =>
  Buffer.from(subject.slice(nodeSubjects.length + 1), "base64url").toString("utf8");
const encoder = new TextEncoder();
const noBytes = new Uint8Array();

export class NatsLeases implements LeaseStore {
  readonly #context: NatsContext;
  readonly #leaseMs: number;

  constructor(context: NatsContext, leaseMs: number) {
    this.#context = context;
    this.#leaseMs = leaseMs;
  }

  async acquire(partition: Partition, node: string): Promise<Lease | null> {
    const held = await this.#held(partition);
    // Its own message is left from an attempt whose answer was lost; a new one makes a new epoch.
    if (held !== null && held.node !== node) return null;
    const sentMs = this.#context.clock.monotonicMs();
    const revision = await this.#put(partition, { node }, held?.revision ?? 0);
    if (revision === null) return null;
    return { partition, epoch: revision as Epoch, validUntilMs: sentMs + this.#leaseMs };
  }

  async renew(lease: Lease, node: string): Promise<Lease | null> {
    const held = await this.#held(lease.partition);
    if (held === null || !isMine(held, lease, node)) return null;
    const sentMs = this.#context.clock.monotonicMs();
    const value = { node, epoch: lease.epoch };
    const revision = await this.#put(lease.partition, value, held.revision);
    return revision === null ? null : { ...lease, validUntilMs: sentMs + this.#leaseMs };
  }

  /** Removes exactly the message that was seen: if another node has the lease meanwhile, it is gone already. */
  async release(lease: Lease, node: string): Promise<void> {
    const held = await this.#held(lease.partition);
    if (held !== null && isMine(held, lease, node)) await this.#remove(held.revision);
  }

  async holder(partition: Partition): Promise<string | null> {
    return (await this.#held(partition))?.node ?? null;
  }

  async announce(name: string): Promise<number> {
    try {
      const subject = nodeSubjectOf(name);
      return (await publishPlain(this.#context, { subject, payload: noBytes })).seq;
    } catch (thrown) {
      throw logError(thrown);
    }
  }

  withdraw(_name: string, revision: number): Promise<void> {
    return this.#remove(revision);
  }

  async look(): Promise<LeaseLook> {
    const subjects = await subjectsOf(this.#context, streamNames.leases, `${leaseSubjects}.>`);
    const isNode = (subject: string): boolean => subject.startsWith(`${nodeSubjects}.`);
    const held = subjects.filter((subject) => !isNode(subject));
    return {
      nodes: subjects.filter(isNode).map(nodeIn),
      held: held.map((subject) => Number(subject.slice(leaseSubjects.length + 1)) as Partition),
    };
  }

  /** A message that is gone, by age or because a newer one is in its place, is removed as well. */
  async #remove(revision: number): Promise<void> {
    try {
      await this.#context.jsm.streams.deleteMessage(streamNames.leases, revision, false);
    } catch (thrown) {
      if (apiCode(thrown) !== jetStream.sequenceNotFound) throw logError(thrown);
    }
  }

  async #held(partition: Partition): Promise<Held | null> {
    const subject = subjectOf(partition);
    const message = await newestMessage(this.#context, streamNames.leases, subject);
    return message === null ? null : heldIn(message);
  }

  /** The new revision; null when somebody was faster. @throws FreshetError log_unavailable */
  async #put(
    partition: Partition,
    value: z.infer<typeof holderSchema>,
    expectedLast: number,
  ): Promise<number | null> {
    const outcome = await publishGuarded(this.#context, {
      subject: subjectOf(partition),
      payload: encoder.encode(JSON.stringify(value)),
      expectedLast,
    });
    switch (outcome.kind) {
      case "stored":
        return outcome.ack.seq;
      case "refused":
        return null;
      case "unknown":
        // The next renewal or acquisition finds out what became of it; nothing is served on a guess.
        throw outcome.error;
    }
  }
}

function isMine(held: Held, lease: Lease, node: string): boolean {
  return held.node === node && held.epoch === lease.epoch;
}

function heldIn(message: StoredMsg): Held {
  const parsed = holderSchema.safeParse(JSON.parse(message.string()));
  if (!parsed.success) throw new FreshetError("internal", "a lease is malformed");
  const { node, epoch } = parsed.data;
  return { node, epoch: epoch ?? message.seq, revision: message.seq };
}
