/** Time as a dependency: everything that waits or stamps takes a Clock, so that tests drive it. */

export interface Clock {
  /** Wall clock, unix milliseconds: for stamps that people or other machines read. */
  nowMs(): number;
  /** Never goes back: for durations and for anything that safety depends on. */
  monotonicMs(): number;
  /**
   * Resolves after `ms`, or at once when `signal` aborts: sleepers look at the signal themselves.
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /**
   * Resolves in a turn of the event loop of its own. Await it before a long computation: however
   * many there are, messages and timers are served between two of them. In the order of the calls;
   * takes microseconds when no other computation waits.
   */
  turn(): Promise<void>;
}

/** The last turn that was promised. */
let lastTurn: Promise<void> = Promise.resolve();

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
  turn: () => {
    // One after the other: immediates that are set together all run within the same turn.
    lastTurn = lastTurn.then(() => new Promise((resolve) => setImmediate(resolve)));
    return lastTurn;
  },
};
