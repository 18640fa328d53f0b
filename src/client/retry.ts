/**
 * When an attempt is made again: after failures that pass by themselves, and only requests whose
 * repetition changes nothing.
 */

import { FreshetError } from "./errors.ts";

/** What passes in the world outside; tests give their own. */
export interface Surroundings {
  sleep(ms: number, signal: AbortSignal | undefined): Promise<void>;
  /** 0 to 1. */
  random(): number;
}

export interface Retries {
  readonly attemptsMax: number;
  readonly pauseMinMs: number;
  readonly pauseMaxMs: number;
  /** The longest time that the engine may ask for before an attempt is repeated. */
  readonly waitMaxMs: number;
}

const usualRetries: Retries = {
  ...{ attemptsMax: 4, pauseMinMs: 100, pauseMaxMs: 5_000 },
  waitMaxMs: 60_000,
};

/** What was left undefined, or is no number, is as usual: else attempts would have no end. */
export function retriesOf(given: Partial<Retries> = {}): Retries {
  const numbers = Object.entries(given).filter(([, value]) => !Number.isNaN(Number(value)));
  return { ...usualRetries, ...Object.fromEntries(numbers) };
}

/** They have used up the time that the caller gave: to wait again is the caller's choice. */
const tookTheTime: ReadonlySet<string> = new Set(["not_visible_yet", "deadline_exceeded"]);

export function isPassing(thrown: unknown): thrown is FreshetError {
  return thrown instanceof FreshetError && thrown.retryable && !tookTheTime.has(thrown.code);
}

export interface RetryOptions {
  readonly retries: Retries;
  readonly surroundings: Surroundings;
  readonly signal: AbortSignal | undefined;
}

export async function withRetries<Result>(
  attempt: () => Promise<Result>,
  options: RetryOptions,
): Promise<Result> {
  for (let made = 1; ; made += 1) {
    try {
      return await attempt();
    } catch (thrown) {
      if (made >= options.retries.attemptsMax || !isPassing(thrown)) throw thrown;
      if (isTooLong(thrown.retryAfterMs, options.retries)) throw thrown;
      await pause(made, thrown.retryAfterMs, options);
    }
  }
}

/** A quota may ask for many minutes: whether to wait so long is the caller's choice. */
export function isTooLong(retryAfterMs: number | undefined, { waitMaxMs }: Retries): boolean {
  return retryAfterMs !== undefined && retryAfterMs > waitMaxMs;
}

/** What the engine says, else twice as long each time; never the same for many clients at once. */
export async function pause(
  made: number,
  retryAfterMs: number | undefined,
  { retries, surroundings, signal }: RetryOptions,
): Promise<void> {
  const grown = Math.min(retries.pauseMinMs * 2 ** (made - 1), retries.pauseMaxMs);
  const ms = (retryAfterMs ?? grown) * (1 + surroundings.random() / 2);
  await surroundings.sleep(ms, signal);
  signal?.throwIfAborted();
}

export const ordinarySurroundings: Surroundings = {
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
  random: () => Math.random(),
};
