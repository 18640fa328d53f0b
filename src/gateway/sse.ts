/**
 * A streamed answer as server-sent events: `retrieval`, `delta`…, then `done` or `error`.
 *
 * Owns the response once it has begun. Never buffers more than a bound for a reader that does not
 * read: such a reader is cut, and the caller's signal aborts the work.
 *
 * SSE1  ids are 1, 2, 3 … without a gap.
 * SSE2  nothing is sent before the first event or heartbeat, so an early error keeps its HTTP
 *       status.
 * SSE3  after `done` or `error` nothing follows.
 */

import type { ServerResponse } from "node:http";
import { errorBody, type FreshetError } from "../contract/errors.ts";
import type { Answer, AnswerEvent } from "../contract/query.ts";

export interface EventStreamOptions {
  readonly response: ServerResponse;
  readonly headers: Readonly<Record<string, string>>;
  readonly bufferBytesMax: number;
  readonly heartbeatMs: number;
  /** Called when the reader was cut; the work for it is to be aborted. */
  readonly onCut: () => void;
}

export class EventStream {
  readonly #options: EventStreamOptions;
  readonly #heartbeat: NodeJS.Timeout;
  #id = 0;
  #state: "waiting" | "open" | "closed" = "waiting";

  constructor(options: EventStreamOptions) {
    this.#options = options;
    this.#heartbeat = setInterval(() => this.#write(": still here\n\n"), options.heartbeatMs);
  }

  /** Whether the response has begun: from then on an error is an event, not a status. */
  get begun(): boolean {
    return this.#state !== "waiting";
  }

  /** `finish` ends the stream, once the answer is complete and checked. */
  send(event: AnswerEvent): void {
    switch (event.type) {
      case "retrieval":
        return this.#event("retrieval", { sources: event.sources, coverage: event.coverage });
      case "delta":
        return this.#event("delta", { text: event.text });
    }
  }

  finish(answer: Answer): void {
    this.#event("done", answer);
    this.#end();
  }

  fail(error: FreshetError): void {
    this.#event("error", errorBody(error));
    this.#end();
  }

  /** Lets go of the response without having begun it. */
  abandon(): void {
    clearInterval(this.#heartbeat);
    this.#state = "closed";
  }

  #event(name: string, data: unknown): void {
    this.#id += 1;
    this.#write(`id: ${this.#id}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  #write(text: string): void {
    const { response, bufferBytesMax, onCut } = this.#options;
    if (this.#state === "closed" || response.destroyed) return this.abandon();
    if (this.#state === "waiting") this.#begin();
    response.write(text);
    if (response.writableLength <= bufferBytesMax) return;
    this.abandon();
    response.destroy();
    onCut();
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

  #end(): void {
    const open = this.#state === "open";
    this.abandon();
    if (open) this.#options.response.end();
  }
}
