/**
 * One lane to an embedding endpoint, with connections of its own.
 *
 * Owns: its pool, the requests that run and those that wait for one of them to end, their retries.
 * Never does: splitting, following redirects, or letting a text or the key into an error.
 * Receives: `run` and `close`. Sends: HTTP requests.
 *
 *   RL1  at most `inFlightMax` requests run; more wait in order, and past a bound they are refused as overloaded;
 *   RL2  every `run` settles: attempts, pauses and each request's time are bounded;
 *   RL3  a caller that aborts is answered at once, and its request is ended;
 *   RL4  `close` rejects what waits or pauses, lets what runs finish within `stopMs`, and ends the rest.
 */

import { Pool } from "undici";
import { FreshetError } from "../contract/errors.ts";
import { limits } from "../contract/limits.ts";
import type { Clock } from "../runtime/clock.ts";
import { checkNotAborted } from "./checks.ts";
import { errorOf, type Failure, retryPauseMs } from "./remote-failure.ts";
import { post } from "./remote-request.ts";
import { type Endpoint, type Reply, readReply, requestBody } from "./remote-wire.ts";

export interface RemoteLaneOptions {
  readonly endpoint: Endpoint;
  /** What the endpoint calls its model; undefined where it serves one. */
  readonly model: string | undefined;
  readonly dimensions: number;
  readonly apiKey: string | undefined;
  readonly inFlightMax: number;
  readonly clock: Clock;
  /** From 0 to 1. */
  readonly random: () => number;
}

interface Waiting {
  proceed(): void;
  fail(error: FreshetError): void;
}

const closed = (): FreshetError =>
  new FreshetError("embedding_unavailable", "the embedder is closed");

export class RemoteLane {
  readonly #options: RemoteLaneOptions;
  readonly #pool: Pool;
  readonly #waiting: Waiting[] = [];
  readonly #closing = new AbortController();
  #running = 0;
  #idle: (() => void) | undefined;
  #ended: Promise<void> | undefined;

  constructor(options: RemoteLaneOptions) {
    this.#options = options;
    this.#pool = new Pool(options.endpoint.origin, {
      connections: options.inFlightMax,
      connectTimeout: limits.embedRemoteConnectMs,
      // A request has one time-out as a whole, by our own clock.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  }

  /** Unit vectors of the texts of one request, in their order. */
  async run(texts: readonly string[], signal: AbortSignal | undefined): Promise<Float32Array[]> {
    checkNotAborted(signal);
    await this.#begin(signal);
    try {
      return await this.#attempts(texts, signal);
    } finally {
      this.#end();
    }
  }

  /** May be called again; resolves once nothing is left running. */
  close(): Promise<void> {
    this.#ended ??= this.#close();
    return this.#ended;
  }

  async #close(): Promise<void> {
    this.#closing.abort();
    for (const { fail } of this.#waiting.splice(0)) fail(closed());
    if (this.#running > 0) {
      const over = new AbortController();
      const idle = new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
      await Promise.race([idle, this.#options.clock.sleep(limits.stopMs, over.signal)]);
      over.abort();
    }
    await this.#pool.destroy();
  }

  async #attempts(
    texts: readonly string[],
    signal: AbortSignal | undefined,
  ): Promise<Float32Array[]> {
    for (let failures = 0; ; failures += 1) {
      const reply = await this.#attempt(texts, signal);
      if (reply.kind === "vectors") return reply.vectors;
      await this.#pauseOrThrow(reply, failures, signal);
    }
  }

  async #attempt(texts: readonly string[], signal: AbortSignal | undefined): Promise<Reply> {
    const { endpoint, model, apiKey, dimensions, clock } = this.#options;
    const body = requestBody(endpoint, texts, model);
    const answer = await post(this.#pool, { path: endpoint.path, body, apiKey, signal }, clock);
    if (answer.kind !== "body") return answer;
    return readReply(endpoint, answer.text, { count: texts.length, dimensions });
  }

  async #pauseOrThrow(
    failure: Failure,
    failures: number,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { clock, random } = this.#options;
    const pauseMs = retryPauseMs(failure, failures, random());
    if (pauseMs === undefined || this.#closing.signal.aborted) throw errorOf(failure);
    const signals = [this.#closing.signal, ...(signal === undefined ? [] : [signal])];
    await clock.sleep(pauseMs, AbortSignal.any(signals));
    checkNotAborted(signal);
    if (this.#closing.signal.aborted) throw closed();
  }

  #begin(signal: AbortSignal | undefined): Promise<void> {
    if (this.#closing.signal.aborted) throw closed();
    if (this.#running < this.#options.inFlightMax) {
      this.#running += 1;
      return Promise.resolve();
    }
    if (this.#waiting.length >= limits.embedPendingBatchesMax) {
      throw new FreshetError("overloaded", "the embedding queue is full");
    }
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        proceed: () => {
          signal?.removeEventListener("abort", abort);
          resolve();
        },
        fail: (error) => {
          signal?.removeEventListener("abort", abort);
          reject(error);
        },
      };
      const abort = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        waiting.fail(new FreshetError("cancelled"));
      };
      signal?.addEventListener("abort", abort, { once: true });
      this.#waiting.push(waiting);
    });
  }

  /** The place goes to the one that has waited longest, without becoming free in between. */
  #end(): void {
    const next = this.#waiting.shift();
    if (next !== undefined) return next.proceed();
    this.#running -= 1;
    if (this.#running === 0) this.#idle?.();
  }
}
