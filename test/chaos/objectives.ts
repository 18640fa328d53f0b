/**
 * The objectives under chaos: Prometheus with the rules of ops/prometheus scrapes the engines, and
 * what its burn-rate alerts said is compared with what askers and a prober saw (burn-rate.ts).
 *
 * Owns: Prometheus, and every sample of the run. Never: has an opinion where the samples have none.
 */

import { setTimeout as sleep } from "node:timers/promises";
import { startObservation } from "../../ops/servers/observe.ts";
import { burnRules, expectedAt, type Objective, type Outcome, type Sample } from "./burn-rate.ts";

export interface Objectives {
  sample(objective: Objective, outcome: Outcome): void;
  /** Looks at the alerts from the beginning until now. */
  judge(): Promise<ObjectivesResult>;
  stop(): Promise<void>;
}

export interface ObjectivesResult {
  /** By alert, moments that are 15 s apart. */
  readonly judged: Readonly<Record<string, Judged>>;
  readonly samples: Readonly<Record<Objective, Readonly<Record<Outcome, number>>>>;
  /** Moments at which an alert said something else. */
  readonly wrong: readonly string[];
}

interface Judged {
  /** The samples said that it should fire, or be silent; at the others they said neither. */
  readonly firing: number;
  readonly silent: number;
  /** It did fire. */
  readonly fired: number;
}

interface Range {
  readonly metric: { readonly alertname: string };
  readonly values: readonly (readonly [atS: number, value: string])[];
}

const stepMs = 15_000;

/** @throws where there is no Prometheus on PATH */
export async function watchObjectives(options: {
  readonly directory: string;
  readonly engines: readonly string[];
}): Promise<Objectives> {
  const said: string[] = [];
  const observation = await startObservation({
    ...{ dataDir: options.directory, say: (line: string) => said.push(line) },
    env: { PATH: process.env["PATH"] ?? "" },
  });
  await observation.watch(options.engines);
  const prometheus = observation.shown.find(([name]) => name === "Prometheus")?.[1];
  if (prometheus === undefined) {
    await observation.stop();
    throw new Error(`--observe takes prometheus on PATH: ${said.join("; ")}`);
  }
  const begunMs = Date.now();
  const samples: Sample[] = [];
  return {
    sample: (objective, outcome) => void samples.push({ objective, outcome, atMs: Date.now() }),
    async judge() {
      const endedMs = Date.now();
      await sleep(stepMs);
      const fired = await firedBetween(prometheus, begunMs, endedMs);
      return compare(samples, fired, momentsBetween(begunMs, endedMs));
    },
    stop: () => observation.stop(),
  };
}

function momentsBetween(fromMs: number, toMs: number): readonly number[] {
  const count = Math.floor((toMs - fromMs) / stepMs);
  return Array.from({ length: count }, (_, at) => fromMs + (at + 1) * stepMs);
}

/** `alert at`, by moments. */
async function firedBetween(
  prometheus: string,
  fromMs: number,
  toMs: number,
): Promise<ReadonlySet<string>> {
  const asked = new URLSearchParams({
    query: 'ALERTS{alertname=~"Freshet(Freshness|Answer)Burns.*",alertstate="firing"}',
    ...{ start: String((fromMs + stepMs) / 1000), end: String(toMs / 1000) },
    step: String(stepMs / 1000),
  });
  const response = await fetch(`${prometheus}/api/v1/query_range?${asked}`);
  const { data } = (await response.json()) as { readonly data: { readonly result: Range[] } };
  return new Set(
    data.result.flatMap(({ metric, values }) =>
      values.map(([atS]) => keyOf(metric.alertname, atS * 1000)),
    ),
  );
}

const keyOf = (alert: string, atMs: number): string => `${alert} ${Math.round(atMs)}`;

/** Pure. */
export function compare(
  samples: readonly Sample[],
  fired: ReadonlySet<string>,
  moments: readonly number[],
): ObjectivesResult {
  const judged: Record<string, Judged> = {};
  const wrong: string[] = [];
  for (const rule of burnRules) {
    const counts = { firing: 0, silent: 0, fired: 0 };
    for (const atMs of moments) {
      const isFiring = fired.has(keyOf(rule.alert, atMs));
      if (isFiring) counts.fired += 1;
      const expected = expectedAt(rule, samples, atMs);
      if (expected === "unsure") continue;
      counts[expected] += 1;
      if (isFiring === (expected === "firing")) continue;
      const at = new Date(atMs).toISOString();
      wrong.push(`${rule.alert} ${isFiring ? "fired" : "was silent"} at ${at}`);
    }
    judged[rule.alert] = counts;
  }
  const countsOf = (objective: Objective) => {
    const counts = { good: 0, bad: 0, unknown: 0 };
    for (const sample of samples) if (sample.objective === objective) counts[sample.outcome] += 1;
    return counts;
  };
  const both = { freshness: countsOf("freshness"), answers: countsOf("answers") };
  return { judged, samples: both, wrong };
}
