/**
 * One connection to Temporal, and what becomes of requests over it.
 *
 * Owns the connection, made when it is first used and anew when its certificates have changed, and
 * the requests under way. Never knows what is asked: that is client.ts.
 */

import {
  Client,
  Connection,
  defaultGrpcRetryOptions,
  makeGrpcRetryInterceptor,
} from "@temporalio/client";
import { FreshetError } from "../../contract/errors.ts";
import { limits } from "../../contract/limits.ts";
import type { Logger } from "../../contract/observation.ts";
import type { Tracer } from "../../contract/tracing.ts";
import type { Clock } from "../../runtime/clock.ts";
import { waitAtMost } from "../../runtime/deadline.ts";
import {
  accessVersion,
  connectionOf,
  explainTemporal,
  resolveAccess,
  type TemporalAccess,
} from "./access.ts";
import { transportError } from "./client-failures.ts";
import { fromFailure } from "./failures.ts";
import { tracedRequests } from "./tracing.ts";

export interface LinkOptions extends TemporalAccess {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly tracer?: Tracer | undefined;
}

export class TemporalLink {
  readonly #options: LinkOptions;
  #namespace: string;
  #connection: Connection;
  #client: Client;
  #version: string;
  #lookAgainAtMs: number;
  readonly #closing = new AbortController();
  readonly #running = new Set<Promise<unknown>>();

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#version = accessVersion(options);
    this.#lookAgainAtMs = options.clock.monotonicMs() + limits.certificateLookEveryMs;
    ({
      connection: this.#connection,
      client: this.#client,
      namespace: this.#namespace,
    } = this.#open());
  }

  /** Of the connection as it is now: ask for it within each `call`. */
  get client(): Client {
    return this.#client;
  }

  get namespace(): string {
    return this.#namespace;
  }

  /** Connects when it is first used. */
  #open() {
    const access = resolveAccess(this.#options);
    const { namespace } = access;
    const connection = Connection.lazy({
      ...connectionOf(access),
      connectTimeout: limits.temporalRequestMs,
      interceptors: [makeGrpcRetryInterceptor(retriesUntil(this.#closing.signal))],
    });
    const workflow = tracedRequests(this.#options.tracer);
    const client = new Client({ connection, namespace, interceptors: { workflow } });
    return { connection, client, namespace };
  }

  /** A connection keeps the certificates that it was made with: others need another one. */
  #renew(): void {
    const { clock } = this.#options;
    if (clock.monotonicMs() < this.#lookAgainAtMs) return;
    this.#lookAgainAtMs = clock.monotonicMs() + limits.certificateLookEveryMs;
    const version = accessVersion(this.#options);
    if (version === "" || version === this.#version) return;
    this.#version = version;
    const old = this.#connection;
    const ended = Promise.allSettled(this.#running);
    const opened = this.#open();
    this.#connection = opened.connection;
    this.#client = opened.client;
    this.#options.logger.info({}, "the certificates for Temporal have changed: connecting anew");
    void ended.then(() => old.close()).catch(() => {});
  }

  /** @throws FreshetError of whatever went wrong, `temporal_unavailable` after the time */
  async call<Result>(timeoutMs: number, run: () => Promise<Result>): Promise<Result> {
    try {
      this.#renew();
      const deadline = this.#options.clock.nowMs() + timeoutMs;
      const { signal } = this.#closing;
      const connection = this.#connection;
      const call = connection.withAbortSignal(signal, () => connection.withDeadline(deadline, run));
      this.#running.add(call);
      return await call.finally(() => this.#running.delete(call));
    } catch (thrown) {
      // What Temporal has answered, such as that one runs already, is no failure of a request.
      if (thrown instanceof FreshetError) throw thrown;
      const error = fromFailure(thrown) ?? transportError(thrown, timeoutMs);
      this.#options.logger.debug({ code: error.code }, "a request to Temporal failed");
      throw error;
    }
  }

  async ping(): Promise<void> {
    try {
      await this.call(limits.temporalRequestMs, async () => {
        const namespace = this.#namespace;
        await this.#connection.workflowService.describeNamespace({ namespace });
      });
    } catch (cause) {
      const why = await explainTemporal(this.#options);
      if (why === undefined) throw cause;
      throw new FreshetError("temporal_unavailable", why, { cause });
    }
  }

  /** Requests end first: a retry on a closed channel would throw where it cannot be caught. */
  async close(): Promise<void> {
    this.#closing.abort();
    const ended = Promise.allSettled(this.#running);
    await waitAtMost(this.#options.clock, limits.temporalRequestMs, ended);
    await this.#connection.close();
  }
}

/**
 * The library's retries, but none after `closing`, and without pauses that a close would have to
 * sit out.
 */
function retriesUntil(closing: AbortSignal) {
  const usual = defaultGrpcRetryOptions();
  return {
    ...usual,
    delayFunction: (...failure: Parameters<typeof usual.delayFunction>) =>
      Math.min(usual.delayFunction(...failure), limits.mergeRetryMinMs),
    retryableDecider: (...failure: Parameters<typeof usual.retryableDecider>) =>
      !closing.aborted && usual.retryableDecider(...failure),
  };
}
