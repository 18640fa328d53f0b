import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { boards } from "../../ops/grafana/boards.ts";
import { dashboardOf } from "../../ops/grafana/dashboard.ts";
import { errorTable } from "../../src/contract/errors.ts";
import { createMetrics } from "../../src/observe/metrics.ts";

interface Rule {
  readonly record?: string;
  readonly alert?: string;
  readonly expr: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

interface RuleTest {
  readonly alert_rule_test?: readonly {
    readonly alertname: string;
    readonly exp_alerts: readonly unknown[];
  }[];
}

const folder = join(import.meta.dirname, "../../ops/prometheus");
const read = (name: string): unknown => parse(readFileSync(join(folder, name), "utf8"));
const rulesOf = (name: string): readonly Rule[] =>
  (read(name) as { groups: { rules: Rule[] }[] }).groups.flatMap(({ rules }) => rules);
const recorded = rulesOf("recording.yml");
const alerts = rulesOf("alerts.yml");

/** Those of others, by the job that brings them. */
const foreign = new Set(["up", "process_cpu_seconds_total", "go_sched_gomaxprocs_threads"]);

/** Names that Freshet's own metrics page has, without the values. */
async function ownNames(): Promise<ReadonlySet<string>> {
  const metrics = createMetrics();
  const text = await metrics.metricsText();
  metrics.close();
  const families = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)];
  return new Set(
    families.flatMap(([, name = "", type]) =>
      type === "histogram" ? ["_bucket", "_count", "_sum"].map((end) => name + end) : [name],
    ),
  );
}

const metricPattern = /(?<![\w$"{])[a-z][a-z0-9_:]*(?=[{[)\s<>=/*-]|$)/g;
const words =
  /\b(?:sum|max|min|by|rate|increase|and|or|vector|time|topk|bool|le|histogram_quantile)\b/;
const labelLists = /by \([^)]*\)/g;
const matchers = /\{[^}]*\}/g;

function metricsIn(expr: string): readonly string[] {
  const bare = expr
    .replaceAll(labelLists, "")
    .replaceAll(matchers, "{}")
    .replaceAll(/\[[^\]]*\]/g, "[]");
  return [...bare.matchAll(metricPattern)]
    .map(([name]) => name)
    .filter((name) => !words.test(name));
}

describe("rules and boards", () => {
  it("ask for metrics and recorded series that exist, and each for one at least", async () => {
    const own = await ownNames();
    const series = new Set(recorded.map(({ record }) => record));
    const asked = [
      ...[...recorded, ...alerts].map(({ expr }) => expr),
      ...boards.flatMap(({ panels }) =>
        panels.flatMap(({ queries }) => queries.map((q) => q.expr)),
      ),
    ];
    for (const expr of asked) {
      const names = metricsIn(expr);
      expect(names, expr).not.toEqual([]);
      const unknown = names.filter((n) => !own.has(n) && !series.has(n) && !foreign.has(n));
      expect(unknown, expr).toEqual([]);
    }
  });

  it("are found out when they ask for something else", async () => {
    expect(metricsIn('sum by (le) (rate(freshet_gone_total{a="b"}[5m])) > 0.3')).toEqual([
      "freshet_gone_total",
    ]);
    expect((await ownNames()).has("freshet_gone_total")).toBe(false);
  });

  it("have for each alert a case that fires and one that stays silent", () => {
    const { tests } = read("alerts.test.yml") as { tests: RuleTest[] };
    const cases = tests.flatMap(({ alert_rule_test = [] }) => alert_rule_test);
    for (const { alert } of alerts) {
      const own = cases.filter(({ alertname }) => alertname === alert);
      expect(
        own.some(({ exp_alerts }) => exp_alerts.length > 0),
        alert,
      ).toBe(true);
      expect(
        own.some(({ exp_alerts }) => exp_alerts.length === 0),
        alert,
      ).toBe(true);
    }
  });

  it("say for each alert what to do, and name runbooks that exist", () => {
    for (const { alert, annotations } of alerts) {
      const what = annotations?.["what_to_do"] ?? "";
      expect(what.length, alert).toBeGreaterThan(10);
      const runbook = /ops\/runbooks\/\S+\.md/.exec(what)?.[0];
      if (runbook !== undefined) readFileSync(join(import.meta.dirname, "../..", runbook));
    }
  });

  it("count as errors of ours what the error table says is no mistake of the caller", () => {
    const ours = Object.entries(errorTable)
      .filter(([code, { status }]) => status >= 500 || code === "overloaded")
      .map(([code]) => code);
    const rules = recorded.filter(({ record }) => record?.startsWith("freshet:answer_errors"));
    expect(rules).toHaveLength(4);
    for (const { expr } of rules) {
      const counted = /outcome=~"([^"]+)"/.exec(expr)?.[1]?.split("|");
      expect(counted?.sort()).toEqual(ours.sort());
    }
  });

  it("have a bucket at every bound that a rule asks a histogram for", async () => {
    const metrics = createMetrics();
    metrics.observe("question_seconds", 0.1, { tenant: "a" });
    metrics.observe("canary_visible_seconds", 0.1, { partition: "0" });
    const text = await metrics.metricsText();
    metrics.close();
    expect(text).toContain('freshet_question_seconds_bucket{le="0.3",tenant="a"} 1');
    const bounds = recorded.flatMap(({ expr }) => [
      ...expr.matchAll(/(freshet_\w+_bucket)\{le="([\d.]+)"/g),
    ]);
    expect(bounds).not.toHaveLength(0);
    for (const [, name, le] of bounds) expect(text).toContain(`${name}{le="${le}"`);
  });

  it("lie beside their source as they are generated from it", () => {
    for (const board of boards) {
      const file = join(import.meta.dirname, `../../ops/grafana/boards/${board.uid}.json`);
      expect(JSON.parse(readFileSync(file, "utf8"))).toEqual(dashboardOf(board));
    }
  });
});
