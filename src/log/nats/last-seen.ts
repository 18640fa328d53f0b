/**
 * What this process has seen of a stream, and whether the stream can still be the same one. Pure
 * bookkeeping.
 *
 * A copy from an earlier moment says the same about itself as the stream that it replaces: same
 * incarnation, same configuration. Only who saw more of it can tell them apart, for as long as it
 * lives.
 *
 *   LN1  what was seen only grows, and only by what the log confirmed: an ack, a delivery, or a
 *        look that was found right. So a wrong stream never teaches what a right one is then
 *        measured by;
 *   LN2  the number of messages is not enough: a copy that was written to meanwhile may be longer.
 *        So the newest message whose time is known is remembered too, and must still be the one
 *        with that time.
 */

export interface SeenMessage {
  readonly seq: number;
  /** Server time of its storing, unix milliseconds. */
  readonly atMs: number;
}

/** Two ways to cut nanoseconds to milliseconds may differ by one. */
const timeToleranceMs = 1;

export class LastSeenTail {
  #highest: number;
  #message: SeenMessage | undefined;

  /** `base`: the sequence before the stream's first. */
  constructor(base: number) {
    this.#highest = base;
  }

  /** The highest sequence that the log has confirmed to this process. */
  get highest(): number {
    return this.#highest;
  }

  /** The newest message whose time is known. */
  get message(): SeenMessage | undefined {
    return this.#message;
  }

  saw(seq: number, atMs?: number): void {
    if (seq > this.#highest) this.#highest = seq;
    if (atMs !== undefined && seq > (this.#message?.seq ?? 0)) this.#message = { seq, atMs };
  }
}

/**
 * Is `foundAtMs`, the time of what the stream has under the sequence of a message that was seen,
 * that message? One that is no longer there was purged: retention does that, and a copy that
 * re-used the sequence would have another.
 */
export function isSameMessage(seen: SeenMessage, foundAtMs: number | undefined): boolean {
  return foundAtMs === undefined || Math.abs(foundAtMs - seen.atMs) <= timeToleranceMs;
}
