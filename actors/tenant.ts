/**
 * Tenant: turns the operations of one tenant into records of CHUNKS, in log order.
 *
 * Owns: the tenant's end of CHUNKS (position and version of its last record) under one epoch.
 * Never: answers questions, appends out of order, or appends before its fence.
 * Receives: operation (from its partition); reload (from its shard). Sends: texts to the embedder;
 * load, replay, ready, apply to its shard; `fenced` to its partition.
 *
 *   T1  exactly one record per operation, in version order, whatever restarts in between (I2, I3);
 *   T2  the fence of its epoch is the first record that this owner appends (I6);
 *   T3  an operation is prepared and embedded in parallel with others, but appended only after all before it;
 *   T4  a full queue puts the tenant off the shared reader, never the reader to sleep (I9);
 *   T5  transient trouble stalls with back-off; only a document that itself fails is rejected (I2);
 *   T6  a fault of ours ends this life and is tried again in the next; the operation at the head of the queue is
 *       rejected only when it has met `attemptsMax` of them, so that no document stops its tenant for ever;
 *   T7  what may have been in hand when `attemptsMax` owners in a row ended is processed in isolation, one by one and
 *       before anything behind it is taken in: a document that ends processes is found, an innocent one goes on (I2);
 *   T8  the replay of a dead letter is void when the log has a later operation of its document (I3).
 */

import { FreshetError, toFreshetError } from "../src/contract/errors.ts";
import type { Epoch, Position, TenantId, Version } from "../src/contract/ids.ts";
import { emptyManifest } from "../src/contract/manifest.ts";
import { failedOutcome, type Outcome } from "../src/contract/outcome.ts";
import type { ChunkRecord, PlacedRecord } from "../src/contract/record.ts";
import type { ActorContext, Behaviour } from "../src/kernel/actor.ts";
import { backoffMs } from "../src/kernel/backoff.ts";
import type { FairShares } from "../src/kernel/fair-shares.ts";
import { BoundedMailbox, type Mailbox } from "../src/kernel/mailbox.ts";
import { decodePieces } from "../src/log/heads.ts";
import { letterOf } from "../src/log/letter.ts";
import type { Log, StoredOperation } from "../src/log/port.ts";
import type { TenantProgress, TenantRoute } from "./directory.ts";
import type { MergeTriggerMessage, ShardMessage, TenantMessage } from "./messages.ts";
import { HeadFaults } from "./tenant-faults.ts";
import { type Fault, OperationProcessor, type ProcessorOptions } from "./tenant-process.ts";
import { hadLaterOperation, voidOutcome } from "./tenant-replay.ts";
import { attemptsOf, suspectsTo } from "./tenant-suspects.ts";

export interface TenantOptions extends ProcessorOptions {
  readonly log: Log;
  readonly shard: Mailbox<ShardMessage>;
  readonly mergeTrigger: Mailbox<MergeTriggerMessage>;
  readonly route: () => TenantRoute;
  readonly progress: TenantProgress;
  /** Shared by all tenants of the node. */
  readonly recoveries: FairShares;
  /** True while hot memory has no room for this tenant. */
  readonly isHotFull: () => boolean;
  /** Whose merges would make that room. */
  readonly makesRoom: () => readonly TenantId[];
  readonly onFenced: (by: Epoch) => void;
  readonly limits: TenantLimits;
}

export interface TenantLimits {
  readonly inFlightMax: number;
  readonly attemptsMax: number;
  readonly pullMax: number;
  readonly backoff: { readonly backoffMinMs: number; readonly backoffMaxMs: number };
}

interface InFlight {
  readonly operation: StoredOperation;
  readonly outcome: Promise<Outcome | Fault>;
}

export function tenantActor(
  options: TenantOptions,
): (context: ActorContext<TenantMessage>) => Behaviour<TenantMessage> {
  const faults = new HeadFaults(options.limits.attemptsMax);
  return (context) => new TenantBehaviour(options, context, faults);
}

class TenantBehaviour implements Behaviour<TenantMessage> {
  readonly #options: TenantOptions;
  readonly #context: ActorContext<TenantMessage>;
  /** Operations between intake and committer, in log order (T3). */
  readonly #inFlight: BoundedMailbox<InFlight>;
  readonly #processor: OperationProcessor;
  readonly #faults: HeadFaults;
  #lastPosition = 0 as Position;
  /** Version of the newest operation taken in. */
  #takenIn = 0 as Version;
  /** T7: suspects are at or below it; undefined until the backlog of this life has been looked at. */
  #suspectsTo: Version | undefined;

