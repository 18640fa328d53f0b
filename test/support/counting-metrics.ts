/** Metrics that a test can look at: what was counted, over all labels or under some. */

import type { CounterName, GaugeName, Metrics } from "../../src/contract/observation.ts";

type Labels = Readonly<Record<string, string>>;

export interface CountingMetrics extends Metrics {
  counted(name: CounterName, labels?: Labels): number;
  /** What a gauge was set to last. */
  gauge(name: GaugeName, labels?: Labels): number | undefined;
}

export function countingMetrics(): CountingMetrics {
  const counts: { readonly name: CounterName; readonly labels: Labels; readonly by: number }[] = [];
  const gauges: { readonly name: GaugeName; readonly labels: Labels; readonly value: number }[] =
    [];
  const has =
    (name: string, wanted: Labels) =>
    (entry: { readonly name: string; readonly labels: Labels }): boolean =>
      entry.name === name &&
      Object.entries(wanted).every(([label, value]) => entry.labels[label] === value);
  return {
    count: (name, labels = {} as never, by = 1) => void counts.push({ name, labels, by }),
    observe: () => {},
    begin: () => {},
    set: (name, value, labels = {} as never) => void gauges.push({ name, labels, value }),
    counted: (name, labels = {}) =>
      counts.filter(has(name, labels)).reduce((sum, { by }) => sum + by, 0),
    gauge: (name, labels = {}) => gauges.findLast(has(name, labels))?.value,
  };
}
