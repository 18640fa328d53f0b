/**
 * Bounded concurrency for a producer that goes through a long list: at most `max` tasks run, and
 * those of one key run one after the other in the order they were started.
 *
 * Tasks deal with their own errors; the first that throws nevertheless ends `start` or `idle`.
 */
export class InFlight {
  readonly #max: number;
  readonly #running = new Set<Promise<void>>();
  readonly #keys = new Map<string, Promise<void>>();
  #failure: { readonly error: unknown } | undefined;

  constructor(max: number) {
    this.#max = max;
  }

  /** Resolves once the task runs, so that a caller who awaits it is held back by the bound. */
  async start(key: string, task: () => Promise<void>): Promise<void> {
    await this.#keys.get(key);
    while (this.#running.size >= this.#max) await Promise.race(this.#running);
    this.#throwIfFailed();
    const run = task()
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => {
        this.#running.delete(run);
        this.#keys.delete(key);
      });
    this.#running.add(run);
    this.#keys.set(key, run);
  }

  /** Resolves when nothing runs any more. */
  async idle(): Promise<void> {
    await Promise.all(this.#running);
    this.#throwIfFailed();
  }

  #throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
