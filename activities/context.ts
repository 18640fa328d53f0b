/** What every activity needs of the place it runs in; src/temporal provides Temporal's, tests their own. */

import type { ColdShard } from "../src/cold/port.ts";
import type { Log } from "../src/log/port.ts";
import type { Logger, Metrics } from "../src/observe/port.ts";
import type { Clock } from "../src/runtime/clock.ts";

/** Objects done of those to do. */
export interface ActivityProgress {
  readonly done: number;
  readonly total: number;
}

export interface MergePorts {
  readonly log: Log;
  readonly cold: ColdShard;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Tells Temporal that the activity lives and how far it is. */
  readonly heartbeat: (progress: ActivityProgress) => void;
  /** Aborts when the activity was cancelled or timed out: its effects must end soon, not at once. */
  readonly signal: () => AbortSignal | undefined;
}
