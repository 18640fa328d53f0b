/**
 * Whether the copy of a stream that an endless read lives beside stays behind the stream's leader
 * (NP5). A consumer of a cluster is told that all is well by a copy that gets nothing new, also
 * with its heartbeats.
 */

import { type NatsContext, oldestMessage } from "./connection.ts";

/** What it has to know of the read: where that begins, and of what. */
interface WatchedRead {
  readonly stream: string;
  readonly filter: string | readonly string[];
  readonly start: number | "newest-of-each" | { readonly sinceMs: number };
}

export class CopyWatch {
  readonly #context: NatsContext;
  readonly #request: WatchedRead;
  /** No message for this read lies between its cursor and here, the leader has said. */
  #emptyTo = 0;
  /** What the leader had at the last look, and the read has not had yet. */
  #missing = 0;

  constructor(context: NatsContext, request: WatchedRead) {
    this.#context = context;
    this.#request = request;
  }

  /**
   * Asked after a pull without a message, with the sequence of the last one that came. True when
   * what the leader had at an earlier look has not come in a whole pull since. Who cannot be asked
   * says nothing.
   */
  async isBehind(cursorSeq: number): Promise<boolean> {
    if (this.#missing > cursorSeq) return true;
    this.#missing = 0;
    const { stream, filter, start } = this.#request;
    // What it skips on purpose looks like what it has missed.
    if (typeof start === "object" && cursorSeq === 0) return false;
    const from = Math.max(cursorSeq, this.#emptyTo) + 1;
    try {
      const { state } = await this.#context.jsm.streams.info(stream);
      const found = await Promise.all(
        [filter].flat().map((subject) => oldestMessage(this.#context, { stream, subject, from })),
      );
      this.#missing = Math.max(0, ...found.map((message) => message?.seq ?? 0));
      if (this.#missing === 0) this.#emptyTo = state.last_seq;
    } catch {
      // An election, or a server that is away: the read itself has its own signs of both.
    }
    return false;
  }
}
