/**
 * Processes one operation, before it has a position in CHUNKS. Many run at once; the committer
 * restores their order (T3). Nothing here touches the log.
 */

import { parseOperation } from "../../src/contract/document.ts";
import { FreshetError, toFreshetError } from "../../src/contract/errors.ts";
import type { DocumentId, TenantId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import type { Logger, Metrics } from "../../src/contract/observation.ts";
import { failedOutcome, type Outcome } from "../../src/contract/outcome.ts";
import { embeddedTexts, withVectors } from "../../src/contract/record.ts";
import type { SparseVector } from "../../src/contract/sparse.ts";
import { noSpan, type Span, spanned } from "../../src/contract/tracing.ts";
import { isLost } from "../../src/embedding/failures.ts";
import type { EmbedInput } from "../../src/embedding/port.ts";
import type { Isolation } from "../../src/ingest/isolation/port.ts";
import { embedPrepared } from "../../src/ingest/pipeline.ts";
import type { Preparation } from "../../src/ingest/preparation/port.ts";
import type { Prepared } from "../../src/ingest/prepare-payload.ts";
import type { DocsLog, Log, StoredOperation } from "../../src/log/port.ts";
import { backoffMs } from "../../src/runtime/backoff.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import { Deadline } from "../../src/runtime/deadline.ts";
import type { Mailbox } from "../../src/runtime/mailbox.ts";
import { raceAbort } from "../../src/runtime/race-abort.ts";
import { type KeptOperation, tooLarge } from "../directory/bytes.ts";
import type { EmbedderMessage } from "../messages.ts";
import type { WriterQuotas } from "./turn.ts";

/** As many as a chunk has at most: the embedder makes its own, and these weigh the text. */
const someTokens = new Int32Array(limits.chunkTokensMax);

export interface ProcessorOptions {
  readonly tenant: TenantId;
  readonly log: Pick<Log, "documentTextBytesMax"> & { readonly docs: Pick<DocsLog, "open"> };
  readonly preparation: Pick<Preparation, "prepare">;
  readonly embedder: Pick<Mailbox<EmbedderMessage>, "put">;
  /** Undefined where that signal is off. */
  readonly sparse?: Pick<Mailbox<EmbedderMessage<SparseVector>>, "put"> | undefined;
  readonly isolation: Pick<Isolation, "process">;
  /** What comes back from there has vectors of another model than this tenant's. */
  readonly reembedsIsolated: boolean;
  readonly quotas: WriterQuotas;
  readonly limits: {
    readonly attemptsMax: number;
    readonly backoff: { readonly backoffMinMs: number; readonly backoffMaxMs: number };
  };
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** Something broke that may not be the document's fault: the committer decides about it (T6). */
export interface Fault {
  readonly kind: "fault";
  readonly documentId: DocumentId | null;
  readonly error: FreshetError;
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

  /** Rejects only when this life ends meanwhile; anything else is an outcome or a fault. */
  async process(
    kept: KeptOperation,
    { suspect, span = noSpan }: { readonly suspect: boolean; readonly span?: Span },
  ): Promise<Outcome | Fault> {
    const { logger, tenant } = this.#options;
    const refused = tooLarge(kept);
    if (refused !== undefined) return refused;
    let documentId: DocumentId | null = null;
    let operation: StoredOperation = kept;
    try {
      const payload = await this.#retrying(() => this.#options.log.docs.open(kept));
      operation = { ...kept, payload };
      if (suspect) return await this.#isolated(operation);
      const named = (id: DocumentId): void => {
        documentId = id;
      };
      return await this.#here(operation, { named, span });
    } catch (thrown) {
      const error = toFreshetError(thrown);
      if (this.#context.signal.aborted) throw error;
      // The text itself stays out of log lines (I10): its version is enough to find it.
      const { code, message: cause } = error;
      const { version } = kept;
      logger.warn({ tenant, version, code, cause }, "a document could not be processed");
      // One that cannot be opened, or may not come in plain, says nothing of its neighbours.
      if (code === "payload_unreadable" || code === "payload_plain")
        return { kind: "reject", documentId: null, reason: code, message: cause };
      if (code === "embedding_failed") return failedOutcome(documentId ?? this.#idIn(operation));
      return { kind: "fault", documentId, error };
    }
  }

  async #here(
    operation: StoredOperation,
    { named, span }: { readonly named: (id: DocumentId) => void; readonly span: Span },
  ): Promise<Outcome> {
    const { log, preparation, tenant } = this.#options;
    const { signal } = this.#context;
    const { documentTextBytesMax } = log;
    const job = { tenant, payload: operation.payload, documentTextBytesMax, named };
    try {
      const prepared = await spanned(span.child("prepare"), () =>
        this.#retrying(() => preparation.prepare(job, signal)),
      );
      const refused = this.#refusalOf(prepared);
      if (refused !== undefined) return refused;
      const { embedder } = this.#options;
      return await embedPrepared(
        prepared,
        (inputs) => {
          const embed = span.child("embed", { "freshet.chunks": inputs.length });
          const asked = { inputs, span: embed };
          return spanned(embed, () => this.#retrying(() => this.#askFrom(embedder, asked)));
        },
        (inputs) => this.#sparseOf(inputs, span),
      );
    } catch (thrown) {
      if (!isLost(thrown) || this.#context.signal.aborted) throw thrown;
      return await this.#isolated(operation);
    }
  }

  /** T10. What it replaces counts as well: the tenant has to delete, or to get a larger quota. */
  #refusalOf(prepared: Prepared): Outcome | undefined {
    if (prepared.kind !== "prepared") return undefined;
    const { quotas, tenant } = this.#options;
    const over = quotas.refusalOfLogged(tenant);
    if (over === undefined) return undefined;
    const { documentId } = prepared;
    return { kind: "reject", documentId, reason: over.code, message: over.message };
  }

  /** T7: in a process of its own. What comes back is the outcome, not a verdict. */
  async #isolated({ payload, version }: StoredOperation): Promise<Outcome> {
    const { isolation, logger, metrics, tenant, embedder, reembedsIsolated } = this.#options;
    logger.warn({ tenant, version }, "a document is processed in isolation");
    metrics.count("documents_isolated_total", { tenant });
    const { signal } = this.#context;
    const outcome = await this.#retrying(() => isolation.process(payload, signal, tenant));
    if (!reembedsIsolated || outcome.kind !== "upsert") return outcome;
    const inputs = embeddedTexts(outcome.body.chunks).map((text) => ({ text, tokens: someTokens }));
    const asked = { inputs, span: noSpan };
    const vectors = await this.#retrying(() => this.#askFrom(embedder, asked));
    return { ...outcome, body: withVectors(outcome.body, vectors) };
  }

  /** Of a suspect that its isolated process survived, so it can be read here, too. */
  #idIn({ payload }: StoredOperation): DocumentId | null {
    const parsed = parseOperation(payload, this.#options.log.documentTextBytesMax);
    return parsed.ok ? parsed.operation.id : null;
  }

  /** T5: an embedder that is down is waited for; a model's refusal counts against the document. */
  async #retrying<Value>(work: () => Promise<Value>): Promise<Value> {
    const { limits } = this.#options;
    const { clock, signal } = this.#context;
    let refusals = 0;
    for (let repetition = 0; ; repetition += 1) {
      try {
        return await work();
      } catch (thrown) {
        const error = toFreshetError(thrown);
        if (signal.aborted) throw error;
        if (!error.retryable || isLost(error)) throw error;
        if (error.code === "embedding_failed") refusals += 1;
        if (refusals >= limits.attemptsMax) throw error;
        await clock.sleep(backoffMs(limits.backoff, repetition), signal);
      }
    }
  }

  /**
   * A third signal costs no document: without it the document is stored, and ranked by the other
   * two. What its encoder fails with is counted.
   */
  async #sparseOf(
    inputs: readonly EmbedInput[],
    parent: Span,
  ): Promise<readonly SparseVector[] | undefined> {
    const { sparse, logger, metrics, tenant } = this.#options;
    if (sparse === undefined) return undefined;
    const span = parent.child("embed sparse", { "freshet.chunks": inputs.length });
    const { clock, signal: ending } = this.#context;
    const limit = new Deadline(clock, limits.sparseDocumentMs, ending);
    const { signal } = limit;
    try {
      return await spanned(span, () => this.#askFrom(sparse, { inputs, span, signal }));
    } catch (thrown) {
      if (this.#context.signal.aborted) return undefined;
      const { code, message: cause } = toFreshetError(thrown);
      metrics.count("documents_without_sparse_total");
      logger.warn({ tenant, code, cause }, "a document is stored without its sparse vectors");
      return undefined;
    } finally {
      limit.clear();
    }
  }

  async #askFrom<Vector>(
    embedder: Pick<Mailbox<EmbedderMessage<Vector>>, "put">,
    {
      inputs,
      span,
      signal = this.#context.signal,
    }: {
      readonly inputs: readonly EmbedInput[];
      readonly span: Span;
      readonly signal?: AbortSignal;
    },
  ): Promise<readonly Vector[]> {
    const { tenant } = this.#options;
    const { promise, resolve, reject } = Promise.withResolvers<readonly Vector[]>();
    const reply = { resolve, reject };
    const request = { type: "embed", tenant, inputs, signal, reply, span } as const;
    const sent = await embedder.put(request, signal);
    if (!sent) throw new FreshetError("embedding_unavailable");
    // An embedder that is down answers late: a life that ends does not wait for it.
    return raceAbort(promise, signal);
  }
}
