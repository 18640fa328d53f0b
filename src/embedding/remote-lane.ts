/**
 * One lane to an embedding endpoint, with connections of its own.
 *
 * Owns: its pool, the requests that run and those that wait for one of them to end, their retries.
 * Never does: splitting, following redirects, or letting a text or the key into an error.
 * Receives: `run` and `close`. Sends: HTTP requests.
 *
 *   RL1  at most `inFlightMax` requests run; more wait in order, and past a bound they are refused
 *        as overloaded;
 *   RL2  every `run` settles: attempts, pauses and each request's time are bounded;
 *   RL3  a caller that aborts is answered at once, and its request is ended;
 *   RL4  `close` rejects what waits or pauses, lets what runs finish within `stopMs`, and ends the
 *        rest.
 */

import { buildConnector, Pool } from "undici";
import { FreshetError } from "../contract/errors.ts";
import { limits } from "../contract/limits.ts";
import type { Secret, TlsFiles } from "../contract/links.ts";
import type { Clock } from "../runtime/clock.ts";
import { waitAtMost } from "../runtime/deadline.ts";
import { Semaphore } from "../runtime/semaphore.ts";
import { readTlsFiles } from "../runtime/tls-files.ts";
import { checkNotAborted } from "./checks.ts";
import { errorOf, type Failure, retryPauseMs } from "./remote-failure.ts";
import { post } from "./remote-request.ts";
import { type Endpoint, type Reply, readReply, requestBody } from "./remote-wire.ts";

export interface RemoteLaneOptions {
  readonly endpoint: Endpoint;
  /** What the endpoint calls its model; undefined where it serves one. */
  readonly model: string | undefined;
  readonly dimensions: number;
  readonly apiKey: Secret | undefined;
  readonly tls: TlsFiles | undefined;
  readonly inFlightMax: number;
  readonly clock: Clock;
  /** From 0 to 1. */
  readonly random: () => number;
}

/** With files of its own each new connection reads them, so that they may be replaced. */
function connecting(tls: TlsFiles | undefined): Pool.Options {
  const timeout = limits.embedRemoteConnectMs;
  if (tls === undefined) return { connectTimeout: timeout };
  return {
    connect: (options, callback) =>
      buildConnector({ ...readTlsFiles(tls), timeout })(options, callback),
  };
}

const closed = (): FreshetError =>
  new FreshetError("embedding_unavailable", "the embedder is closed");

export class RemoteLane {
  readonly #options: RemoteLaneOptions;
  readonly #pool: Pool;
  readonly #requests: Semaphore;
  readonly #closing = new AbortController();
  #ended: Promise<void> | undefined;

  constructor(options: RemoteLaneOptions) {
    this.#options = options;
    this.#requests = new Semaphore({
      total: options.inFlightMax,
      waitingMax: limits.embedPendingBatchesMax,
    });
    this.#pool = new Pool(options.endpoint.origin, {
      connections: options.inFlightMax,
      ...connecting(options.tls),
      // A request has one time-out as a whole, by our own clock.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  }

  /** Unit vectors of the texts of one request, in their order. */
  async run(texts: readonly string[], signal: AbortSignal | undefined): Promise<Float32Array[]> {
    return await this.#requests.run(() => this.#attempts(texts, signal), signal);
  }

  /** May be called again; resolves once nothing is left running. */
  close(): Promise<void> {
    this.#ended ??= this.#close();
    return this.#ended;
  }

  async #close(): Promise<void> {
    this.#closing.abort();
    await waitAtMost(this.#options.clock, limits.stopMs, this.#requests.close(closed()));
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
    const { endpoint, model, apiKey, dimensions, clock, tls } = this.#options;
    const body = requestBody(endpoint, texts, model);
    const request = { path: endpoint.path, body, apiKey: apiKey?.(), signal, tls };
    const answer = await post(this.#pool, request, clock);
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
}
