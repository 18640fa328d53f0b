/**
 * Bounded concurrency for a producer that goes through a long list: at most `max` tasks run, and
 * those of one key run one after the other in the order they were started.
 *
 * Tasks deal with their own errors; the first that throws nevertheless ends `start` or `idle`.
 */
export class KeyedTaskPool {
  readonly #max: number;
  readonly #running = new Set<Promise<void>>();
  readonly #keys = new Map<string, Promise<void>>();
  #admitted: Promise<void> = Promise.resolve();
  #failure: { readonly error: unknown } | undefined;

  constructor(max: number) {
    this.#max = max;
  }

  /**
   * Resolves once the task runs, so that a caller who awaits it is held back by the bound. Tasks
   * are let in strictly in the order of the calls, also of callers who do not await.
   */
  start(key: string, task: () => Promise<void>): Promise<void> {
    const admitted = this.#admitted.then(() => this.#admit(key, task));
    this.#admitted = admitted.catch(() => undefined);
    return admitted;
  }

  /** Resolves when nothing runs any more. */
  async idle(): Promise<void> {
    await this.#admitted;
    await Promise.all(this.#running);
    this.#throwIfFailed();
  }

  async #admit(key: string, task: () => Promise<void>): Promise<void> {
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

  #throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
