/** What every activity needs of the place it runs in: Temporal, this process, or a test. */

import type { ColdShard } from "../src/cold/port.ts";
import type { Logger, Metrics } from "../src/contract/observation.ts";
import type { Log } from "../src/log/port.ts";
import type { Clock } from "../src/runtime/clock.ts";

/** Objects done, of those to do. */
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
  /** Tells Temporal that the activity is alive, and how far it is. */
  readonly heartbeat: (progress: ActivityProgress) => void;
  /** Aborts when the activity was cancelled or timed out: its effects must end soon. */
  readonly signal: () => AbortSignal | undefined;
}

/**
 * Now, for a step that removes something for good: the earlier of the log's clock, by which records
 * are stamped, and this worker's. A worker that is three days ahead would purge the whole replay
 * window, and one that is 90 s ahead would delete what an owner that lags still shows (CS2); a
 * server whose clock was set forward does neither as long as the worker's is right.
 * @throws FreshetError log_unavailable
 */
export async function logNowMs({ log, clock }: MergePorts): Promise<number> {
  return Math.min(await log.nowMs(), clock.nowMs());
}

type Method = (...args: readonly unknown[]) => Promise<unknown>;

/**
 * Ports whose effects all refuse once the attempt was cancelled or timed out: another one may be at
 * work, and knows more. Reading is still allowed.
 */
export function silentOnceEnded(ports: MergePorts): MergePorts {
  const guard = <Port extends object>(port: Port, effects: readonly (keyof Port)[]): Port =>
    new Proxy(port, {
      get(target, key) {
        const value: unknown = Reflect.get(target, key);
        if (typeof value !== "function") return value;
        // Bound: the adapters keep their state in private fields, which a proxy does not have.
        const method = (value as Method).bind(target);
        if (!effects.includes(key as keyof Port)) return method;
        return async (...args: readonly unknown[]) => {
          ports.signal()?.throwIfAborted();
          return method(...args);
        };
      },
    });
  const { log, cold } = ports;
  return {
    ...ports,
    cold: guard(cold, [
      ...(["ensureTenant", "upsert", "rewrite", "renewTerms"] as const),
      ...(["deleteIds", "writeMarker"] as const),
    ]),
    log: {
      ...log,
      manifests: guard(log.manifests, ["commit", "putPiece", "sweepPieces"]),
    },
  };
}
