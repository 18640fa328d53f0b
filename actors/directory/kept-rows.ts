/**
 * What a tenant's view keeps in memory although cold has it for good, as others see it: when it was
 * asked for last, and how to take it away.
 *
 * A plain object, not an actor: a publisher's operation needs the room at once. The view and those
 * who take run on one thread, and taking is one step between two messages of the view.
 */
export class KeptRows {
  /** Monotonic milliseconds of the tenant's last question; written by its view. */
  askedAtMs = Number.NEGATIVE_INFINITY;
  #evict: (() => void) | undefined;

  /** For the view: from here on it is the one that keeps. */
  heldBy(evict: () => void): void {
    this.#evict = evict;
  }

  heldByNone(): void {
    this.#evict = undefined;
  }

  /** Drops all that is kept; its memory is free when this returns. */
  evict(): void {
    this.#evict?.();
  }
}
