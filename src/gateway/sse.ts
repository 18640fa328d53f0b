/**
 * A streamed answer as server-sent events: `retrieval`, `delta`…, then `done` or `error`.
 *
 * SSE1  ids are 1, 2, 3 … without a gap.
 */

import { errorBody, type FreshetError } from "../contract/errors.ts";
import type { Answer, AnswerEvent } from "../contract/query.ts";
import { SseResponse, type SseResponseOptions } from "./sse-response.ts";

export class EventStream {
  readonly #response: SseResponse;
  #id = 0;

  constructor(options: SseResponseOptions) {
    this.#response = new SseResponse(options);
  }

  /** Whether the response has begun: from then on an error is an event, not a status. */
  get begun(): boolean {
    return this.#response.begun;
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
    this.#response.end();
  }

  fail(error: FreshetError): void {
    this.#event("error", errorBody(error));
    this.#response.end();
  }

  /** Lets go of the response without having begun it. */
  abandon(): void {
    this.#response.abandon();
  }

  #event(name: string, data: unknown): void {
    this.#id += 1;
    this.#response.write(`id: ${this.#id}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
  }
}
