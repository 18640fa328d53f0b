/**
 * A response that is written piece by piece as server-sent events, whatever their form.
 *
 * Owns the response once it has begun. Never buffers more than a bound for a reader that does not
 * read: such a reader is cut, and the caller's signal aborts the work.
 *
 * SER1  nothing is sent before the first event or heartbeat, so an early error keeps its HTTP
 *       status.
 * SER2  after `end` nothing follows.
 * SER3  what is written is JSON, and holds no line end but those of the events.
 */

import type { ServerResponse } from "node:http";

/**
 * JSON leaves these as they are, and readers that cut lines as their language does (Python's
 * `splitlines`, under many clients) would end an event in the middle of a title.
 */
const otherLineEnds = /[\u0085\u2028\u2029]/g;
const escaped = (end: string): string => `\\u${end.charCodeAt(0).toString(16).padStart(4, "0")}`;

export interface SseResponseOptions {
  readonly response: ServerResponse;
  readonly headers: Readonly<Record<string, string>>;
  readonly bufferBytesMax: number;
  readonly heartbeatMs: number;
  /** Called when the reader was cut; the work for it is to be aborted. */
  readonly onCut: () => void;
}

export class SseResponse {
  readonly #options: SseResponseOptions;
  readonly #heartbeat: NodeJS.Timeout;
  #state: "waiting" | "open" | "closed" = "waiting";

  constructor(options: SseResponseOptions) {
    this.#options = options;
    this.#heartbeat = setInterval(() => this.write(": still here\n\n"), options.heartbeatMs);
  }

  /** Whether the response has begun: from then on an error is an event, not a status. */
  get begun(): boolean {
    return this.#state !== "waiting";
  }

  /** One event, with the blank line at its end. */
  write(text: string): void {
    const { response, bufferBytesMax, onCut } = this.#options;
    if (this.#state === "closed" || response.destroyed) return this.abandon();
    if (this.#state === "waiting") this.#begin();
    response.write(text.replace(otherLineEnds, escaped));
    if (response.writableLength <= bufferBytesMax) return;
    this.abandon();
    response.destroy();
    onCut();
  }

  end(): void {
    const open = this.#state === "open";
    this.abandon();
    if (open) this.#options.response.end();
  }

  /** Lets go of the response without having begun it. */
  abandon(): void {
    clearInterval(this.#heartbeat);
    this.#state = "closed";
  }

  #begin(): void {
    this.#state = "open";
    this.#options.response.writeHead(200, {
      ...this.#options.headers,
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store",
      // Proxies that collect a response before they pass it on would undo the streaming.
      "x-accel-buffering": "no",
    });
  }
}
