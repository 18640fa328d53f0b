/**
 * Which entries of the lease store are no longer renewed, by this process's own monotonic clock:
 * what the server's clock says of their age may be wrong in both directions. Pure: times come with
 * the calls.
 *
 *   LW1  an entry is stale when its revision was seen twice, and between the answer to the first
 *        look and the sending of the second a lease time passed here: less than what passed between
 *        the two looks at the server;
 *   LW2  a clock that stood still makes it stale later, never sooner.
 */

/** When a look was sent and when its answer was here, monotonic milliseconds. */
export interface LookTimes {
  readonly sentMs: number;
  readonly answeredMs: number;
}

interface Seen {
  readonly revision: number;
  readonly sinceMs: number;
  readonly stale: boolean;
}

export class LeaseWatch<Key> {
  readonly #leaseMs: number;
  readonly #seen = new Map<Key, Seen>();

  constructor(leaseMs: number) {
    this.#leaseMs = leaseMs;
  }

  /** Says whether the entry is stale by now. */
  see(key: Key, revision: number, { sentMs, answeredMs }: LookTimes): boolean {
    const before = this.#seen.get(key);
    const sinceMs = before?.revision === revision ? before.sinceMs : answeredMs;
    const stale = sentMs - sinceMs >= this.#leaseMs;
    this.#seen.set(key, { revision, sinceMs, stale });
    return stale;
  }

  /** What the last look at it said. */
  isStale(key: Key): boolean {
    return this.#seen.get(key)?.stale ?? false;
  }

  /** Forgets what is not there any more. */
  keepOnly(keys: ReadonlySet<Key>): void {
    for (const key of this.#seen.keys()) if (!keys.has(key)) this.#seen.delete(key);
  }
}
