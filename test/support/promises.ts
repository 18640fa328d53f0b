/** What tests of all kinds do with promises: wait for one that holds, read why one failed. */

import { setTimeout as sleep } from "node:timers/promises";
import { FreshetError } from "../../src/contract/errors.ts";

/** A failure that `eventually` does not try again. */
export class Final extends Error {
  constructor(cause: unknown) {
    super("final", { cause });
  }
}

/**
 * The check, again and again in real time, until it passes; the test's own time limit bounds it, its
 * last failure is shown.
 */
export async function eventually(check: () => Promise<void> | void): Promise<void> {
  const attemptsMax = 1_500;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await check();
    } catch (thrown) {
      if (thrown instanceof Final) throw thrown.cause;
      if (attempt === attemptsMax) throw thrown;
      await sleep(50);
    }
  }
}

/** The code that a promise fails with; `none` when it does not fail. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "none";
  } catch (thrown) {
    return thrown instanceof FreshetError ? thrown.code : String(thrown);
  }
}
