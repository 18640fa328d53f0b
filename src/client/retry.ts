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
  /** Of a clock that only runs forward. */
  nowMs(): number;
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
  /** Of a publish: it is sent again only while that changes nothing. */
  readonly key?: SentKey | undefined;
}

/**
 * How long the engine is relied on to know a key, from the moment that something may have been
 * stored under it: two minutes, less an attempt that takes its time.
 */
const keyKnownMs = 100_000;

/** So many were too many: nothing was stored by that attempt. */
const storedNothing: ReadonlySet<string> = new Set(["overloaded", "quota_exceeded"]);

/** What may have become of a key that was sent (CL1). */
export class SentKey {
  readonly #surroundings: Surroundings;
  #maybeStoredMs: number | undefined;

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings;
  }

  /** @param begunMs the attempt */
  failed({ code, status }: FreshetError, begunMs: number): void {
    if (storedNothing.has(code) || status === 429) return;
    this.#maybeStoredMs ??= begunMs;
  }

  /** Whether an attempt after such a wait might store it once more. */
  isForgottenAfter(waitMs: number): boolean {
    if (this.#maybeStoredMs === undefined) return false;
    return this.#surroundings.nowMs() + waitMs - this.#maybeStoredMs > keyKnownMs;
  }
}

export async function withRetries<Result>(
  attempt: () => Promise<Result>,
  options: RetryOptions,
): Promise<Result> {
  for (let made = 1; ; made += 1) {
    const begunMs = options.surroundings.nowMs();
    try {
      return await attempt();
    } catch (thrown) {
      if (thrown instanceof FreshetError) options.key?.failed(thrown, begunMs);
      if (made >= options.retries.attemptsMax || !isPassing(thrown)) throw thrown;
      if (!(await pauseOrGiveUp(made, thrown.retryAfterMs, options))) throw thrown;
    }
  }
}

/** A quota may ask for many minutes: whether to wait so long is the caller's choice. */
function isTooLong(retryAfterMs: number | undefined, { waitMaxMs }: Retries): boolean {
  return retryAfterMs !== undefined && retryAfterMs > waitMaxMs;
}

/** False, at once, where another attempt is not worth the wait or might be one too many. */
export async function pauseOrGiveUp(
  made: number,
  retryAfterMs: number | undefined,
  options: RetryOptions,
): Promise<boolean> {
  if (isTooLong(retryAfterMs, options.retries)) return false;
  const ms = pauseMs(made, retryAfterMs, options);
  if (options.key?.isForgottenAfter(ms) === true) return false;
  await sleepFor(ms, options);
  return true;
}

export async function pause(
  made: number,
  retryAfterMs: number | undefined,
  options: RetryOptions,
): Promise<void> {
  await sleepFor(pauseMs(made, retryAfterMs, options), options);
}

/** What the engine says, else twice as long each time; never the same for many clients at once. */
function pauseMs(
  made: number,
  retryAfterMs: number | undefined,
  { retries, surroundings }: RetryOptions,
): number {
  const grown = Math.min(retries.pauseMinMs * 2 ** (made - 1), retries.pauseMaxMs);
  return (retryAfterMs ?? grown) * (1 + surroundings.random() / 2);
}

async function sleepFor(ms: number, { surroundings, signal }: RetryOptions): Promise<void> {
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
  nowMs: () => performance.now(),
};
