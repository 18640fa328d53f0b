/** Heads: how the newest version of every document is cut into pieces and runs. */

import { below, type Relations } from "./relation.ts";
import { MiB } from "./units.ts";

export const headsLimits = {
  /** One piece: 24 bytes an entry, below `max_payload` of a stock server (1 MiB). */
  headsPieceEntriesMax: 32_768,
  /** Pieces read at once: some megabytes, and the round trips of a large tenant are hidden. */
  headsPiecesInFlight: 8,
  /** Up to so many entries the heads are one run: 96 KiB to write, one piece to read. */
  headsOneRunEntriesMax: 4_096,
  /**
   * Runs of a size before they become one: an entry is written once a tier, seven runs are read.
   */
  headsRunsPerTier: 8,
  /** Runs smaller than this are of one size. */
  headsRunEntriesMin: 512,
} as const;

export const headsRelations: Relations = {
  "a heads piece is a message that a stock server takes": [
    below(headsLimits.headsPieceEntriesMax * 24, 1 * MiB),
  ],
};
