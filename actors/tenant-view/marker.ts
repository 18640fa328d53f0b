/**
 * Whether cold is believed to hold the marker of one watermark. Cold can be restored to an older
 * state, or lose a disk, at any time: what was seen is believed for a moment, and only then. A look
 * that comes to nothing, because cold is away, prolongs it for nobody: it may come back empty.
 */

export class MarkerBelief {
  readonly #everyMs: number;
  /** Until when it is believed to be there; undefined while it was not found. */
  #believedToMs: number | undefined;

  /** @param everyMs how long a marker that was found is believed to be there */
  constructor(everyMs: number) {
    this.#everyMs = everyMs;
  }

  /** @param lookedAtMs when the look that found it began: it may have lasted */
  found(lookedAtMs: number): void {
    this.#believedToMs = Math.max(this.#believedToMs ?? 0, lookedAtMs + this.#everyMs);
  }

  missing(): void {
    this.#believedToMs = undefined;
  }

  /** True when it is believed to be there; undefined when who asks has to look. */
  seen(nowMs: number): true | undefined {
    const isBelieved = this.#believedToMs !== undefined && nowMs < this.#believedToMs;
    return isBelieved ? true : undefined;
  }
}
