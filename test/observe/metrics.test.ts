import { afterEach, describe, expect, it } from "vitest";
import { createMetrics, type PromMetrics } from "../../src/observe/metrics.ts";

const open: PromMetrics[] = [];

function metrics(tenantLabelsMax?: number): PromMetrics {
  const made = createMetrics({ tenantLabelsMax });
  open.push(made);
  return made;
}

afterEach(() => {
  for (const made of open.splice(0)) made.close();
});

describe("metrics", () => {
  it("gives the first tenants a label of their own and counts all others together", async () => {
    const made = metrics(2);
    for (const tenant of ["a", "b", "c", "d", "a"]) {
      made.count("questions_total", { tenant, outcome: "answered" });
    }
    const lines = (await made.metricsText())
      .split("\n")
      .filter((line) => line.startsWith("freshet_questions_total{"));
    expect(lines.sort()).toEqual([
      'freshet_questions_total{tenant="a",outcome="answered"} 2',
      'freshet_questions_total{tenant="b",outcome="answered"} 1',
      'freshet_questions_total{tenant="other",outcome="answered"} 2',
    ]);
  });

  it("bounds tenants across metrics, not for each one anew", async () => {
    const made = metrics(1);
    made.count("questions_total", { tenant: "a", outcome: "answered" });
    made.set("hot_chunks", 7, { tenant: "b" });
    expect(await made.metricsText()).toContain('freshet_hot_chunks{tenant="other"} 7');
  });

  it("has a bucket bound at the promised 60 ms to visible", async () => {
    const made = metrics();
    made.observe("visible_seconds", 0.05, { tenant: "a" });
    made.observe("visible_seconds", 0.07, { tenant: "a" });
    expect(await made.metricsText()).toContain(
      'freshet_visible_seconds_bucket{le="0.06",tenant="a"} 1',
    );
  });

  it("refuses a label that the metric does not have", () => {
    expect(() => metrics().count("embed_failures_total", { tenant: "a" } as never)).toThrow(
      /label/i,
    );
  });

  it("reports the delay of the event loop since the last scrape", async () => {
    const made = metrics();
    await new Promise((resolve) => setTimeout(resolve, 30));
    const until = performance.now() + 90;
    while (performance.now() < until);
    await new Promise((resolve) => setTimeout(resolve, 30));
    const text = await made.metricsText();
    const value = /^freshet_event_loop_delay_seconds\{quantile="1"\} (\S+)$/m.exec(text)?.[1];
    expect(Number(value)).toBeGreaterThan(0.04);
  });

  it("carries the process defaults under the same prefix", async () => {
    expect(await metrics().metricsText()).toMatch(/^freshet_process_resident_memory_bytes \d+/m);
  });
});
