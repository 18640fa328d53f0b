/** Pure: what may be removed from a tenant's log. */

import type { Position, Version } from "../../src/contract/ids.ts";

export interface RetentionStanding {
  /**
   * Version of the tenant's newest record: everything up to it is decided. Of several generations
   * the lowest.
   */
  readonly cursor: Version;
  /** Cold equals the log up to here, as the manifest says after a second look (`confirmedTo`). */
  readonly confirmed: Position;
  /** The same, as cold itself says; 0 when it says nothing. */
  readonly markedTo: Position;
  /** The first of DOCS and of CHUNKS that is younger than the replay window. */
  readonly youngVersion: Version;
  readonly youngPosition: Position;
}

export interface RetentionBounds {
  /** What lies below may go; the message at the bound stays. */
  readonly docs: Version;
  readonly chunks: Position;
}

/**
 * Operations go when they are old and their records are there. Records go when they are old and
 * cold holds them, by the word of both sides: what cold lost must still be there to repair it from.
 */
export function retentionBounds(standing: RetentionStanding): RetentionBounds {
  const { cursor, confirmed, markedTo, youngVersion, youngPosition } = standing;
  return {
    docs: Math.min(cursor, youngVersion) as Version,
    chunks: Math.min(confirmed, markedTo, youngPosition) as Position,
  };
}
