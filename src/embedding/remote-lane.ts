/**
 * One lane to the servers of a pool.
 *
 * Owns: the requests that run and those that wait for one of them to end, their retries. Never
 * does: splitting, or letting a text or the key into an error.
 * Receives: `run` and `close`. Sends: requests, through the pool.
 *
 *   RL1  at most `inFlightMax` requests run; more wait in order, and past a bound they are refused
 *        as overloaded;
 *   RL2  every `run` settles: attempts, pauses and each request's time are bounded, and with
 *        several servers all of them together;
 *   RL3  a caller that aborts is answered at once, and its request is ended;
 *   RL4  `close` rejects what waits or pauses, and lets what runs finish within `stopMs`;
 *   RL5  what a server fails is asked of another one at once, where there is one. What may be the
 *        texts' doing is asked of one other only.
 */

import { FreshetError } from "../contract/errors.ts";
import { limits } from "../contract/limits.ts";
import type { Clock } from "../runtime/clock.ts";
import { Deadline, waitAtMost } from "../runtime/deadline.ts";
import { Semaphore } from "../runtime/semaphore.ts";
import { checkNotAborted } from "./checks.ts";
import type { Lane } from "./port.ts";
import { errorOf, type Failure, retryPauseMs } from "./remote-failure.ts";
import type { ServerPool } from "./remote-pool.ts";
import type { PoolServer } from "./remote-server.ts";

export interface RemoteLaneOptions {
  readonly lane: Lane;
  readonly pool: ServerPool;
  readonly inFlightMax: number;
  /** Of all attempts together; undefined where one server's own bounds are enough. */
  readonly runMs: number | undefined;
  readonly clock: Clock;
  /** From 0 to 1. */
  readonly random: () => number;
}

const closed = (): FreshetError =>
  new FreshetError("embedding_unavailable", "the embedder is closed");

export class RemoteLane {
  readonly #options: RemoteLaneOptions;
  readonly #requests: Semaphore;
  readonly #closing = new AbortController();
  #ended: Promise<void> | undefined;

  constructor(options: RemoteLaneOptions) {
    this.#options = options;
    this.#requests = new Semaphore({
      total: options.inFlightMax,
      waitingMax: limits.embedPendingBatchesMax,
    });
  }

  /** Unit vectors of the texts of one request, in their order. */
  async run(texts: readonly string[], signal: AbortSignal | undefined): Promise<Float32Array[]> {
    return await this.#requests.run(() => this.#bounded(texts, signal), signal);
  }

  /** May be called again; resolves once nothing is left running, or `stopMs` are over. */
  close(): Promise<void> {
    this.#ended ??= this.#close();
    return this.#ended;
  }

  async #close(): Promise<void> {
    this.#closing.abort();
    await waitAtMost(this.#options.clock, limits.stopMs, this.#requests.close(closed()));
  }

  async #bounded(
    texts: readonly string[],
    signal: AbortSignal | undefined,
  ): Promise<Float32Array[]> {
    const { runMs, clock } = this.#options;
    if (runMs === undefined) return this.#attempts(texts, signal);
    const deadline = new Deadline(clock, runMs, signal);
    try {
      return await this.#attempts(texts, deadline.signal);
    } catch (thrown) {
      if (deadline.isOver) throw errorOf({ kind: "unanswered", reason: "timeout" });
      throw thrown;
    } finally {
      deadline.clear();
    }
  }

  async #attempts(
    texts: readonly string[],
    signal: AbortSignal | undefined,
  ): Promise<Float32Array[]> {
    const { pool, lane } = this.#options;
    const tried = new Set<PoolServer>();
    for (let failures = 0; ; ) {
      const server = pool.choose(lane, tried);
      const reply =
        server === undefined ? pool.nobody() : await pool.send(server, { texts, lane }, signal);
      if (reply.kind === "vectors") return reply.vectors;
      if (server !== undefined && this.#mayAskAnother(reply, tried.add(server))) continue;
      await this.#pauseOrThrow(reply, failures, signal);
      failures += 1;
      tried.clear();
    }
  }

  /** RL5. */
  #mayAskAnother(failure: Failure, tried: ReadonlySet<PoolServer>): boolean {
    if (this.#closing.signal.aborted) return false;
    const isOfTexts =
      failure.kind === "refused" || failure.kind === "broken" || failure.kind === "unanswered";
    if (isOfTexts && tried.size > 1) return false;
    return this.#options.pool.choose(this.#options.lane, tried) !== undefined;
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
