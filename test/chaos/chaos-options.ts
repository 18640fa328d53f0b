/** What a chaos run is told. */

import type { Tools } from "../../ops/setup/ensure-tools.ts";
import type { PlannedFault, PlannedKind } from "./faults.ts";
import type { Random } from "./random.ts";

export interface ChaosOptions {
  readonly seed: number;
  readonly nodes: number;
  readonly natsServers: 1 | 3;
  readonly weaviates: 1 | 3;
  readonly tenants: number;
  /** The first tenant is taken through builds, cut-overs and rollbacks. */
  readonly generations: boolean;
  /** Time of the storms together with their rests. */
  readonly durationMs: number;
  readonly stormMs: number;
  readonly publishers: number;
  /** Mean pause of one publisher. */
  readonly publishEveryMs: number;
  readonly readers: number;
  readonly directory: string;
  readonly tools: Tools;
  /** A copy of the repository with a planted bug. */
  readonly repository?: string | undefined;
  /** What happens, given the kinds that this machine permits. */
  readonly plan: (kinds: readonly PlannedKind[], random: Random) => readonly PlannedFault[];
  readonly say: (line: string) => void;
  /** Prometheus looks on, and its alerts are judged; faults come in the middle half of the run. */
  readonly observe?: boolean | undefined;
}
