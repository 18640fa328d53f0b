/** A request to the embedder until it is answered, and its texts as the batcher sees them. */

import { FreshetError } from "../../src/contract/errors.ts";
import { noSpan, type Span } from "../../src/contract/tracing.ts";
import type { QueuedText } from "../../src/embedding/fair-queue.ts";
import type { EmbedInput } from "../../src/embedding/port.ts";
import type { EmbedRequest } from "../messages.ts";

/** One text of a request; cancelled once the request is answered, one way or the other. */
export interface PendingText<Vector = unknown> extends QueuedText {
  readonly input: EmbedInput;
  readonly index: number;
  readonly request: PendingRequest<Vector>;
}

/** Answers its caller once: with all vectors, the first error, or `cancelled` when it leaves. */
export class PendingRequest<Vector> {
  readonly sinceMs: number;
  readonly span: Span;
  readonly #message: EmbedRequest<Vector>;
  readonly #vectors: Vector[];
  readonly #onSettled: (request: PendingRequest<Vector>) => void;
  #left: number;
  #settled = false;

  /** @param onSettled called once, right before the answer */
  constructor(
    message: EmbedRequest<Vector>,
    sinceMs: number,
    onSettled: (request: PendingRequest<Vector>) => void,
  ) {
    this.#message = message;
    this.sinceMs = sinceMs;
    this.span = message.span ?? noSpan;
    this.#onSettled = onSettled;
    this.#left = message.inputs.length;
    this.#vectors = new Array<Vector>(this.#left);
    message.signal.addEventListener("abort", this.#callerGone, { once: true });
  }

  get settled(): boolean {
    return this.#settled;
  }

  /** Its texts for the queue, in their order. */
  texts(weight: number): PendingText<Vector>[] {
    const { tenant, inputs } = this.#message;
    return inputs.map((input, index) => {
      const request = this;
      return {
        tenant,
        weight,
        tokens: input.tokens.length,
        enqueuedAtMs: this.sinceMs,
        get cancelled() {
          return request.#settled;
        },
        input,
        index,
        request,
      };
    });
  }

  /** The vector of one of its texts; each comes once. */
  deliver(index: number, vector: Vector): void {
    this.#vectors[index] = vector;
    this.#left -= 1;
    if (this.#left === 0) this.#settle(() => this.#message.reply.resolve(this.#vectors));
  }

  fail(error: FreshetError): void {
    this.#settle(() => this.#message.reply.reject(error));
  }

  readonly #callerGone = (): void => this.fail(new FreshetError("cancelled"));

  #settle(answer: () => void): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#message.signal.removeEventListener("abort", this.#callerGone);
    this.#onSettled(this);
    answer();
  }
}
