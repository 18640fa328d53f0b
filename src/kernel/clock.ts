/** Time as a dependency: everything that waits or stamps takes a Clock, so that tests drive it. */

export interface Clock {
  /** Wall clock, unix milliseconds: for stamps that people or other machines read. */
  nowMs(): number;
  /** Never goes back: for durations and for anything that safety depends on. */
  monotonicMs(): number;
  /** Resolves after `ms`, or at once when `signal` aborts: sleepers look at the signal themselves. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted === true) return resolve();
      const timer = setTimeout(done, ms);
      signal?.addEventListener("abort", done, { once: true });
      function done(): void {
        clearTimeout(timer);
        signal?.removeEventListener("abort", done);
        resolve();
      }
    }),
};
