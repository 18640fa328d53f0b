/**
 * Embedder: micro-batches texts of all tenants through one lane of the embedding port.
 *
 * Owns: the queue of texts that wait for a vector. Never: touches the log, or knows a document.
 * Receives: EmbedRequest, from tenants (lane ingest) or questions (lane query). Sends: replies only.
 *
 *   E1  a request is answered once, with one vector per input in its order, or with one error;
 *   E2  there is no timer: what is queued goes when the backend is free, so an idle text waits for nothing;
 *   E3  a text that the model refuses fails alone: its batch is tried again text by text;
 *   E4  while the backend restarts nothing fails: texts wait, up to `requestMs`.
 */

import { FreshetError, toFreshetError } from "../src/contract/errors.ts";
import { type BatchLimits, type QueuedText, selectBatch } from "../src/embedding/batching.ts";
import type { Embedder, EmbedInput, Lane } from "../src/embedding/port.ts";
import type { ActorContext, Behaviour } from "../src/kernel/actor.ts";
import { backoffMs } from "../src/kernel/backoff.ts";
import type { Metrics } from "../src/observe/port.ts";
import type { EmbedderMessage, EmbedRequest } from "./messages.ts";

export interface EmbedderOptions {
  readonly embedder: Embedder;
  readonly lane: Lane;
  readonly batch: BatchLimits;
  /** Batches handed to the backend before the first comes back: two keep it busy without a gap. */
  readonly batchesInFlightMax: number;
  /** Texts that wait here; above it the mailbox fills and senders wait. */
  readonly textsMax: number;
  readonly requestMs: number;
  readonly backoff: { readonly backoffMinMs: number; readonly backoffMaxMs: number };
  readonly metrics: Metrics;
}

/** One text of a request. */
interface Text extends QueuedText {
  readonly input: EmbedInput;
  readonly index: number;
  readonly request: Pending;
}

/** A request that is not answered yet. */
class Pending {
  readonly message: EmbedRequest;
  readonly sinceMs: number;
  readonly #vectors: (Float32Array | undefined)[];
  #left: number;
  #settled = false;

  constructor(message: EmbedRequest, sinceMs: number) {
    this.message = message;
    this.sinceMs = sinceMs;
    this.#left = message.inputs.length;
    this.#vectors = new Array<Float32Array | undefined>(this.#left);
  }

  get settled(): boolean {
    return this.#settled;
  }

