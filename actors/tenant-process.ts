/**
 * What a tenant does with one operation before it has a place in CHUNKS: parse, redact, chunk, embed. Many run at
 * once; the tenant restores their order (T3). Nothing here touches the log.
 */

import { parseOperation } from "../src/contract/document.ts";
import { type ErrorCode, FreshetError, toFreshetError } from "../src/contract/errors.ts";
import type { DocumentId, Epoch, TenantId, Version } from "../src/contract/ids.ts";
import type { ChunkRecord } from "../src/contract/record.ts";
import type { EmbedInput } from "../src/embedding/port.ts";
import { backoffMs } from "../src/kernel/backoff.ts";
import type { Clock } from "../src/kernel/clock.ts";
import type { Mailbox } from "../src/kernel/mailbox.ts";
import type { Log, StoredOperation } from "../src/log/port.ts";
import type { Logger, Metrics } from "../src/observe/port.ts";
import type { PreparedDocument, Preparer } from "../src/text/prepare.ts";
import type { EmbedderMessage } from "./messages.ts";

export interface ProcessorOptions {
  readonly tenant: TenantId;
  readonly epoch: Epoch;
  readonly log: Pick<Log, "documentTextBytesMax">;
  readonly prepare: Preparer;
  /** Fingerprint of the embedding graph, kept with the vectors. */
  readonly model: string;
  readonly embedder: Mailbox<EmbedderMessage>;
  readonly limits: {
    readonly attemptsMax: number;
    readonly backoff: { readonly backoffMinMs: number; readonly backoffMaxMs: number };
  };
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** What becomes of an operation, before it has a place in CHUNKS. */
export type Outcome =
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

/** Something broke that is not known to be the document's doing: the tenant decides what follows (T6). */
export interface Fault {
  readonly kind: "fault";
  readonly documentId: DocumentId | null;
  readonly error: FreshetError;
}

/** After the attempts that an operation has: its text stays out of the message (I10). */
export function failedOutcome(
  documentId: DocumentId | null,
): Outcome & { readonly kind: "reject" } {
  const message = "the document could not be processed";
  return { kind: "reject", documentId, reason: "document_failed", message };
}

export class OperationProcessor {
  readonly #options: ProcessorOptions;
  readonly #context: { readonly clock: Clock; readonly signal: AbortSignal };

  constructor(
    options: ProcessorOptions,
    context: { readonly clock: Clock; readonly signal: AbortSignal },
  ) {
    this.#options = options;
    this.#context = context;
  }

  /** Rejects only when the actor's life ends meanwhile; whatever else goes wrong is an outcome or a fault. */
  async process(operation: StoredOperation): Promise<Outcome | Fault> {
    const { logger, tenant } = this.#options;
    let documentId: DocumentId | null = null;
    try {
      return await this.#outcomeOf(operation, (id) => {
        documentId = id;
      });
    } catch (thrown) {
      const error = toFreshetError(thrown);
      if (this.#context.signal.aborted) throw error;
      // The text itself stays out of log lines (I10): its version is enough to find it.
      const { code, message: cause } = error;
      const { version } = operation;
      logger.warn({ tenant, version, code, cause }, "a document could not be processed");
      if (code === "embedding_failed") return failedOutcome(documentId);
      return { kind: "fault", documentId, error };
    }
  }

  async #outcomeOf(
    { payload }: StoredOperation,
    named: (id: DocumentId) => void,
  ): Promise<Outcome> {
    const { log, prepare, metrics } = this.#options;
    // A pull brings many documents at once; each takes a millisecond and more until it is embedded.
    await this.#context.clock.turn();
    const parsed = parseOperation(payload, log.documentTextBytesMax);
    if (!parsed.ok) {
      const { code: reason, message } = parsed.error;
      const id = (parsed.id ?? null) as DocumentId | null;
      return { kind: "reject", documentId: id, reason, message };
    }
    const { operation } = parsed;
    const documentId = operation.id;
    named(documentId);
    if (operation.op === "delete") return { kind: "delete", documentId };
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
  }

  /** T5: the embedder being down is not the document's fault; the model's refusal is, after bounded attempts. */
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
        if (!error.retryable) throw error;
        if (error.code === "embedding_failed") refusals += 1;
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

  /** The record that the outcome becomes, under this owner's epoch. */
  recordOf(version: Version, outcome: Outcome): ChunkRecord {
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
}
