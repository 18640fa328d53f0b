/** Publishers: as fast as the engine takes it, and at a rate. */

import { setTimeout as sleep } from "node:timers/promises";
import { random } from "../hot/documents.ts";
import type { BenchEngine } from "./engine.ts";

/** Documents under way at once: more than a tenant's queue in the engine, so that it never runs dry. */
const underWayMax = 320;

export interface Publishing {
  readonly target: Pick<BenchEngine, "publish">;
  /** The text of the n-th document of this run of the publisher. */
  readonly textOf: (index: number) => string;
  /** Ids start with it; not used twice. */
  readonly prefix: string;
}

/** Publishes `count` documents and waits until the last is visible. */
export async function publishAll(options: Publishing & { readonly count: number }): Promise<void> {
  const { target, textOf, prefix, count } = options;
  const indexes = Array.from({ length: count }, (_, index) => index).values();
  const lane = async (): Promise<void> => {
    for (const index of indexes)
      await target.publish({ id: `${prefix}-${index}`, text: textOf(index) });
  };
  await Promise.all(Array.from({ length: underWayMax }, lane));
}

/** Keeps the engine full until the signal; resolves when everything that was published is visible. */
export async function saturate(
  options: Publishing & { readonly signal: AbortSignal; readonly lanes?: number },
): Promise<number> {
  const { target, textOf, prefix, signal, lanes = underWayMax } = options;
  let next = 0;
  const lane = async (): Promise<void> => {
    while (!signal.aborted) {
      const index = next;
      next += 1;
      await target.publish({ id: `${prefix}-${index}`, text: textOf(index) });
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return next;
}

/**
 * Open loop: documents arrive at random (Poisson, seeded) at a mean rate, whether or not the ones before
 * are visible. Returns the milliseconds from when each was due to when it was heard of.
 */
export async function publishAtRate(
  options: Publishing & { readonly perSecond: number; readonly seconds: number },
): Promise<readonly number[]> {
  const { target, textOf, prefix, perSecond, seconds } = options;
  const next = random(Buffer.from(prefix).reduce((seed, byte) => seed * 31 + byte, 7));
  const begun = performance.now();
  const results: Promise<number>[] = [];
  let dueMs = 0;
  for (let index = 0; dueMs < seconds * 1000; index += 1) {
    dueMs += (-Math.log(1 - next()) / perSecond) * 1000;
    const waitMs = begun + dueMs - performance.now();
    if (waitMs > 0) await sleep(waitMs);
    // From when it was due, so that a publisher that lags does not hide what it caused.
    const due = begun + dueMs;
    const document = { id: `${prefix}-${index}`, text: textOf(index) };
    const result = target.publish(document).then((at) => at - due);
    // A failure is thrown at the end; until then it may not count as unhandled.
    result.catch(() => undefined);
    results.push(result);
  }
  return Promise.all(results);
}
