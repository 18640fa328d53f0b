/**
 * Membership: announces this node, looks which other nodes are there, and tells its partitions.
 *
 * Owns: this node's announcement in the lease store, and which nodes count.
 * Never: holds a lease, or decides about a partition.
 * Receives: nothing; it runs by the clock. Sends: ownership, to every partition of this node.
 *
 *   MB1  an announcement is renewed at a third of the lease, so the store forgets a node after it
 *        has missed two renewals;
 *   MB2  at a clean stop it is withdrawn: other nodes need not wait to take this node's partitions;
 *   MB3  its first announcement numbers this start of the node; partitions decide nothing before
 *        they know it, because of two processes under one name the later one has to win;
 *   MB4  without a look there is no view: a node that cannot see the store changes nothing, and its
 *        leases end by themselves.
 */

import { Members } from "../src/cluster/ownership.ts";
import { type ErrorCode, toFreshetError } from "../src/contract/errors.ts";
import type { Logger } from "../src/contract/observation.ts";
import type { LeaseStore, NodeStart } from "../src/log/lease-port.ts";
import type { ActorContext, Behaviour } from "../src/runtime/actor.ts";
import type { Mailbox } from "../src/runtime/mailbox.ts";
import { raceAbort } from "../src/runtime/race-abort.ts";
import type { PartitionMessage } from "./messages.ts";

export interface MembershipOptions {
  /** The node's name in the deployment: a restarted process is the same node. */
  readonly name: string;
  readonly leases: LeaseStore;
  /** Those that it can embed by now, beside the engines' own. */
  readonly models?: (() => readonly string[]) | undefined;
  readonly partitions: readonly Mailbox<PartitionMessage>[];
  readonly announceEveryMs: number;
  readonly lookEveryMs: number;
  /** A node counts after it was seen for this long. */
  readonly settleMs: number;
  /** Nodes that count, this one among them, after each look. */
  readonly onNodes?: ((nodes: readonly string[]) => void) | undefined;
  /** Why this node is not announced, after each try: without it, it takes no partition. */
  readonly onAnnounced?: ((failure: ErrorCode | undefined) => void) | undefined;
  readonly logger: Logger;
}

export function membershipActor(
  options: MembershipOptions,
): (context: ActorContext<never>) => Behaviour<never> {
  return (context) => ({
    start: () => {
      const first = Promise.withResolvers<number>();
      context.task(() => announce(options, context, first.resolve));
      context.task(async () => {
        const boot = await firstOrNone(first.promise, context.signal);
        if (boot !== undefined) await look(options, context, { name: options.name, boot });
      });
    },
    receive: () => {},
  });
}

function firstOrNone(first: Promise<number>, signal: AbortSignal): Promise<number | undefined> {
  return raceAbort(first, signal).catch(() => undefined);
}

async function announce(
  { name, leases, models, announceEveryMs, lookEveryMs, onAnnounced, logger }: MembershipOptions,
  { clock, signal }: ActorContext<never>,
  announced: (revision: number) => void,
): Promise<void> {
  let revision: number | undefined;
  let failure: ErrorCode | undefined;
  let pauseMs = announceEveryMs;
  for (; !signal.aborted; await clock.sleep(pauseMs, signal)) {
    revision = await leases.announce(name, models?.()).catch((thrown: unknown) => {
      const { code } = toFreshetError(thrown);
      // Once for each reason: a full disk is one, and logs lie on disks.
      if (code !== failure) logger.warn({ code }, "this node cannot be announced");
      failure = code;
      return undefined;
    });
    if (revision !== undefined) failure = undefined;
    onAnnounced?.(failure);
    pauseMs = revision === undefined ? lookEveryMs : announceEveryMs;
    if (revision !== undefined) announced(revision);
  }
  // MB2. A store that did not answer just now would only delay the stop.
  if (revision !== undefined) await leases.withdraw(name, revision).catch(() => {});
}

async function look(
  { name, leases, partitions, lookEveryMs, settleMs, onNodes, logger }: MembershipOptions,
  { clock, signal }: ActorContext<never>,
  start: NodeStart,
): Promise<void> {
  const members = new Members({ me: name, settleMs });
  let logged = "";
  let failure: ErrorCode | undefined;
  for (; !signal.aborted; await clock.sleep(lookEveryMs, signal)) {
    const atMs = clock.monotonicMs();
    const seen = await leases.snapshot().catch(toFreshetError);
    if (seen instanceof Error) {
      // Once for each reason, as above: an outage of an hour is one event.
      if (seen.code !== failure) logger.warn({ code: seen.code }, "the other nodes cannot be seen");
      failure = seen.code;
      continue;
    }
    if (failure !== undefined) logger.info({}, "the other nodes are seen again");
    failure = undefined;
    const nodes = members.see(seen.nodes, atMs);
    if (nodes.join() !== logged) logger.info({ nodes }, "nodes that share the partitions");
    logged = nodes.join();
    onNodes?.(nodes);
    const view = { nodes, held: new Set(seen.held), atMs };
    // A partition that is too busy for this view gets the next one.
    for (const partition of partitions) partition.tryPut({ type: "ownership", view, start });
  }
}
