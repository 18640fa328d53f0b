/**
 * Tenant writer: turns the operations of one tenant into records of CHUNKS, in log order.
 *
 * Owns: the tenant's end of CHUNKS (position and version of its last record) under one epoch.
 * Never: answers questions, appends out of order, or appends before its fence.
 * Receives: operation (from its partition); reload (from its view).
 * Sends: texts to the embedder; load, replay, ready, apply to its view; fenced to its partition;
 * pressure to the merge trigger.
 * Parts: recovery.ts (how a life begins), intake.ts (from DOCS), operation.ts (processing),
 * committer.ts (into CHUNKS), dead-letters.ts.
 *
 *   T1  exactly one record per operation, in version order, whatever restarts in between (I2, I3);
 *   T2  the fence of its epoch is the first record that this owner appends (I6);
 *   T3  an operation is prepared and embedded in parallel with others, but appended only after all
 *       before it;
 *   T4  a full queue takes the tenant off the shared reader; the reader never waits (I9);
 *   T5  transient trouble stalls with back-off; only a document that itself fails is rejected (I2);
 *   T6  a fault of ours ends this life and is tried again in the next; the operation at the head of
 *       the queue is rejected only when it has met `attemptsMax` of them, so that no document stops
 *       its tenant for ever;
 *   T7  operations that may have been in flight when `attemptsMax` owners in a row ended are
 *       processed in isolation, one by one and before anything after them is taken in: a document
 *       that ends processes is found, an innocent one passes (I2);
 *   T8  the replay of a dead letter is void when the log has a later operation of its document
 *       (I3);
 *   T9  a message id names one operation of the tenant within the duplicate window, whichever way
 *       it came: a repetition leaves a record that says so and changes nothing; other content under
 *       the id is rejected;
 *   T10 what is above the tenant's rate waits for its turn; what its quota of chunks does not let
 *       in is rejected before it is embedded; a delete passes both.
 */

import { FreshetError } from "../../src/contract/errors.ts";
import type { Log } from "../../src/log/port.ts";
import type { ActorContext, Behaviour } from "../../src/runtime/actor.ts";
import type { FairShares } from "../../src/runtime/fair-shares.ts";
import { BoundedMailbox } from "../../src/runtime/mailbox.ts";
import type { Admitted } from "../directory/bytes.ts";
import type { TenantWriterMessage } from "../messages.ts";
import { Committer, type CommitterOptions } from "./committer.ts";
import { type DeadLetterOptions, DeadLetterWriter } from "./dead-letters.ts";
import { HeadFaults } from "./faults.ts";
import { type InFlight, Intake, type IntakeOptions } from "./intake.ts";
import { type LifeOptions, WriterLife } from "./life.ts";
import { OperationProcessor, type ProcessorOptions } from "./operation.ts";
import { type RecoveryOptions, recover } from "./recovery.ts";

export interface TenantWriterOptions
  extends LifeOptions,
    RecoveryOptions,
    IntakeOptions,
    ProcessorOptions,
    CommitterOptions,
    DeadLetterOptions {
  readonly log: Log;
  /** Shared by all tenants of the node. */
  readonly recoveries: FairShares;
  readonly limits: TenantLimits;
}

export interface TenantLimits {
  readonly inFlightMax: number;
  readonly attemptsMax: number;
  readonly pullMax: number;
  readonly duplicateWindowMs: number;
  readonly messageIdsPerTenantMax: number;
  readonly deadLettersWaitingMax: number;
  readonly deadLetterRetryMaxMs: number;
  readonly backoff: { readonly backoffMinMs: number; readonly backoffMaxMs: number };
}

export function tenantWriterActor(
  options: TenantWriterOptions,
): (context: ActorContext<TenantWriterMessage>) => Behaviour<TenantWriterMessage> {
  const faults = new HeadFaults(options.limits.attemptsMax);
  return (context) => new TenantWriterBehaviour(options, context, faults);
}

class TenantWriterBehaviour implements Behaviour<TenantWriterMessage> {
  readonly #options: TenantWriterOptions;
  readonly #context: ActorContext<TenantWriterMessage>;
  readonly #faults: HeadFaults;
  readonly #life: WriterLife;
  readonly #inFlight: BoundedMailbox<InFlight>;
  /** Undefined until this life has recovered; it never does when a newer owner has written. */
  #intake: Intake | undefined;

  constructor(
    options: TenantWriterOptions,
    context: ActorContext<TenantWriterMessage>,
    faults: HeadFaults,
  ) {
    this.#options = options;
    this.#context = context;
    this.#faults = faults;
    this.#life = new WriterLife(options, context);
    this.#inFlight = new BoundedMailbox(options.limits.inFlightMax);
  }

  async start(): Promise<void> {
    const options = this.#options;
    const life = this.#life;
    const deadLetters = new DeadLetterWriter(options, life);
    this.#context.task(() => deadLetters.writeAll());
    const end = await life.stalling("recover", () =>
      options.recoveries.run(
        options.tenant,
        () => recover(options, { life, deadLetters }),
        life.signal,
      ),
    );
    if (end === undefined) return;
    const { self } = this.#context;
    const inFlight = this.#inFlight;
    const processor = new OperationProcessor(options, life);
    const { position, version: cursor } = end;
    const faults = this.#faults;
    const committer = new Committer(options, {
      life,
      inFlight,
      faults,
      deadLetters,
      self,
      position,
    });
    this.#context.task(() => committer.commitAll());
    this.#intake = new Intake(options, { life, processor, inFlight, cursor });
    // What was published before, or was in the hands of an earlier life, is still in DOCS.
    options.route.fellBehind();
    await this.#intake.recallIds();
    await this.#intake.catchUp();
  }

  async receive(message: TenantWriterMessage): Promise<void> {
    switch (message.type) {
      case "operation":
        await this.#takeIn(message.admitted);
        break;
      case "reload":
        throw new FreshetError("internal", "the tenant view was lost and must be loaded again");
    }
    if (this.#context.self.depth === 0) await this.#intake?.catchUp();
  }

  stop(): void {
    for (const { shares } of this.#inFlight.close()) for (const share of shares) share.release();
  }

  async #takeIn(admitted: Admitted): Promise<void> {
    try {
      await this.#intake?.takeFromReader(admitted);
    } catch (thrown) {
      admitted.share.release();
      throw thrown;
    }
    if (this.#intake === undefined) admitted.share.release();
  }
}