  constructor(options: TenantOptions, context: ActorContext<TenantMessage>, faults: HeadFaults) {
    this.#faults = faults;
    this.#options = options;
    this.#context = context;
    this.#inFlight = new BoundedMailbox(options.limits.inFlightMax);
    this.#processor = new OperationProcessor(options, context);
  }

  async start(): Promise<void> {
    const { recoveries, tenant } = this.#options;
    const recover = () => recoveries.run(tenant, () => this.#recover(), this.#context.signal);
    const cursor = await this.#stalling("recover", recover);
    if (cursor === undefined) return;
    this.#takenIn = cursor;
    this.#context.task(() => this.#commitAll());
    // What was published while nobody listened, or was in the hands of an earlier life, is still in DOCS.
    this.#options.route().behind = true;
    await this.#catchUp();
  }

  async receive(message: TenantMessage): Promise<void> {
    switch (message.type) {
      case "operation":
        await this.#takeIn(message.operation);
        break;
      case "reload":
        throw new FreshetError("internal", "the shard was lost and must be loaded again");
    }
    if (this.#context.self.depth === 0) await this.#catchUp();
  }

  stop(): void {
    this.#inFlight.close();
  }

  // --- recovery ------------------------------------------------------------------------------

  /** Fence, manifest, heads, tail; resolves with the cursor into DOCS, or undefined when fenced off. */
  async #recover(): Promise<Version | undefined> {
    const { log, tenant, shard, progress } = this.#options;
    const { signal } = this.#context;
    Object.assign(progress, { toReplay: 0, replayed: 0 });
    const fenced = await this.#fence();
    if (fenced === undefined) return undefined;
    const stored = await log.manifests.get(tenant);
    const manifest = stored?.manifest ?? emptyManifest;
    const pieces = await Promise.all(
      manifest.pieces.map(({ digest }) => log.manifests.getPiece(tenant, digest)),
    );
    await shard.put({ type: "load", stored, heads: decodePieces(pieces) }, signal);
    const range = { tenant, after: manifest.to, to: this.#lastPosition, signal };
    const onCount = (records: number): void => {
      progress.toReplay = records;
    };
    for await (const record of log.chunks.read({ ...range, onCount })) {
      // A letter that can not be written is tried again with the whole recovery: nobody waits in a place of others.
      if (record.kind === "reject") {
        await log.deadLetters.publish(letterOf(record, this.#context.clock.nowMs()));
      }
      await shard.put({ type: "replay", record }, signal);
      progress.replayed += 1;
    }
    await shard.put({ type: "ready", visible: fenced }, signal);
    return fenced;
  }

  /** T2. The version of the tenant's last record: the cursor. */
  async #fence(): Promise<Version | undefined> {
    const { log, tenant, epoch } = this.#options;
    const last = await log.chunks.last(tenant);
    if (last !== null && last.epoch > epoch) return this.#standDown(last.epoch);
    const cursor = last?.version ?? (0 as Version);
    if (last !== null && last.epoch === epoch) {
      this.#lastPosition = last.position;
      return cursor;
    }
    const fence: ChunkRecord = { kind: "fence", tenant, version: cursor, epoch };
    const outcome = await log.chunks.append(fence, last?.position ?? (0 as Position));
    switch (outcome.kind) {
      case "appended":
        this.#lastPosition = outcome.position;
        return cursor;
      case "fenced":
        return this.#standDown(outcome.by.epoch);
      case "behind":
        throw new FreshetError(
          "broken_chain",
          "the tenant's log moved while its fence was written",
        );
    }
  }

  #standDown(by: Epoch): undefined {
    this.#options.metrics.count("appends_refused_total", { reason: "fenced" });
    this.#options.onFenced(by);
    return undefined;
  }

  // --- intake --------------------------------------------------------------------------------

  async #takeIn(operation: StoredOperation): Promise<void> {
    if (operation.version <= this.#takenIn) return;
    this.#takenIn = operation.version;
    const suspect = operation.version <= (this.#suspectsTo ?? 0);
    const outcome = this.#processor.process(operation, suspect);
    // The committer awaits it later; an earlier failure must not count as unhandled meanwhile.
    const settled = outcome.then(
      () => {},
      () => {},
    );
    await this.#inFlight.put({ operation, outcome }, this.#context.signal);
    if (suspect) await settled;
  }

  /** Reads skipped operations from DOCS until the tenant has caught up with the shared reader (T4). */
  async #catchUp(): Promise<void> {
    const { log, tenant, limits } = this.#options;
    const { progress } = this.#options;
    const route = this.#options.route();
    const onCount = (operations: number): void => {
      progress.behind = operations;
    };
    while (route.behind && !this.#context.signal.aborted) {
      const operations = await this.#stalling("catch-up", () =>
        log.docs.readTenant({ tenant, after: this.#takenIn, max: limits.pullMax, onCount }),
      );
      await this.#lookForSuspects(operations ?? []);
      for (const operation of operations ?? []) {
        await this.#takeIn(operation);
        progress.behind -= 1;
      }
      // No await between the test and the assignment: the reader can not skip another one in between.
      if (operations?.length === 0 && this.#takenIn >= route.skippedTo) route.behind = false;
      else if (operations?.length === 0)
        await this.#context.clock.sleep(limits.backoff.backoffMinMs);
    }
  }

  /** T7: journals the backlog that this life begins with, before any of it is taken in. */
  async #lookForSuspects(operations: readonly StoredOperation[]): Promise<void> {
    if (this.#suspectsTo !== undefined || this.#context.signal.aborted) return;
    this.#suspectsTo = 0 as Version;
    // What the committer holds, what waits for it, and what waits to wait for it.
    const inHand = operations.slice(0, this.#options.limits.inFlightMax + 2);
    const [first, ...others] = inHand.map(({ version }) => version);
    if (first === undefined) return;
    const { log, tenant, epoch, limits } = this.#options;
    const cursor = this.#takenIn;
    const attempts = await this.#stalling("journal", async () => {
      const entry = await log.attempts.get(tenant);
      const next = attemptsOf({ entry, cursor, epoch, versions: [first, ...others] });
      if (next !== entry) await log.attempts.put(tenant, next);
      return next;
    });
    const to = attempts && suspectsTo(attempts, limits.attemptsMax);
    if (attempts === undefined || to === undefined) return;
    this.#suspectsTo = to;
    const { logger } = this.#options;
    logger.warn({ tenant, lives: attempts.lives, to }, "owners ended again and again: suspects");
  }

  // --- commit --------------------------------------------------------------------------------

  async #commitAll(): Promise<void> {
    const { signal } = this.#context;
    while (!signal.aborted) {
      const next = await this.#inFlight.take(signal);
      if (next === undefined) return;
      const { version } = next.operation;
      const judged = this.#judged(version, await next.outcome);
      const outcome = await this.#unlessVoid(next.operation, judged);
      if (outcome === undefined) return;
      const record = this.#processor.recordOf(version, outcome);
      await this.#waitForRoom();
      const placed = await this.#place(record);
      if (placed === undefined) return;
      if (placed.kind === "reject") await this.#deadLetter(placed, next.operation.atMs);
      const publishedAtMs = next.operation.atMs;
      await this.#options.shard.put({ type: "apply", record: placed, publishedAtMs }, signal);
      // Not a difference of versions: sequences of DOCS count every tenant's operations.
      const lag = this.#inFlight.depth + this.#context.self.depth;
      this.#options.metrics.set("ingest_lag_operations", lag, { tenant: this.#options.tenant });
    }
  }

  /** T6. @throws FreshetError of a fault that the operation is not blamed for yet */
  #judged(version: Version, outcome: Outcome | Fault): Outcome {
    if (outcome.kind !== "fault") return outcome;
    if (!this.#faults.add(version)) throw outcome.error;
    const { tenant, logger } = this.#options;
    const { code, message: cause } = outcome.error;
    logger.error(
      { tenant, version, code, cause },
      "a document is given up: it broke every attempt",
    );
    return failedOutcome(outcome.documentId);
  }

  /**
   * T8. At the operation's turn, when all before it have their records; undefined when this life ends first.
   * What can not be looked through any more (purged) may hold a later operation, so the replay is void as well.
   */
  async #unlessVoid({ replay }: StoredOperation, outcome: Outcome): Promise<Outcome | undefined> {
    const { documentId } = outcome;
    if (replay === undefined || documentId === null) return outcome;
    const { log, tenant } = this.#options;
    const { signal } = this.#context;
    const range = { tenant, after: replay.after, to: this.#lastPosition, signal };
    const isVoid = await this.#stalling("replay", () =>
      // A place behind the end is no place of this log.
      replay.after > range.to
        ? Promise.resolve(true)
        : hadLaterOperation(log.chunks.headers(range), replay, documentId),
    );
    if (isVoid === undefined) return undefined;
    return isVoid ? voidOutcome(documentId) : outcome;
  }

  async #place(record: ChunkRecord): Promise<PlacedRecord | undefined> {
    try {
      return await this.#stalling("append", () => this.#append(record));
    } catch (thrown) {
      // Our limits keep a record below the server's; a server that was given a lower one since says otherwise.
      if (record.kind !== "upsert" || toFreshetError(thrown).code !== "document_too_large")
        throw thrown;
      const { version, documentId } = record;
      const reason = "document_too_large";
      const message = "the document's record is above the server's payload limit";
      const outcome = { kind: "reject", documentId, reason, message } as const;
      const rejected = this.#processor.recordOf(version, outcome);
      return this.#stalling("append", () => this.#append(rejected));
    }
  }

