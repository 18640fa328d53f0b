/**
 * Publishes the operations of a batch of events, many at once, those of one document one after the
 * other.
 *
 *   SP1  an operation is sent only when the one before it of the same document is in DOCS: a retry
 *        never overtakes;
 *   SP2  nothing is sent while this node does not own the tenant, as far as it knows at that
 *        moment: a process that was stopped and continues finds that first;
 *   SP3  what passes (a full log, a log that is away) is waited for; what never will be taken
 *        is told, and harms no other operation.
 */

import { FreshetError, toFreshetError } from "../../src/contract/errors.ts";
import type { PublishResult } from "../../src/contract/events.ts";
import { limits } from "../../src/contract/limits.ts";
import type { MappedOperation } from "../../src/contract/source.ts";
import { backoffMs } from "../../src/runtime/backoff.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import { forEachAtMost } from "../../src/runtime/for-each.ts";

export interface PublisherOptions {
  readonly publish: (message: {
    readonly payload: Uint8Array;
    readonly messageId: string;
  }) => Promise<PublishResult>;
  readonly isOwner: () => boolean;
  /** True while nothing may be sent (I11). */
  readonly isFull: () => boolean;
  readonly clock: Clock;
  readonly onWaiting: (error: FreshetError) => void;
}

/** One operation of one event, in the order of both. */
export interface Outgoing extends MappedOperation {
  /** Which event of the batch it is of. */
  readonly event: number;
  readonly messageId: string;
}

export interface Published {
  /** Sequences in DOCS, of what was published now. */
  readonly seqs: readonly number[];
  /** Events with an operation that DOCS never takes. */
  readonly refused: ReadonlyMap<number, FreshetError>;
}

const backoff = {
  backoffMinMs: limits.sourceRetryMinMs,
  backoffMaxMs: limits.sourceRetryMaxMs,
} as const;

const encoder = new TextEncoder();

/** @throws FreshetError not_ready (not the owner any more), cancelled */
export async function publishInOrder(
  options: PublisherOptions,
  operations: readonly Outgoing[],
  signal: AbortSignal,
): Promise<Published> {
  const seqs: number[] = [];
  const refused = new Map<number, FreshetError>();
  await forEachAtMost(byDocument(operations), limits.sourcePublishesInFlightMax, async (chain) => {
    for (const operation of chain) {
      const outcome = await publishOne(options, operation, signal);
      if (outcome instanceof FreshetError) refused.set(operation.event, outcome);
      else seqs.push(outcome.seq);
    }
  });
  return { seqs: seqs.sort((one, other) => one - other), refused };
}

/** SP1. */
function byDocument(operations: readonly Outgoing[]): Iterable<readonly Outgoing[]> {
  const chains = new Map<string, Outgoing[]>();
  for (const operation of operations) {
    const chain = chains.get(operation.id);
    if (chain === undefined) chains.set(operation.id, [operation]);
    else chain.push(operation);
  }
  return chains.values();
}

async function publishOne(
  { publish, isOwner, isFull, clock, onWaiting }: PublisherOptions,
  { payload, messageId }: Outgoing,
  signal: AbortSignal,
): Promise<PublishResult | FreshetError> {
  const bytes = encoder.encode(payload);
  for (let attempt = 0; ; attempt += 1) {
    while (isFull() && !signal.aborted) await clock.sleep(limits.sourceBehindPollMs, signal);
    // SP2: last, after every wait.
    if (signal.aborted) throw new FreshetError("cancelled");
    if (!isOwner()) throw notOwner();
    try {
      return await publish({ payload: bytes, messageId });
    } catch (thrown) {
      const error = toFreshetError(thrown);
      if (isPermanent(error)) return error;
      onWaiting(error);
    }
    await clock.sleep(backoffMs(backoff, attempt), signal);
  }
}

export const notOwner = (): FreshetError =>
  new FreshetError("not_ready", "another node has the source's tenant");

/** The operation itself is what DOCS does not take. */
const isPermanent = ({ code }: FreshetError): boolean =>
  code === "document_too_large" || code === "invalid_document";
