/** Metrics that a test can look at: what was counted, over all labels. */

import type { CounterName, Metrics } from "../../src/contract/observation.ts";

export interface CountingMetrics extends Metrics {
  counted(name: CounterName): number;
}

export function countingMetrics(): CountingMetrics {
  const counts = new Map<CounterName, number>();
  return {
    count: (name, _labels, by = 1) => void counts.set(name, (counts.get(name) ?? 0) + by),
    observe: () => {},
    set: () => {},
    counted: (name) => counts.get(name) ?? 0,
  };
}
