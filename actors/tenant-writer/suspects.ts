/**
 * Pure: which operations are suspected of having ended the process (T7).
 *
 * The operations right after the cursor may have been in flight when the last owner ended. A
 * journal entry counts the lives that began with the same ones: each life that finds it again ended
 * before it was done with them, for whatever reason. The life before the first entry counts too,
 * since it left them.
 */

import type { Epoch, Version } from "../../src/contract/ids.ts";
import type { Attempts } from "../../src/log/dead-letter-port.ts";

export interface Backlog {
  readonly entry: Attempts | null;
  readonly cursor: Version;
  readonly epoch: Epoch;
  /** Versions right after the cursor: at least one, at most as many as are in flight at once. */
  readonly versions: readonly [Version, ...Version[]];
}

/** The entry to store before any of the backlog is taken in. */
export function attemptsOf({ entry, cursor, epoch, versions }: Backlog): Attempts {
  if (entry === null || entry.upTo <= cursor) {
    return { upTo: versions.at(-1) ?? versions[0], lives: 1, epoch };
  }
  // A tenant that starts again under the same lease is no new life of its owner.
  return entry.epoch === epoch ? entry : { ...entry, lives: entry.lives + 1, epoch };
}

/** Operations up to here are suspects; undefined while too few lives have ended on them. */
export function suspectsTo({ upTo, lives }: Attempts, attemptsMax: number): Version | undefined {
  return lives >= attemptsMax ? upTo : undefined;
}
