/**
 * What all parts of the memory log share: whether it answers at all, and the wake-up of its
 * readers.
 */

import { FreshetError } from "../../contract/errors.ts";

export class Availability {
  #available = true;
  #identity = true;
  #closed = false;
  readonly #waiting = new Set<() => void>();

  /** Every call begins here (ML2, ML3). */
  async pass(): Promise<void> {
    await Promise.resolve();
    if (this.#closed) throw new FreshetError("log_unavailable", "the log is closed");
    if (!this.#available) throw new FreshetError("log_unavailable");
  }

  checkIdentity(): void {
    if (!this.#identity) throw new FreshetError("log_identity");
  }

  /** A read without end that ends by itself would look like a log without news. */
  endRead(signal: AbortSignal): void {
    if (!signal.aborted) throw new FreshetError("log_unavailable", "the log is closed");
  }

  get open(): boolean {
    return !this.#closed;
  }

  get available(): boolean {
    return this.#available;
  }

  setAvailable(available: boolean): void {
    this.#available = available;
    this.wake();
  }

  setIdentity(right: boolean): void {
    this.#identity = right;
    this.wake();
  }

  close(): void {
    this.#closed = true;
    this.wake();
  }

  /** Readers look again. */
  wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resume of waiting) resume();
  }

  /** Resolves at the next wake-up, or when the signal aborts. */
  changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const resume = (): void => {
        this.#waiting.delete(resume);
        signal.removeEventListener("abort", resume);
        resolve();
      };
      if (signal.aborted) return resolve();
      this.#waiting.add(resume);
      signal.addEventListener("abort", resume, { once: true });
    });
  }
}
