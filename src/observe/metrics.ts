/**
 * Metrics of a node for Prometheus. Owns one registry; never takes a label it does not know, and
 * never lets tenants grow the number of series: the first `limits.tenantLabelsMax` get their own
 * label, all later ones count together as `other`.
 */

import { monitorEventLoopDelay } from "node:perf_hooks";
import {
  Counter,
  collectDefaultMetrics,
  Gauge,
  Histogram,
  type OpenMetricsContentType,
  Registry,
} from "prom-client";
import { isNamedCanary } from "../contract/canary.ts";
import { limits } from "../contract/limits.ts";
import type {
  CounterName,
  GaugeName,
  HistogramName,
  Measured,
  Metrics,
} from "../contract/observation.ts";
import { counters, gauges, histograms, type Instrument } from "./instruments.ts";

const prefix = "freshet_";

type Labels = Readonly<Record<string, string>>;

export interface MetricsPage {
  readonly text: string;
  readonly contentType: string;
}

export interface PromMetrics extends Metrics {
  /** Prometheus text format. */
  metricsText(): Promise<string>;
  readonly contentType: string;
  /** The same for scrapers that ask for OpenMetrics, with exemplars. */
  openMetrics(): Promise<MetricsPage>;
  /** Stops the event-loop monitor. */
  close(): void;
}

export function createMetrics(options: { tenantLabelsMax?: number | undefined } = {}): PromMetrics {
  const registry = new Registry();
  // prom-client has exemplars in a registry of this kind alone.
  const open = new Registry<OpenMetricsContentType>();
  open.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  collectOfProcess(registry);
  const eventLoop = watchEventLoop(registry);
  const bound = boundTenants(options.tenantLabelsMax ?? limits.tenantLabelsMax);
  const common = ([name, { help, labels }]: readonly [string, Instrument]) => ({
    name: prefix + name,
    help,
    labelNames: [...labels],
    registers: [registry],
  });
  const counter = build(counters, (entry) => new Counter(common(entry)));
  const gauge = build(gauges, (entry) => new Gauge(common(entry)));
  const histogram = build(histograms, (entry) => {
    const { buckets = [], hasExemplars } = entry[1];
    const options = { ...common(entry), buckets: [...buckets] };
    if (hasExemplars === undefined) return new Histogram(options);
    const made = new Histogram({ ...options, registers: [open], enableExemplars: true });
    registry.registerMetric(made);
    return made;
  });
  return {
    count(name: CounterName, labels: Labels = {}, by = 1) {
      counter[name].inc(bound(labels), by);
    },
    observe(name: HistogramName, measured: Measured, labels: Labels = {}) {
      const { value, traceId } =
        typeof measured === "number" ? { value: measured, traceId: undefined } : measured;
      if (!hasExemplars(name)) return histogram[name].observe(bound(labels), value);
      const exemplar = traceId === undefined ? {} : { exemplarLabels: { trace_id: traceId } };
      histogram[name].observe({ labels: bound(labels), value, ...exemplar });
    },
    begin(name: HistogramName, labels: Labels = {}) {
      histogram[name].zero(bound(labels));
    },
    set(name: GaugeName, value: number, labels: Labels = {}) {
      gauge[name].set(bound(labels), value);
    },
    metricsText: () => registry.metrics(),
    contentType: registry.contentType,
    openMetrics: () => openMetrics(registry, open),
    close: () => eventLoop.disable(),
  };
}

/**
 * What prom-client tells of a process, but for its own look at the event loop: every 10 ms, which
 * was most of what woke an idle engine, and ours tells the same.
 */
function collectOfProcess(register: Registry): void {
  const lag = `${prefix}nodejs_eventloop_lag`;
  collectDefaultMetrics({ register, prefix, eventLoopMonitoringPrecision: neverMs });
  for (const { name } of register.getMetricsAsArray()) {
    if (name.startsWith(lag)) register.removeSingleMetric(name);
  }
}

/** A timer may be as long, and nobody waits for it. */
const neverMs = 2 ** 31 - 1;

const hasExemplars = (name: HistogramName): boolean =>
  (histograms[name] as Instrument).hasExemplars === true;

/** By hand: the registry's own form renames counters for good, also in the other form. */
async function openMetrics(
  registry: Registry,
  open: Registry<OpenMetricsContentType>,
): Promise<MetricsPage> {
  const names = registry.getMetricsAsArray().map(({ name }) => name);
  const texts = names.map(async (name) => {
    if (open.getSingleMetric(name) !== undefined) return open.getSingleMetricAsString(name);
    const text = await registry.getSingleMetricAsString(name);
    return text.replaceAll(/^(# (?:HELP|TYPE) \S+?)_total /gm, "$1 ");
  });
  const text = `${(await Promise.all(texts)).join("\n")}\n# EOF\n`;
  return { text, contentType: Registry.OPENMETRICS_CONTENT_TYPE };
}

function build<Name extends string, Made>(
  instruments: Readonly<Record<Name, Instrument>>,
  make: (entry: readonly [string, Instrument]) => Made,
): Readonly<Record<Name, Made>> {
  const made = Object.entries<Instrument>(instruments).map((entry) => [entry[0], make(entry)]);
  return Object.fromEntries(made) as Record<Name, Made>;
}

/**
 * A tenant keeps the label it got first, so a series never changes its meaning. Those of the canary
 * share one, so that objectives of users leave them out.
 */
function boundTenants(max: number): (labels: Labels) => Labels {
  const known = new Set<string>();
  return (labels) => {
    const tenant = labels["tenant"];
    if (tenant === undefined || known.has(tenant)) return labels;
    if (isNamedCanary(tenant)) return { ...labels, tenant: "canary" };
    if (known.size >= max) return { ...labels, tenant: "other" };
    known.add(tenant);
    return labels;
  };
}

/**
 * How often the event loop is looked at. Each look wakes an idle process: once a millisecond cost
 * over two per cent of a core, more than all else of an engine that has nothing to do.
 */
const lookEveryMs = 20;

/**
 * A gauge for each quantile, over the time since the last scrape: a spike is seen once, not for
 * ever.
 */
function watchEventLoop(registry: Registry): ReturnType<typeof monitorEventLoopDelay> {
  const monitor = monitorEventLoopDelay({ resolution: lookEveryMs });
  monitor.enable();
  new Gauge({
    name: `${prefix}event_loop_delay_seconds`,
    help: "delay of the event loop since the last scrape",
    labelNames: ["quantile"],
    registers: [registry],
    collect() {
      // What is recorded is the time from look to look.
      const seconds = (nanoseconds: number) =>
        monitor.count === 0 ? 0 : Math.max(0, nanoseconds / 1e9 - lookEveryMs / 1e3);
      this.set({ quantile: "0.5" }, seconds(monitor.percentile(50)));
      this.set({ quantile: "0.99" }, seconds(monitor.percentile(99)));
      this.set({ quantile: "1" }, seconds(monitor.max));
      monitor.reset();
    },
  });
  return monitor;
}
