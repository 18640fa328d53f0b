/**
 * Health of the services beside the engine, looked at in the background: a status request must not
 * wait for a service that hangs.
 *
 * Owns: the latest result of each check. Never: decides what a service being down means.
 */

import type { EngineStatus } from "../contract/service.ts";
import type { Clock } from "../runtime/clock.ts";
import { late, waitAtMost } from "../runtime/deadline.ts";
import { raceAbort } from "../runtime/race-abort.ts";

type Services = EngineStatus["services"];
type ServiceName = keyof Services;
type State = NonNullable<Services[ServiceName]>;

export interface HealthOptions {
  readonly clock: Clock;
  /** Also the longest that one check may take. */
  readonly everyMs: number;
  /** Resolves when the service answers; undefined when there is no such service here. */
  readonly checks: { readonly [Name in ServiceName]?: (() => Promise<unknown>) | undefined };
}

export interface HealthChecks {
  readonly states: () => Services;
  stop(): Promise<void>;
}

export function startHealthChecks({ clock, everyMs, checks }: HealthOptions): HealthChecks {
  const ending = new AbortController();
  const states = new Map<ServiceName, State>();
  const names = Object.keys(checks) as ServiceName[];
  const state = (name: ServiceName): State =>
    states.get(name) ?? (checks[name] === undefined ? "none" : "down");
  const loops = names.map(async (name) => {
    const check = checks[name];
    if (check === undefined) return;
    while (!ending.signal.aborted) {
      states.set(name, await isUp(check, { clock, everyMs, signal: ending.signal }));
      await clock.sleep(everyMs, ending.signal);
    }
  });
  return {
    states: () => ({
      log: state("log"),
      cold: state("cold"),
      temporal: state("temporal"),
      model: state("model"),
      ...(checks.embedding === undefined
        ? {}
        : { embedding: state("embedding") === "up" ? ("up" as const) : ("down" as const) }),
    }),
    stop: async () => {
      ending.abort();
      await Promise.all(loops);
    },
  };
}

async function isUp(
  check: () => Promise<unknown>,
  { clock, everyMs, signal }: { clock: Clock; everyMs: number; signal: AbortSignal },
): Promise<State> {
  const answered = raceAbort(check(), signal).then(
    (): State => "up",
    (): State => "down",
  );
  const state = await waitAtMost(clock, everyMs, answered);
  return state === late ? "down" : state;
}
