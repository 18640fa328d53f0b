/**
 * Tenant: turns the operations of one tenant into records of CHUNKS, in log order.
 *
 * Owns: the tenant's end of CHUNKS (position and version of its last record) under one epoch.
 * Never: answers questions, appends out of order, or appends before its fence.
 * Receives: operation, catch-up (from its partition); reload (from its shard). Sends: texts to the embedder;
 * load, replay, ready, apply to its shard; `fenced` to its partition.
 *
 *   T1  exactly one record per operation, in version order, whatever restarts in between (I2, I3);
 *   T2  the fence of its epoch is the first record that this owner appends (I6);
 *   T3  an operation is prepared and embedded in parallel with others, but appended only after all before it;
 *   T4  a full queue puts the tenant off the shared reader, never the reader to sleep (I9);
 *   T5  transient trouble stalls with back-off; only a document that itself fails is rejected (I2).
 */

import { parseOperation } from "../src/contract/document.ts";
import { type ErrorCode, FreshetError, toFreshetError } from "../src/contract/errors.ts";
import type { DocumentId, Epoch, Position, TenantId, Version } from "../src/contract/ids.ts";
import { emptyManifest } from "../src/contract/manifest.ts";
import type { ChunkRecord, PlacedRecord } from "../src/contract/record.ts";
import type { EmbedInput } from "../src/embedding/port.ts";
import type { ActorContext, Behaviour } from "../src/kernel/actor.ts";
import { backoffMs } from "../src/kernel/backoff.ts";
import { BoundedMailbox, type Mailbox } from "../src/kernel/mailbox.ts";
import { decodePieces } from "../src/log/heads.ts";
import type { Log, StoredOperation } from "../src/log/port.ts";
import type { Logger, Metrics } from "../src/observe/port.ts";
import type { PreparedDocument, Preparer } from "../src/text/prepare.ts";
import type { TenantRoute } from "./directory.ts";
import type {
  EmbedderMessage,
  MergeTriggerMessage,
  ShardMessage,
  TenantMessage,
} from "./messages.ts";

export interface TenantOptions {
  readonly tenant: TenantId;
  readonly epoch: Epoch;
  readonly log: Log;
  readonly prepare: Preparer;
  /** Fingerprint of the embedding graph, kept with the vectors. */
  readonly model: string;
  readonly embedder: Mailbox<EmbedderMessage>;
  readonly shard: Mailbox<ShardMessage>;
  readonly mergeTrigger: Mailbox<MergeTriggerMessage>;
  readonly route: () => TenantRoute;
  /** True while hot memory has no room for this tenant. */
  readonly isHotFull: () => boolean;
  readonly onFenced: (by: Epoch) => void;
  readonly limits: TenantLimits;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

export interface TenantLimits {
  readonly inFlightMax: number;
  readonly attemptsMax: number;
  readonly pullMax: number;
  readonly backoff: { readonly backoffMinMs: number; readonly backoffMaxMs: number };
}

/** What becomes of an operation, before it has a place in CHUNKS. */
type Outcome =
  | {
      readonly kind: "upsert";
      readonly documentId: DocumentId;
      readonly prepared: PreparedDocument;
      readonly vectors: readonly Float32Array[];
    }
  | { readonly kind: "delete"; readonly documentId: DocumentId }
  | {
      readonly kind: "reject";
      readonly documentId: DocumentId | null;
      readonly reason: ErrorCode;
      readonly message: string;
    };

interface InFlight {
  readonly operation: StoredOperation;
  readonly outcome: Promise<Outcome>;
}

export function tenantActor(
  options: TenantOptions,
): (context: ActorContext<TenantMessage>) => Behaviour<TenantMessage> {
  return (context) => new TenantBehaviour(options, context);
}

class TenantBehaviour implements Behaviour<TenantMessage> {
  readonly #options: TenantOptions;
  readonly #context: ActorContext<TenantMessage>;
  /** Operations between intake and committer, in log order (T3). */
  readonly #inFlight: BoundedMailbox<InFlight>;
  #lastPosition = 0 as Position;
  /** Version of the newest operation taken in. */
  #takenIn = 0 as Version;