  deliver(index: number, vector: Float32Array): void {
    this.#vectors[index] = vector;
    this.#left -= 1;
    if (this.#left > 0 || this.#settled) return;
    this.#settled = true;
    this.message.reply.resolve(this.#vectors as Float32Array[]);
  }

  fail(error: unknown): void {
    if (this.#settled) return;
    this.#settled = true;
    this.message.reply.reject(error);
  }
}

export function embedderActor(
  options: EmbedderOptions,
): (context: ActorContext<EmbedderMessage>) => Behaviour<EmbedderMessage> {
  return (context) => new EmbedderBehaviour(options, context);
}

class EmbedderBehaviour implements Behaviour<EmbedderMessage> {
  readonly #options: EmbedderOptions;
  readonly #context: ActorContext<EmbedderMessage>;
  #queue: Text[] = [];
  readonly #pending = new Set<Pending>();
  #inFlight = 0;
  #roomFreed: (() => void) | undefined;

  constructor(options: EmbedderOptions, context: ActorContext<EmbedderMessage>) {
    this.#options = options;
    this.#context = context;
  }

  async receive(message: EmbedderMessage): Promise<void> {
    const request = new Pending(message, this.#context.clock.monotonicMs());
    if (message.inputs.length === 0) return message.reply.resolve([]);
    this.#pending.add(request);
    const enqueuedAtMs = request.sinceMs;
    message.inputs.forEach((input, index) => {
      this.#queue.push({
        tenant: message.tenant,
        tokens: input.tokens.length,
        enqueuedAtMs,
        get cancelled() {
          return request.settled || message.signal.aborted;
        },
        input,
        index,
        request,
      });
    });
    this.#pump();
    // Back-pressure: while the queue is over its bound the next message stays in the mailbox.
    while (this.#queue.length > this.#options.textsMax && !this.#context.signal.aborted) {
      await this.#room();
    }
  }

  stop(): void {
    const gone = new FreshetError("embedding_unavailable");
    for (const request of this.#pending) request.fail(gone);
    this.#pending.clear();
    this.#roomFreed?.();
  }

  #pump(): void {
    const { clock, signal } = this.#context;
    while (this.#inFlight < this.#options.batchesInFlightMax && this.#queue.length > 0) {
      if (signal.aborted) return; // `stop` fails what is left
      const now = clock.monotonicMs();
      const { batch, rest, dropped } = selectBatch(this.#queue, this.#options.batch, now);
      this.#queue = rest;
      for (const { request } of dropped) this.#fail(request, new FreshetError("cancelled"));
      this.#options.metrics.set("queue_depth", rest.length, {
        queue: `embed-${this.#options.lane}`,
      });
      if (batch.length === 0) continue;
      this.#inFlight += 1;
      this.#context.task(async () => {
        await this.#embed(batch, 0);
        this.#inFlight -= 1;
        this.#roomFreed?.();
        this.#pump();
      });
    }
  }

  async #embed(batch: readonly Text[], repetition: number): Promise<void> {
    const { clock, signal } = this.#context;
    const begun = clock.monotonicMs();
    try {
      const inputs = batch.map(({ input }) => input);
      const { lane, embedder } = this.#options;
      const vectors = await embedder.embed(inputs, { lane, signal });
      if (vectors.length !== batch.length) {
        throw new FreshetError("internal", "a batch came back with another number of vectors");
      }
      this.#measure(batch, clock.monotonicMs() - begun);
      batch.forEach((text, at) => this.#deliver(text, vectors[at]));
    } catch (thrown) {
      if (signal.aborted) return;
      const error = toFreshetError(thrown);
      this.#options.metrics.count("embed_failures_total", { lane: this.#options.lane });
      if (error.code === "embedding_unavailable" || error.code === "overloaded") {
        await clock.sleep(backoffMs(this.#options.backoff, repetition), signal);
        const waiting = batch.filter((text) => this.#stillWanted(text, error));
        if (waiting.length > 0 && !signal.aborted) await this.#embed(waiting, repetition + 1);
      } else if (batch.length === 1) {
        for (const { request } of batch) this.#fail(request, error);
      } else {
        for (const text of batch) await this.#embed([text], 0);
      }
    }
  }

  #stillWanted(text: Text, error: FreshetError): boolean {
    if (text.cancelled) {
      this.#fail(text.request, new FreshetError("cancelled"));
      return false;
    }
    const waitedMs = this.#context.clock.monotonicMs() - text.request.sinceMs;
    if (waitedMs < this.#options.requestMs) return true;
    this.#fail(text.request, error);
    return false;
  }

  #deliver({ request, index }: Text, vector: Float32Array | undefined): void {
    if (vector === undefined)
      throw new FreshetError("internal", "a text came back without a vector");
    request.deliver(index, vector);
    if (request.settled) this.#pending.delete(request);
  }

  #fail(request: Pending, error: FreshetError): void {
    request.fail(error);
    this.#pending.delete(request);
  }

  #measure(batch: readonly Text[], ms: number): void {
    const { metrics, lane } = this.#options;
    const longest = batch.reduce((most, { tokens }) => Math.max(most, tokens), 0);
    metrics.observe("embed_seconds", ms / 1000, { lane });
    metrics.observe("embed_batch_texts", batch.length, { lane });
    metrics.observe("embed_batch_padded_tokens", longest * batch.length, { lane });
  }

  #room(): Promise<void> {
    return new Promise((resolve) => {
      this.#roomFreed = () => {
        this.#roomFreed = undefined;
        resolve();
      };
    });
  }
}
