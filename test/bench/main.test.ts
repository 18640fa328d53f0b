import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import type { Report } from "./report.ts";

const program = fileURLToPath(new URL("./main.ts", import.meta.url));

function bench(...parameters: string[]) {
  return spawnSync(process.execPath, [program, ...parameters], { encoding: "utf8" });
}

describe("the bench command", () => {
  it("tells which benches there are", () => {
    const { status, stdout } = bench("--help");
    expect(status).toBe(0);
    for (const name of [
      "embed",
      "hot",
      "pipeline",
      "freshness",
      "quality",
      "--json",
      "--dataset",
      "query",
      "--chunks",
      "--profile",
    ]) {
      expect(stdout).toContain(name);
    }
  });

  it("ends with 2 on a name or an option that it does not know", () => {
    expect(bench("speed").status).toBe(2);
    expect(bench().status).toBe(2);
    expect(bench("hot", "--fast").status).toBe(2);
    expect(bench("query", "--states", "warm").status).toBe(2);
    expect(bench("query", "--chunks", "many").status).toBe(2);
  });

  it("writes the report as JSON too, with a row that could not be measured marked and no failure", () => {
    const folder = mkdtempSync(join(tmpdir(), "freshet-bench-test-"));
    const file = join(folder, "report.json");
    const { status, stdout } = bench("quality", "--json", file);
    const report = JSON.parse(readFileSync(file, "utf8")) as Report;
    rmSync(folder, { recursive: true, force: true });
    expect(status).toBe(0);
    expect(stdout).toContain("quality.int8_vs_fp32: skipped");
    expect(report.bench).toBe("quality");
    expect(report.versions["node"]).toBe(process.versions.node);
    expect(report.rows[0]).toMatchObject({ name: "quality.int8_vs_fp32", value: null, n: 0 });
  });
});