  constructor(options: TenantOptions, context: ActorContext<TenantMessage>) {
    this.#options = options;
    this.#context = context;
    this.#inFlight = new BoundedMailbox(options.limits.inFlightMax);
  }

  async start(): Promise<void> {
    const cursor = await this.#stalling("recover", () => this.#recover());
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
      case "catch-up":
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
    const { log, tenant, shard } = this.#options;
    const { signal } = this.#context;
    const fenced = await this.#fence();
    if (fenced === undefined) return undefined;
    const stored = await log.manifests.get(tenant);
    const manifest = stored?.manifest ?? emptyManifest;
    const pieces = await Promise.all(
      manifest.pieces.map(({ digest }) => log.manifests.getPiece(tenant, digest)),
    );
    await shard.put({ type: "load", stored, heads: decodePieces(pieces) }, signal);
    const range = { tenant, after: manifest.to, to: this.#lastPosition, signal };
    for await (const record of log.chunks.read(range)) {
      if (record.kind === "reject") await this.#deadLetter(record, this.#context.clock.nowMs());
      await shard.put({ type: "replay", record }, signal);
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
    const outcome = this.#process(operation);
    // The committer awaits it later; an earlier failure must not count as unhandled meanwhile.
    outcome.catch(() => {});
    await this.#inFlight.put({ operation, outcome }, this.#context.signal);
  }

  /** Reads skipped operations from DOCS until the tenant has caught up with the shared reader (T4). */
  async #catchUp(): Promise<void> {
    const { log, tenant, limits } = this.#options;
    const route = this.#options.route();
    while (route.behind && !this.#context.signal.aborted) {
      const operations = await this.#stalling("catch-up", () =>
        log.docs.readTenant({ tenant, after: this.#takenIn, max: limits.pullMax }),
      );
      for (const operation of operations ?? []) await this.#takeIn(operation);
      // No await between the test and the assignment: the reader can not skip another one in between.
      if (operations?.length === 0 && this.#takenIn >= route.skippedTo) route.behind = false;
      else if (operations?.length === 0)
        await this.#context.clock.sleep(limits.backoff.backoffMinMs);
    }
  }

  async #process({ payload, version }: StoredOperation): Promise<Outcome> {
    const { log, prepare, metrics, logger, tenant } = this.#options;
    const parsed = parseOperation(payload, log.documentTextBytesMax);
    if (!parsed.ok) {
      const { code: reason, message } = parsed.error;
      return {
        kind: "reject",
        documentId: (parsed.id ?? null) as DocumentId | null,
        reason,
        message,
      };
    }
    const { operation } = parsed;
    const documentId = operation.id;
    if (operation.op === "delete") return { kind: "delete", documentId };
    try {
      const begun = this.#context.clock.monotonicMs();
      const prepared = prepare(operation);
      const preparedMs = this.#context.clock.monotonicMs() - begun;
      metrics.observe("ingest_prepare_seconds", preparedMs / 1000);
      if (prepared.chunks.length === 0) {
        const message = "text: nothing is left of it to index";
        return { kind: "reject", documentId, reason: "invalid_document", message };
      }
      const vectors = await this.#embed(prepared.chunks);
      return { kind: "upsert", documentId, prepared, vectors };
    } catch (thrown) {
      const error = toFreshetError(thrown);
      if (this.#context.signal.aborted) throw error;
      // The text itself stays out of log lines (I10): its version is enough to find it.
      const cause = error.message;
      logger.warn(
        { tenant, version, code: error.code, cause },
        "a document could not be processed",
      );
      const message = "the document could not be processed";
      return { kind: "reject", documentId, reason: "document_failed", message };
    }
  }

  /** T5: the embedder being down is not the document's fault; a refusal is, after bounded attempts. */
  async #embed(chunks: PreparedDocument["chunks"]): Promise<readonly Float32Array[]> {
    const { limits } = this.#options;
    const { clock, signal } = this.#context;
    const inputs: EmbedInput[] = chunks.map(({ text, heading, tokens }) => ({
      text: heading === undefined ? text : `${heading}\n${text}`,
      tokens,
    }));
    let refusals = 0;
    for (let repetition = 0; ; repetition += 1) {
      try {
        return await this.#askForVectors(inputs);
      } catch (thrown) {
        const error = toFreshetError(thrown);
        if (signal.aborted) throw error;
        if (error.code === "embedding_failed" || !error.retryable) refusals += 1;
        if (refusals >= limits.attemptsMax) throw error;
        await clock.sleep(backoffMs(limits.backoff, repetition), signal);
      }
    }
  }

  async #askForVectors(inputs: readonly EmbedInput[]): Promise<readonly Float32Array[]> {
    const { tenant, embedder } = this.#options;
    const { signal } = this.#context;
    const { promise, resolve, reject } = Promise.withResolvers<readonly Float32Array[]>();
    const reply = { resolve, reject };
    // An embedder that is down answers late: a tenant that ends does not wait for it.
    const gone = (): void => reject(new FreshetError("cancelled"));
    signal.addEventListener("abort", gone, { once: true });
    try {
      const sent = await embedder.put({ type: "embed", tenant, inputs, signal, reply }, signal);
      if (!sent) throw new FreshetError("embedding_unavailable");
      return await promise;
    } finally {
      signal.removeEventListener("abort", gone);
    }
  }

  // --- commit --------------------------------------------------------------------------------

  async #commitAll(): Promise<void> {
    const { signal } = this.#context;
    while (!signal.aborted) {
      const next = await this.#inFlight.take(signal);
      if (next === undefined) return;
      const record = this.#recordOf(next.operation.version, await next.outcome);
      await this.#waitForRoom();
      const placed = await this.#stalling("append", () => this.#append(record));
      if (placed === undefined) return;
      if (placed.kind === "reject") await this.#deadLetter(placed, next.operation.atMs);
      const publishedAtMs = next.operation.atMs;
      await this.#options.shard.put({ type: "apply", record: placed, publishedAtMs }, signal);
      const lag = this.#takenIn - next.operation.version;
      this.#options.metrics.set("ingest_lag_operations", lag, { tenant: this.#options.tenant });
    }
  }

