/**
 * Appends the outcome of a tenant's operations to CHUNKS, in log order (T1, T3), and hands each
 * record to the tenant view.
 *
 * Owns: the position of the tenant's last record under one epoch.
 * Never: appends out of order, or after a record that it does not know.
 */

import { FreshetError, toFreshetError } from "../../src/contract/errors.ts";
import type { Position, Version } from "../../src/contract/ids.ts";
import type { Logger, Metrics } from "../../src/contract/observation.ts";
import { failedOutcome, type Outcome } from "../../src/contract/outcome.ts";
import type { ChunkRecord, PlacedRecord } from "../../src/contract/record.ts";
import { spanned } from "../../src/contract/tracing.ts";
import { deadLetterOf } from "../../src/log/dead-letter.ts";
import type { Log, StoredOperation } from "../../src/log/port.ts";
import type { BoundedMailbox, Mailbox } from "../../src/runtime/mailbox.ts";
import type { HotMemory } from "../directory/hot-memory.ts";
import type { MergeTriggerMessage, TenantViewMessage, TenantWriterMessage } from "../messages.ts";
import type { DeadLetterWriter } from "./dead-letters.ts";
import type { HeadFaults } from "./faults.ts";
import type { InFlight } from "./intake.ts";
import type { WriterLife } from "./life.ts";
import type { Fault } from "./operation.ts";
import { type RecordOptions, recordOf } from "./record.ts";
import { hadLaterOperation, isReplayOf, replayStart, voidOutcome } from "./replay.ts";

export interface CommitterOptions extends RecordOptions {
  readonly log: Log;
  /** Before it these records do not say what became of each operation; 0 of a first generation. */
  readonly beginsAt: () => Version;
  readonly view: Mailbox<TenantViewMessage>;
  readonly mergeTrigger: Mailbox<MergeTriggerMessage>;
  readonly hot: HotMemory;
  readonly limits: { readonly backoff: { readonly backoffMaxMs: number } };
  readonly metrics: Metrics;
  readonly logger: Logger;
}

export interface CommitterParts {
  readonly life: WriterLife;
  readonly faults: HeadFaults;
  readonly deadLetters: DeadLetterWriter;
  readonly inFlight: BoundedMailbox<InFlight>;
  /** Operations that are not taken in yet. */
  readonly self: Mailbox<TenantWriterMessage>;
  /** Where the tenant's last record is. */
  readonly position: Position;
}

const toChunks = { "messaging.system": "nats", "messaging.destination.name": "CHUNKS" };

export class Committer {
  readonly #options: CommitterOptions;
  readonly #parts: CommitterParts;
  #lastPosition: Position;

  constructor(options: CommitterOptions, parts: CommitterParts) {
    this.#options = options;
    this.#parts = parts;
    this.#lastPosition = parts.position;
  }

