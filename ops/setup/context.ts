import { join } from "node:path";
import type { Environment } from "./cache.ts";
import { withLock } from "./lock.ts";
import type { Progress } from "./progress.ts";
import type { Pins, PlatformPins } from "./versions.ts";

/** What every set-up step needs to know. */
export interface SetupContext {
  readonly env: Environment;
  readonly cache: string;
  readonly progress: Progress;
  readonly pins: Pins;
  readonly platform: PlatformPins;
}

/** Runs one installation while no other process of this user does the same one. */
export function exclusively<T>(
  context: SetupContext,
  step: string,
  work: () => Promise<T>,
): Promise<T> {
  return withLock(join(context.cache, "locks", step), work, (owner) => {
    context.progress.update(step, `waiting for process ${owner}, which is installing it`);
  });
}
