/**
 * A file that stands for "a command is changing this": the command that makes it is alone with what
 * lies beside it until it removes it.
 */

import { openSync } from "node:fs";
import { limits } from "../contract/limits.ts";
import { systemClock } from "./clock.ts";

/**
 * Waits for the command that has it: scripts that make several keys at once should not lose any.
 * @returns its descriptor, to close before the file is removed
 * @throws NodeJS.ErrnoException (`isHeld`) when another command has it for long
 */
export async function takeLock(path: string): Promise<number> {
  const until = systemClock.monotonicMs() + limits.lockFileWaitMs;
  for (;;) {
    try {
      return openSync(path, "wx", 0o600);
    } catch (thrown) {
      if (!isHeld(thrown) || systemClock.monotonicMs() >= until) throw thrown;
      await systemClock.sleep(limits.lockFileRetryMs);
    }
  }
}

/** Whether the lock could not be had because another command has it, or was killed with it. */
export function isHeld(thrown: unknown): boolean {
  return (thrown as NodeJS.ErrnoException).code === "EEXIST";
}
