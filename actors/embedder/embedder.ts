/**
 * Embedder: micro-batches texts of all tenants through one lane of the embedding port.
 *
 * Owns: the queue of texts that wait for a vector, the order of their turns, and what batches are
 * known to cost.
 * Never: touches the log, or knows a document.
 * Receives: embed, from tenant writers (lane ingest) or questions (lane query). Sends: replies
 * only.
 *
 *   E1  a request is answered once, with one vector per input in its order, or with one error;
 *   E2  there is no timer: the queue goes when the backend is free, so an idle text waits for
 *       nothing;
 *   E3  a text that the model refuses fails alone: its batch is tried again text by text, and other
 *       batches run meanwhile;
 *   E4  while the backend restarts nothing fails: texts wait, up to `requestMs`;
 *   E5  a caller that leaves is answered at once, and none of its texts is sent from then on;
 *   E6  a failure costs a text nothing while a control text fails too, also one that is told as
 *       the text's: an account without money, or a device without memory, refuses everything. A
 *       text that fails without a reason `controlsMax` times in a row while the control passes is
 *       refused, so one text cannot stop its tenant for ever;
 *   E7  texts that were in a batch when the backend was lost are not sent again: their requests
 *       fail as lost;
 *   E8  while several tenants are there, batches are so small that a text waits for others no
 *       longer than one batch may take (I9).
 */

import { FreshetError, toFreshetError } from "../../src/contract/errors.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import type { Metrics } from "../../src/contract/observation.ts";
import {
  type BatchLimits,
  batchShape,
  fillsBatch,
  selectBatch,
} from "../../src/embedding/batching.ts";
import { joinedBy, limitsIn, noCompany } from "../../src/embedding/company.ts";
import { learn, serviceMs, unmeasured } from "../../src/embedding/cost-model.ts";
import { failsAll, failsAlone, isLost, isUnexplained } from "../../src/embedding/failures.ts";
import { noTurns } from "../../src/embedding/fair-queue.ts";
import type { EmbedInput, Encoder, Lane } from "../../src/embedding/port.ts";
import type { ActorContext, Behaviour } from "../../src/runtime/actor.ts";
import { backoffMs } from "../../src/runtime/backoff.ts";
import type { EmbedderMessage } from "../messages.ts";
import { batchSpan } from "./batch-span.ts";
import { PendingRequest, type PendingText } from "./request.ts";

export interface EmbedderOptions<Vector = Float32Array> {
  readonly embedder: Encoder<Vector>;
  readonly lane: Lane;
  /** What metrics call the lane; by default as it is called. */
  readonly laneName?: string | undefined;
  readonly batch: BatchLimits;
  /** Batches handed to the backend before the first comes back: two keep it busy without a gap. */
  readonly batchesInFlightMax: number;
  /**
   * Batches that the backend works on at once; one beyond them is handed over only when it is full.
   */
  readonly batchesAtOnceMax: number;
  /** Texts that wait here; above it the mailbox fills and senders wait. */
  readonly textsMax: number;
  readonly requestMs: number;
  /** A text that any working backend embeds (E6). */
  readonly control: EmbedInput;
  readonly controlsMax: number;
  /** A tenant's share of the backend against others that wait; above zero, by default 1. */
  readonly weightOf?: ((tenant: TenantId) => number) | undefined;
  readonly backoff: { readonly backoffMinMs: number; readonly backoffMaxMs: number };
  readonly metrics: Metrics;
}

/** What a batch has been through so far. */
interface Tried {
  readonly repetition: number;
  /** Failures in a row after which the control passed. */
  readonly controls: number;
}

const fresh: Tried = { repetition: 0, controls: 0 };

export function embedderActor<Vector = Float32Array>(
  options: EmbedderOptions<Vector>,
): (context: ActorContext<EmbedderMessage<Vector>>) => Behaviour<EmbedderMessage<Vector>> {
  return (context) => new EmbedderBehaviour(options, context);
}