  #recordOf(version: Version, outcome: Outcome): ChunkRecord {
    const { tenant, epoch, model } = this.#options;
    const base = { tenant, version, epoch };
    switch (outcome.kind) {
      case "delete":
      case "reject":
        return { ...base, ...outcome };
      case "upsert": {
        const { documentId, prepared, vectors } = outcome;
        const chunks = prepared.chunks.map(({ text, heading }, index) => {
          const vector = vectors[index];
          if (vector === undefined) throw new FreshetError("internal", "a chunk has no vector");
          return { text, heading, vector };
        });
        const body = { info: prepared.info, chunks, model, redactor: prepared.redactor };
        return { ...base, kind: "upsert", documentId, chunkCount: chunks.length, body };
      }
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
        // An append whose ack was lost, before a stall: it is already where it belongs (T1).
        if (
          last?.epoch === record.epoch &&
          last.version === record.version &&
          last.kind !== "fence"
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
    const { tenant, version, documentId, reason, message } = record;
    await this.#stalling("dead letter", () =>
      this.#options.log.deadLetters.publish({ tenant, version, documentId, reason, message, atMs }),
    );
  }

  /** I11: at the memory bound this tenant stalls until a merge makes room; DOCS keeps what waits. */
  async #waitForRoom(): Promise<void> {
    const { isHotFull, mergeTrigger, tenant, limits } = this.#options;
    const { clock, signal } = this.#context;
    while (isHotFull() && !signal.aborted) {
      mergeTrigger.tryPut({ type: "pressure", tenant });
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
        logger.warn({ tenant, what, code: error.code, repetition }, "stalled, trying again");
        await clock.sleep(backoffMs(limits.backoff, repetition), signal);
      }
    }
    return undefined;
  }
}
