/**
 * What `nats micro stats` shows of an endpoint: requests that were answered, those of them that
 * were answered with an error, and the time from a request to the last piece of its reply.
 *
 * The library counts a request as done when its handler returns, which is at once; here each number
 * is put right before it is shown.
 */

import type { ErrorCode } from "../contract/errors.ts";

interface ShownStats {
  num_requests: number;
  num_errors: number;
  processing_time: number;
  average_processing_time: number;
  last_error?: string | undefined;
}

export class EndpointStats {
  #requests = 0;
  #errors = 0;
  #ms = 0;
  #lastError: string | undefined;
  #inFlight = 0;

  begin(): void {
    this.#inFlight += 1;
  }

  end(outcome: "ok" | ErrorCode, ms: number): void {
    this.#inFlight -= 1;
    this.#requests += 1;
    this.#ms += ms;
    if (outcome === "ok") return;
    this.#errors += 1;
    this.#lastError = outcome;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** Times in nanoseconds, as the protocol of micro services wants them. */
  shown(): ShownStats {
    const nanos = Math.round(this.#ms * 1e6);
    return {
      num_requests: this.#requests,
      num_errors: this.#errors,
      processing_time: nanos,
      average_processing_time: Math.round(nanos / Math.max(1, this.#requests)),
      ...(this.#lastError === undefined ? {} : { last_error: this.#lastError }),
    };
  }
}