class EmbedderBehaviour<Vector> implements Behaviour<EmbedderMessage<Vector>> {
  readonly #options: EmbedderOptions<Vector>;
  readonly #context: ActorContext<EmbedderMessage<Vector>>;
  readonly #laneName: string;
  #queue: PendingText<Vector>[] = [];
  readonly #pending = new Set<PendingRequest<Vector>>();
  #turns = noTurns;
  #costs = unmeasured;
  #company = noCompany;
  #inFlight = 0;
  /** Of those in flight: batches that the model refused, tried again text by text. */
  #refused = 0;
  #previousReplyAtMs: number | undefined;
  #roomFreed: (() => void) | undefined;

  constructor(options: EmbedderOptions<Vector>, context: ActorContext<EmbedderMessage<Vector>>) {
    this.#options = options;
    this.#laneName = options.laneName ?? options.lane;
    this.#context = context;
  }

  async receive(message: EmbedderMessage<Vector>): Promise<void> {
    const { weightOf, textsMax } = this.#options;
    if (message.signal.aborted) return message.reply.reject(new FreshetError("cancelled"));
    if (message.inputs.length === 0) return message.reply.resolve([]);
    const nowMs = this.#context.clock.monotonicMs();
    this.#company = joinedBy(this.#company, message.tenant, nowMs);
    const request = new PendingRequest(message, nowMs, () => this.#pending.delete(request));
    this.#pending.add(request);
    for (const text of request.texts(weightOf?.(message.tenant) ?? 1)) this.#queue.push(text);
    this.#pump();
    // Back-pressure: while the queue is over its bound the next message stays in the mailbox.
    while (this.#queue.length > textsMax && !this.#context.signal.aborted) await this.#room();
  }

  stop(): void {
    const gone = new FreshetError("embedding_unavailable");
    for (const request of this.#pending) request.fail(gone);
    this.#roomFreed?.();
  }

  #pump(): void {
    const { clock, signal } = this.#context;
    while (this.#queue.length > 0 && this.#mayHandOver()) {
      if (signal.aborted) return; // `stop` fails what is left
      const { batch, rest, turns } = selectBatch(this.#queue, this.#limits(), {
        turns: this.#turns,
        costs: this.#costs,
        nowMs: clock.monotonicMs(),
      });
      this.#queue = rest;
      this.#turns = turns;
      this.#options.metrics.set("queue_depth", rest.length, { queue: `embed-${this.#laneName}` });
      if (batch.length === 0) continue;
      this.#inFlight += 1;
      this.#context.task(async () => {
        await this.#embed(batch, fresh);
        this.#inFlight -= 1;
        this.#roomFreed?.();
        this.#pump();
      });
    }
  }

  #mayHandOver(): boolean {
    const { batchesAtOnceMax, batchesInFlightMax } = this.#options;
    if (this.#inFlight >= batchesInFlightMax) return false;
    // One that is tried again text by text leaves gaps, which others may use (E3).
    const atWork = this.#inFlight - this.#refused;
    return atWork < batchesAtOnceMax || fillsBatch(this.#queue, this.#limits(), this.#costs);
  }

  /** E8 */
  #limits(): BatchLimits {
    const nowMs = this.#context.clock.monotonicMs();
    return limitsIn(this.#company, this.#options.batch, { ...this.#options, nowMs });
  }

  async #embed(batch: readonly PendingText<Vector>[], tried: Tried): Promise<void> {
    const { signal } = this.#context;
    if (signal.aborted) return; // `stop` fails what is left
    try {
      const vectors = await this.#send(batch);
      batch.forEach(({ request, index }, at) => request.deliver(index, vectors[at] as Vector));
    } catch (thrown) {
      if (signal.aborted) return;
      const error = toFreshetError(thrown);
      this.#options.metrics.count("embed_failures_total", { lane: this.#laneName });
      await this.#afterFailure(batch, error, tried);
    }
  }

  async #afterFailure(
    batch: readonly PendingText<Vector>[],
    error: FreshetError,
    tried: Tried,
  ): Promise<void> {
    const away = error.code === "embedding_unavailable" || error.code === "overloaded";
    if (isLost(error)) {
      for (const { request } of batch) request.fail(error);
    } else if (batch.length > 1 && (!away || isUnexplained(error))) {
      await this.#oneByOne(batch);
    } else if (away) {
      await this.#again(batch, error, tried);
    } else if (error.code === "embedding_failed" && !(await this.#controlPasses())) {
      await this.#again(batch, failsAll(error), tried);
    } else {
      for (const { request } of batch) request.fail(error);
    }
  }

  async #oneByOne(batch: readonly PendingText<Vector>[]): Promise<void> {
    this.#refused += 1;
    this.#pump();
    for (const text of batch) if (!text.cancelled) await this.#embed([text], fresh);
    this.#refused -= 1;
  }

  async #again(
    batch: readonly PendingText<Vector>[],
    error: FreshetError,
    { repetition, controls }: Tried,
  ): Promise<void> {
    const { clock, signal } = this.#context;
    const { backoff, controlsMax } = this.#options;
    const passed = isUnexplained(error) && (await this.#controlPasses()) ? controls + 1 : 0;
    if (passed >= controlsMax) {
      for (const { request } of batch) request.fail(failsAlone(error));
      return;
    }
    await clock.sleep(backoffMs(backoff, repetition), signal);
    const waiting = batch.filter((text) => this.#stillWanted(text, error));
    if (waiting.length === 0) return;
    await this.#embed(waiting, { repetition: repetition + 1, controls: passed });
  }

  async #controlPasses(): Promise<boolean> {
    const { embedder, lane, control } = this.#options;
    try {
      await embedder.embed([control], { lane, signal: this.#context.signal });
      return true;
    } catch {
      return false;
    }
  }

  async #send(batch: readonly PendingText<Vector>[]): Promise<readonly Vector[]> {
    const { clock, signal } = this.#context;
    const { lane, embedder } = this.#options;
    const sentAtMs = clock.monotonicMs();
    const span = batchSpan(batch, this.#laneName);
    try {
      const inputs = batch.map(({ input }) => input);
      const vectors = await embedder.embed(inputs, { lane, signal });
      if (vectors.length !== batch.length) {
        throw new FreshetError("internal", "a batch came back with another number of vectors");
      }
      this.#measure(batch, sentAtMs);
      span.end();
      return vectors;
    } catch (thrown) {
      span.end(toFreshetError(thrown).code);
      throw thrown;
    } finally {
      // Also after a failure: the backend is free for the next batch from here on.
      this.#previousReplyAtMs = clock.monotonicMs();
    }
  }

  #measure(batch: readonly PendingText<Vector>[], sentAtMs: number): void {
    const { metrics } = this.#options;
    const lane = this.#laneName;
    const repliedAtMs = this.#context.clock.monotonicMs();
    const shape = batchShape(batch);
    const times = { sentAtMs, repliedAtMs, previousReplyAtMs: this.#previousReplyAtMs };
    this.#costs = learn(this.#costs, shape, serviceMs(times));
    metrics.observe("embed_seconds", (repliedAtMs - sentAtMs) / 1000, { lane });
    metrics.observe("embed_batch_texts", shape.rows, { lane });
    metrics.observe("embed_batch_padded_tokens", shape.rows * shape.columns, { lane });
  }

  #stillWanted({ request }: PendingText<Vector>, error: FreshetError): boolean {
    if (request.settled) return false;
    const waitedMs = this.#context.clock.monotonicMs() - request.sinceMs;
    if (waitedMs < this.#options.requestMs) return true;
    request.fail(error);
    return false;
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
