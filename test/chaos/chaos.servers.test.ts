import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, expect, it } from "vitest";
import type { ChaosResult } from "./result.ts";

const main = fileURLToPath(new URL("./main.ts", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "freshet-chaos-test-"));
/** What two cores work off in the half minute, so that the rest after it is short. */
const load = ["--publishers", "8", "--readers", "3"];

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/**
 * A process of its own, as a person runs it: it starts servers of its own, and kills them. One storm and one rest;
 * `npm run chaos` lasts longer.
 */
it("half a minute of chaos on two nodes lose nothing, double nothing and show nothing old (I1-I8)", async () => {
  const json = join(folder, "chaos.json");
  const run = promisify(execFile)(
    process.execPath,
    [main, ...["--minutes", "0.5", "--nodes", "2", "--seed", "1", ...load, "--json", json]],
    { maxBuffer: 16 * 1024 * 1024 },
  );
  const said = await run.catch((failed: { stdout: string; stderr: string }) => failed);
  const result = JSON.parse(readFileSync(json, "utf8")) as ChaosResult;
  expect(result.violations, said.stderr).toEqual([]);
  // A run in which nothing happened would prove nothing.
  expect(result.faults["total"]).toBeGreaterThan(4);
  expect(result.operations.acked).toBeGreaterThan(100);
  expect(result.questions.checked).toBeGreaterThan(100);
}, 400_000);