  /** The record with its place, or undefined when a newer owner has taken over. */
  async #append(record: ChunkRecord): Promise<PlacedRecord | undefined> {
    const { log, metrics } = this.#options;
    const { clock } = this.#context;
    const begun = clock.monotonicMs();
    const outcome = await log.chunks.append(record, this.#lastPosition);
    metrics.observe("append_seconds", (clock.monotonicMs() - begun) / 1000);
    const previous = this.#lastPosition;
    switch (outcome.kind) {
      case "appended":
        this.#lastPosition = outcome.position;
        return { ...record, position: outcome.position, previous };
      case "fenced":
        return this.#standDown(outcome.by.epoch);
      case "behind": {
        metrics.count("appends_refused_total", { reason: "behind" });
        const { last } = outcome;
        // An append whose ack was lost, before a stall: it is already where it belongs (T1). One of another kind is
        // what an earlier life decided and landed late: the next life takes it from the log (I7).
        if (
          last?.epoch === record.epoch &&
          last.version === record.version &&
          last.kind === record.kind
        ) {
          this.#lastPosition = last.position;
          return { ...record, position: last.position, previous: last.previous };
        }
        throw new FreshetError("internal", "the tenant's log holds what its owner did not write");
      }
    }
  }

  /** The dead letter follows the reject record, which decides; idempotent, so it is repeated until it is stored. */
  async #deadLetter(record: PlacedRecord & { kind: "reject" }, atMs: number): Promise<void> {
    const { deadLetters } = this.#options.log;
    await this.#stalling("dead letter", () => deadLetters.publish(letterOf(record, atMs)));
  }

  /** I11: at the memory bound this tenant stalls until a merge makes room; DOCS keeps what waits. */
  async #waitForRoom(): Promise<void> {
    const { isHotFull, makesRoom, mergeTrigger, limits } = this.#options;
    const { clock, signal } = this.#context;
    while (isHotFull() && !signal.aborted) {
      for (const tenant of makesRoom()) mergeTrigger.tryPut({ type: "pressure", tenant });
      await clock.sleep(limits.backoff.backoffMaxMs / 10, signal);
    }
  }

  /** T5: repeats while the trouble is transient; undefined when this life ends first. */
  async #stalling<Value>(what: string, work: () => Promise<Value>): Promise<Value | undefined> {
    const { clock, signal } = this.#context;
    for (let repetition = 0; !signal.aborted; repetition += 1) {
      try {
        return await work();
      } catch (thrown) {
        const error = toFreshetError(thrown);
        if (!error.retryable) throw error;
        const { tenant, logger, limits } = this.#options;
        const { code, message: cause } = error;
        logger.warn({ tenant, what, code, cause, repetition }, "stalled, trying again");
        await clock.sleep(backoffMs(limits.backoff, repetition), signal);
      }
    }
    return undefined;
  }
}
