import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { createMetrics, type PromMetrics } from "../../src/observe/metrics.ts";
import { eventually } from "../support/promises.ts";

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

  it("has a bound at 300 ms for questions, which alerts are about", async () => {
    const made = metrics();
    for (const seconds of [0.29, 0.31]) made.observe("question_seconds", seconds, { tenant: "a" });
    expect(await made.metricsText()).toContain(
      'freshet_question_seconds_bucket{le="0.3",tenant="a"} 1',
    );
  });

  it("names the trace of a measurement in its bucket, for those who ask for OpenMetrics", async () => {
    const made = metrics();
    const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
    made.observe("question_seconds", { value: 0.29, traceId }, { tenant: "a" });
    made.observe("question_seconds", { value: 0.6, traceId: undefined }, { tenant: "a" });
    made.count("questions_total", { tenant: "a", outcome: "answered" });
    const plain = await made.metricsText();
    const { text, contentType } = await made.openMetrics();
    expect(contentType).toMatch(/^application\/openmetrics-text/);
    const exemplars = text.split("\n").filter((line) => line.includes(" # {"));
    expect(exemplars).toEqual([
      expect.stringMatching(
        new RegExp(
          `^freshet_question_seconds_bucket\\{le="0.3",tenant="a"\\} 1 # \\{trace_id="${traceId}"\\} 0.29 `,
        ),
      ),
    ]);
    expect(text).toContain("# TYPE freshet_questions counter\n");
    expect(text).toContain('freshet_questions_total{tenant="a",outcome="answered"} 1\n');
    expect(text.endsWith("\n# EOF\n")).toBe(true);
    expect(text).not.toMatch(/\n\n/);
    // The other form is as it was.
    expect(plain).toContain("# TYPE freshet_questions_total counter\n");
    expect(plain).not.toContain("trace_id");
    const families = (page: string) => page.match(/^# TYPE /gm)?.length;
    expect(families(text)).toBe(families(plain));
  });

  it("refuses a label that the metric does not have", () => {
    expect(() => metrics().count("embed_failures_total", { tenant: "a" } as never)).toThrow(
      /label/i,
    );
  });

  it("reports the delay of the event loop since the last scrape", async () => {
    const made = metrics();
    // A look of the monitor lies before and after what blocks only when the machine lets it.
    await eventually(async () => {
      await sleep(30);
      const until = performance.now() + 90;
      while (performance.now() < until);
      await sleep(30);
      const text = await made.metricsText();
      const value = /^freshet_event_loop_delay_seconds\{quantile="1"\} (\S+)$/m.exec(text)?.[1];
      expect(Number(value)).toBeGreaterThan(0.04);
    });
  });

  it("carries the process defaults under the same prefix", async () => {
    expect(await metrics().metricsText()).toMatch(/^freshet_process_resident_memory_bytes \d+/m);
  });

  it("looks at the event loop once: each look wakes a process that has nothing to do", async () => {
    expect(await metrics().metricsText()).not.toContain("eventloop_lag");
  });
});
