/** The rows of the query bench. Pure: what was measured in, rows out. */

import { type Asked, perSecond, refusalsOf, stagesOf, together } from "./query-load.ts";
import type { StateName } from "./query-options.ts";
import type { Latencies, Rates, UnderIngest } from "./query-sides.ts";
import { foreignCoverage } from "./query-site.ts";
import { measured, type Row } from "./report.ts";
import { median, percentile } from "./stats.ts";

/** Ratio and addition that an answer from cold may cost beyond the two searches of Weaviate. */
const overWeaviate = { times: 1.3, plusMs: 3 };

const spread = (ms: readonly number[]) => ({
  p50: percentile(ms, 0.5),
  p99: percentile(ms, 0.99),
  n: ms.length,
});

const notes = (...parts: readonly (string | undefined)[]): { readonly note?: string } => {
  const said = parts.filter((part) => part !== undefined);
  return said.length === 0 ? {} : { note: said.join("; ") };
};

function latencyRow(name: string, asked: Asked, against?: readonly number[]): Row {
  const { ms } = asked;
  const reference = against === undefined || against.length === 0 ? null : median(against);
  return {
    ...measured({ name, unit: "ms", value: median(ms), against: reference, ...spread(ms) }),
    ...notes(`p50 by stage, ms: ${stagesOf(asked)}`, refusalsOf(asked)),
  };
}

/** By state of the tenant that the rows with targets are of. */
export type ByState<Value> = ReadonlyMap<StateName, Value>;

export function latencyRows(
  rounds: ByState<readonly Asked[]>,
  { rawMs, embedMs, weaviateMs }: Pick<Latencies, "rawMs" | "embedMs" | "weaviateMs">,
): readonly Row[] {
  const rows: Row[] = [];
  for (const [state, asked] of rounds) {
    const all = together(asked);
    const row = latencyRow(`query.${state}.p50_ms`, all);
    const strange = foreignCoverage({ state }, all.cold);
    rows.push(strange === undefined ? row : { ...row, ...notes(row.note, strange) });
    if (state === "hot" || state === "resident") {
      rows.push(latencyRow(`query.${state}.p50_vs_raw`, all, rawMs));
    }
    if (state === "cold" && weaviateMs.length > 0) rows.push(overWeaviateRow(all, weaviateMs));
  }
  const [half, cold] = [rounds.get("half"), rounds.get("cold")];
  if (half !== undefined && cold !== undefined) rows.push(halfRow(half, cold));
  const lane = { name: "query.raw.embed_and_index_ms", unit: "ms", value: median(rawMs) };
  rows.push({
    ...measured({ ...lane, ...spread(rawMs) }),
    ...notes(`embedding alone ${median(embedMs).toFixed(2)} ms`),
  });
  if (weaviateMs.length > 0) {
    const alone = { name: "query.raw.weaviate_ms", unit: "ms", value: median(weaviateMs) };
    rows.push(measured({ ...alone, ...spread(weaviateMs) }));
  }
  return rows;
}

/** The allowance is the reference, so that the ratio is at most 1 where the target is met. */
function overWeaviateRow(asked: Asked, weaviateMs: readonly number[]): Row {
  const alone = median(weaviateMs);
  const { times, plusMs } = overWeaviate;
  const name = "query.cold.over_weaviate";
  const against = alone * times + plusMs;
  const { ms, timings } = asked;
  const cold = percentile(
    timings.map((timing) => timing.cold),
    0.5,
  );
  return {
    ...measured({ name, unit: "ms", value: median(ms), against, ...spread(ms) }),
    ...notes(
      `against ${times} x ${alone.toFixed(2)} + ${plusMs} ms: near-vector and BM25 of Weaviate alone, at once`,
      `stage cold ${cold.toFixed(2)} ms, ${(cold / alone).toFixed(2)} x`,
    ),
  };
}

/** The median over the rounds of each round's 99th percentile. */
const p99OfRounds = (rounds: readonly Asked[]): number =>
  median(rounds.map(({ ms }) => percentile(ms, 0.99)));

function halfRow(half: readonly Asked[], cold: readonly Asked[]): Row {
  const { ms } = together(half);
  const name = "query.half.p99_vs_cold";
  const [value, against] = [p99OfRounds(half), p99OfRounds(cold)];
  return measured({ name, unit: "ms", value, against, ...spread(ms) });
}

