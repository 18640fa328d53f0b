import { describe, expect, it } from "vitest";
import { measured, type Report, type Row, reportJson, reportText, skipped } from "./report.ts";
import { targetOf, verdictOf } from "./targets.ts";

const numbers = { unit: "ms", p50: 1, p99: 2, n: 5 };

function reportOf(...rows: Row[]): Report {
  return {
    bench: "hot",
    machine: { cpu: "a processor" },
    versions: { node: "24.0.0" },
    settings: { threads: "one" },
    rows,
  };
}

describe("a row", () => {
  it("has the ratio of its value to its reference", () => {
    const row = measured({ ...numbers, name: "hot.search_vs_hnswlib.1k", value: 3, against: 2 });
    expect(row.ratio).toBe(1.5);
  });

  it("without a reference has no ratio, and its target applies to the value", () => {
    const row = measured({ ...numbers, name: "pipeline.event_loop_p99_ms", value: 9 });
    expect(row).toMatchObject({ against: null, ratio: null });
    expect(verdictOf(row)).toBe("met");
    expect(verdictOf({ ...row, value: 11 })).toBe("missed");
  });

  it("with a reference is judged by its ratio, whatever the value", () => {
    const name = "embed.worker_vs_raw";
    expect(verdictOf(measured({ ...numbers, name, value: 95, against: 100 }))).toBe("met");
    expect(verdictOf(measured({ ...numbers, name, value: 94, against: 100 }))).toBe("missed");
  });

  it("that could not be measured is skipped, neither met nor missed", () => {
    const row = skipped("embed.vs_packaged", "documents/s", "no network");
    expect(verdictOf(row)).toBe("skipped");
    expect(reportText(reportOf(row))).toContain("embed.vs_packaged: skipped: no network");
  });

  it("of a family shares the family's target", () => {
    expect(targetOf("hot.recall.50k")).toEqual({ direction: "at least", bound: 0.98 });
    expect(targetOf("hot.search_with_words.10k")).toBeUndefined();
    expect(targetOf("quality.fused.cranfield")).toBeUndefined();
  });
});

describe("a report", () => {
  const missed = measured({ ...numbers, name: "hot.write_vs_hnswlib", value: 3, against: 2 });

  it("marks a missed target", () => {
    const line = reportText(reportOf(missed))
      .split("\n")
      .find((text) => text.startsWith("hot.write"));
    expect(line).toContain("MISSED");
    expect(line).toContain("<= 0.2");
  });

  it("says machine, versions and settings", () => {
    const text = reportText(reportOf(missed));
    for (const fact of ["a processor", "24.0.0", "one"]) expect(text).toContain(fact);
  });

  it("as JSON holds every field of every row", () => {
    const { bench, machine, versions, rows } = JSON.parse(reportJson(reportOf(missed))) as Report;
    expect({ bench, machine, versions }).toEqual({
      bench: "hot",
      machine: { cpu: "a processor" },
      versions: { node: "24.0.0" },
    });
    expect(rows[0]).toMatchObject({ ...missed, verdict: "missed", target: "at most 0.2" });
  });
});
