/**
 * Whether cold is believed to hold the marker of one watermark. Cold can be restored to an older
 * state at any time, so now and then one question looks again while the others go on believing.
 */

export class MarkerBelief {
  readonly #everyMs: number;
  /** When a question has to look again; undefined while the marker was not found. */
  #lookAtMs: number | undefined;

  /** @param everyMs how long a marker that was found is believed to be there */
  constructor(everyMs: number) {
    this.#everyMs = everyMs;
  }

  found(nowMs: number): void {
    this.#lookAtMs = nowMs + this.#everyMs;
  }

  missing(): void {
    this.#lookAtMs = undefined;
  }

  /** True when it is believed to be there; undefined when the question that asks has to look. */
  seen(nowMs: number): true | undefined {
    if (this.#lookAtMs === undefined) return undefined;
    if (nowMs < this.#lookAtMs) return true;
    this.#lookAtMs = nowMs + this.#everyMs;
    return undefined;
  }
}
