/**
 * Pure: which operations are suspected of having ended the process (T7).
 *
 * The operations right behind the cursor may have been in hand when the last owner ended. A journal entry counts the
 * lives that began with the same ones: each that finds it again has ended before it was done with them, whatever the
 * reason. The life before the first entry counts too, since it left them.
 */

import type { Epoch, Version } from "../../src/contract/ids.ts";
import type { Attempts } from "../../src/log/dead-letter-port.ts";

export interface Backlog {
  readonly entry: Attempts | null;
  readonly cursor: Version;
  readonly epoch: Epoch;
  /** Versions of the operations right behind the cursor, at least one and as many as may be in hand at once. */
  readonly versions: readonly [Version, ...Version[]];
}

/** The entry to be stored before any of the backlog is taken in. */
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
