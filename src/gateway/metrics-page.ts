/** Metrics in the form that a scraper asks for. */

export interface ShownMetrics {
  metricsText(): Promise<string>;
  readonly contentType: string;
  /** With exemplars; undefined where there is no such form. */
  readonly openMetrics?: () => Promise<MetricsPage>;
}

export interface MetricsPage {
  readonly text: string;
  readonly contentType: string;
}

export async function metricsPage(metrics: ShownMetrics, accept = ""): Promise<MetricsPage> {
  const isOpen = accept.includes("application/openmetrics-text");
  if (isOpen && metrics.openMetrics !== undefined) return metrics.openMetrics();
  return { text: await metrics.metricsText(), contentType: metrics.contentType };
}
