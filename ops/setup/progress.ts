/** One line per set-up step: what is done, how much, how long it took. */

export interface Progress {
  /** A step begins. `what` says it in a few words, sizes included ("installing 2.15.1, 7 MB"). */
  start(step: string, what: string): void;
  /** A step still runs; for steps of minutes. */
  update(step: string, what: string): void;
  /** A step is done; a step that had nothing to do never starts and is only reported done. */
  done(step: string, what: string): void;
  warn(step: string, what: string): void;
}

export const silentProgress: Progress = {
  start: () => undefined,
  update: () => undefined,
  done: () => undefined,
  warn: () => undefined,
};

/** Progress as plain lines, in the form that ops/bootstrap.sh uses too. */
export function lineProgress(write: (line: string) => void, nowMs: () => number): Progress {
  const startedMs = new Map<string, number>();
  const line = (step: string, what: string) => write(`[set-up] ${step}: ${what}\n`);
  return {
    start(step, what) {
      startedMs.set(step, nowMs());
      line(step, what);
    },
    update: (step, what) => line(step, `${what} (${seconds(step)})`),
    done(step, what) {
      const took = startedMs.has(step) ? ` in ${seconds(step)}` : "";
      startedMs.delete(step);
      line(step, `${what}${took}`);
    },
    warn: (step, what) => line(step, `warning: ${what}`),
  };

  function seconds(step: string): string {
    const elapsedMs = nowMs() - (startedMs.get(step) ?? nowMs());
    return `${Math.max(0.1, elapsedMs / 1000).toFixed(1)} s`;
  }
}