  async commitAll(): Promise<void> {
    const { inFlight, life } = this.#parts;
    while (!life.signal.aborted) {
      const next = await inFlight.take(life.signal);
      if (next === undefined) return;
      try {
        if (!(await this.#commit(next))) return;
      } finally {
        for (const share of next.shares) share.release();
      }
    }
  }

  /** False when this life ends meanwhile. */
  async #commit(next: InFlight): Promise<boolean> {
    const { inFlight, self, deadLetters, life } = this.#parts;
    const { view, metrics, tenant } = this.#options;
    const { version, atMs } = next.operation;
    metrics.set("oldest_waiting_timestamp_seconds", atMs / 1000, { tenant });
    const judged = this.#judged(version, await next.outcome);
    const outcome = await this.#unlessVoid(next.operation, judged);
    if (outcome === undefined) return false;
    const record = recordOf(this.#options, next.operation, outcome);
    await this.#waitForRoom(record);
    const { span } = next;
    const placed = await spanned(span.child("append", toChunks), () =>
      this.#appendWithFallback(record, next.operation),
    );
    if (placed === undefined) return false;
    const publishedAtMs = next.operation.atMs;
    if (placed.kind === "reject") deadLetters.add(deadLetterOf(placed, publishedAtMs));
    await view.put({ type: "apply", record: placed, publishedAtMs, span }, life.signal);
    // Not a difference of versions: sequences of DOCS count every tenant's operations.
    const waiting = inFlight.depth + self.depth;
    metrics.set("ingest_lag_operations", waiting, { tenant });
    if (waiting === 0) metrics.set("oldest_waiting_timestamp_seconds", 0, { tenant });
    return true;
  }

  /** T6. @throws FreshetError of a fault that the operation is not blamed for yet */
  #judged(version: Version, outcome: Outcome | Fault): Outcome {
    if (outcome.kind !== "fault") return outcome;
    if (!this.#parts.faults.add(version)) throw outcome.error;
    const { tenant, logger } = this.#options;
    const { code, message: cause } = outcome.error;
    logger.error(
      { tenant, version, code, cause },
      "a document is given up: it broke every attempt",
    );
    return failedOutcome(outcome.documentId);
  }

  /**
   * T8. At the operation's turn, when all before it have their records; undefined when this life
   * ends first. Records that were purged may have held a later operation, so then the replay is
   * void, too. Any publisher can write the headers: reading starts only where the dead letter
   * itself says.
   */
  async #unlessVoid({ replay }: StoredOperation, outcome: Outcome): Promise<Outcome | undefined> {
    if (replay === undefined || outcome.kind === "duplicate") return outcome;
    const { documentId } = outcome;
    if (documentId === null) return outcome;
    const { log, tenant } = this.#options;
    const { life } = this.#parts;
    const to = this.#lastPosition;
    const isVoid = await life.stalling("replay", async () => {
      const deadLetter = await log.deadLetters.get(tenant, replay.of);
      if (!isReplayOf(deadLetter, replay)) return true;
      // A position after the end is none of this log.
      if (replay.after > to) return true;
      const after = await replayStart(this.#options, replay);
      if (after === undefined) return true;
      const range = { tenant, after, to, signal: life.signal };
      return hadLaterOperation(log.chunks.headers(range), replay, documentId);
    });
    if (isVoid === undefined) return undefined;
    return isVoid ? voidOutcome(documentId) : outcome;
  }

  async #appendWithFallback(
    record: ChunkRecord,
    operation: StoredOperation,
  ): Promise<PlacedRecord | undefined> {
    const { life } = this.#parts;
    try {
      return await life.stalling("append", () => this.#append(record));
    } catch (thrown) {
      // Our limits keep a record below the server's, unless that was lowered since.
      if (record.kind !== "upsert" || toFreshetError(thrown).code !== "document_too_large")
        throw thrown;
      const { documentId } = record;
      const reason = "document_too_large";
      const message = "the document's record is above the server's payload limit";
      const outcome = { kind: "reject", documentId, reason, message } as const;
      const rejected = recordOf(this.#options, operation, outcome);
      return life.stalling("append", () => this.#append(rejected));
    }
  }

  /** The record with its position, or undefined when a newer owner has taken over. */
  async #append(record: ChunkRecord): Promise<PlacedRecord | undefined> {
    const { log, metrics } = this.#options;
    const { life } = this.#parts;
    const begun = life.clock.monotonicMs();
    const outcome = await log.chunks.append(record, this.#lastPosition);
    metrics.observe("append_seconds", (life.clock.monotonicMs() - begun) / 1000);
    const previous = this.#lastPosition;
    switch (outcome.kind) {
      case "appended":
        this.#lastPosition = outcome.position;
        return { ...record, position: outcome.position, previous };
      case "fenced":
        return life.standDown(outcome.by.epoch);
      case "behind": {
        metrics.count("appends_refused_total", { reason: "behind" });
        const { last } = outcome;
        // An append whose ack was lost before a stall: it is already where it belongs (T1). One of
        // another kind was decided by an earlier life and landed late: the next life takes it from
        // the log (I7).
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

  /**
   * I11: at the memory bound this tenant stalls until a merge makes room; DOCS keeps the rest. A
   * quota holds no delete up (T10).
   */
  async #waitForRoom({ kind }: ChunkRecord): Promise<void> {
    const { tenant, hot, mergeTrigger, limits } = this.#options;
    const { clock, signal } = this.#parts.life;
    const passesQuota = kind !== "upsert";
    while (hot.isFull(tenant, { passesQuota }) && !signal.aborted) {
      for (const large of hot.tenantsToMerge(tenant)) {
        mergeTrigger.tryPut({ type: "pressure", tenant: large });
      }
      await clock.sleep(limits.backoff.backoffMaxMs / 10, signal);
    }
  }
}