export function rateRows(
  state: StateName,
  { nats, httpOne, httpWide, cpuMs }: Rates,
  rawPerSecond: readonly number[],
): readonly Row[] {
  const rows: Row[] = [];
  for (const [inFlight, asked] of nats) {
    const name = inFlight === 16 ? "max_qps" : `qps_at_${inFlight}`;
    const rates = asked.map(perSecond);
    const { ms } = together(asked);
    const row = { name: `query.${state}.${name}`, unit: "/s", value: median(rates) };
    rows.push({
      ...measured({ ...row, p50: median(rates), p99: percentile(rates, 0.01), n: ms.length }),
      ...notes(latencyNote(ms), refusalsOf(together(asked))),
    });
    if (inFlight === 16 && rawPerSecond.length > 0) {
      const against = median(rawPerSecond);
      const ratio = { ...row, name: `query.${state}.max_qps_vs_raw`, against };
      rows.push(
        measured({ ...ratio, p50: median(rates), p99: percentile(rates, 0.01), n: ms.length }),
      );
    }
  }
  const answered = [...nats.values()].flat().reduce((sum, { ms }) => sum + ms.length, 0);
  const cpu = { name: `query.${state}.engine_cpu_ms`, unit: "ms", value: cpuMs, n: answered };
  rows.push({
    ...measured({ ...cpu, p50: null, p99: null }),
    note: "CPU time of the engine a question, all threads, embedding included",
  });
  rows.push(latencyRow(`query.${state}.http_p50_ms`, httpOne));
  const wide = { name: `query.${state}.http_max_qps`, unit: "/s", value: perSecond(httpWide) };
  rows.push({
    ...measured({ ...wide, p50: null, p99: null, n: httpWide.ms.length }),
    ...notes(latencyNote(httpWide.ms), refusalsOf(httpWide)),
  });
  return rows;
}

const latencyNote = (ms: readonly number[]): string =>
  `latency p50 ${percentile(ms, 0.5).toFixed(1)}, p99 ${percentile(ms, 0.99).toFixed(1)} ms`;

/** The same two figures for a size that has no targets. */
export function sizeRows(
  named: { readonly state: StateName; readonly size: string },
  one: Asked,
  wide: Asked,
): readonly Row[] {
  const { state, size } = named;
  const rate = { name: `query.${state}.max_qps.${size}`, unit: "/s", value: perSecond(wide) };
  return [
    latencyRow(`query.${state}.p50_ms.${size}`, one),
    {
      ...measured({ ...rate, p50: null, p99: null, n: wide.ms.length }),
      ...notes(latencyNote(wide.ms), refusalsOf(wide)),
    },
  ];
}

/** What an answer costs beyond its model's time and a search. */
export function modelRow(state: StateName, asked: Asked, delayMs: number): Row {
  const own = asked.ms.map((ms) => ms - delayMs);
  const row = { name: `query.${state}.answer_over_model_ms`, unit: "ms", value: median(own) };
  return {
    ...measured({ ...row, ...spread(own) }),
    ...notes(`the model thinks for ${delayMs} ms`, `by stage, ms: ${stagesOf(asked)}`),
  };
}

export function ingestRow(state: StateName, { idle, full, documents }: UnderIngest): Row {
  const { ms } = together(full);
  const p99s = full.map((asked) => percentile(asked.ms, 0.99).toFixed(1));
  const rates = { value: p99OfRounds(full), against: p99OfRounds(idle) };
  return {
    ...measured({ name: "query.under_ingest_p99_vs_idle", unit: "ms", ...rates, ...spread(ms) }),
    ...notes(
      `state ${state}`,
      `p99 of each round ${p99s.join(", ")} ms`,
      `${documents} documents of another tenant meanwhile`,
      `by stage, ms: ${stagesOf(together(full))}`,
      refusalsOf(together([...idle, ...full])),
    ),
  };
}

/** A refused question counts as one that is never answered. */
export function openRow(
  state: StateName,
  asked: Asked,
  load: { readonly rate: number; readonly openSeconds: number },
): Row {
  const refused = [...asked.refused.values()].reduce((sum, count) => sum + count, 0);
  const { ms } = asked;
  const share = 0.999;
  const reached = (share * (ms.length + refused)) / Math.max(1, ms.length);
  const value = reached > 1 ? Number.POSITIVE_INFINITY : percentile(ms, reached);
  const name = `query.${state}.open_${load.rate}_p999_ms`;
  return {
    ...measured({ name, unit: "ms", value, ...spread(ms) }),
    ...notes(
      `${load.rate} questions/s for ${load.openSeconds} s, 40 % repeated, from when each was due`,
      refusalsOf(asked) ?? "none refused",
    ),
  };
}
