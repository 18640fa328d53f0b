/** Prints `N passed, N failed` for ops/test and exits 1 when anything failed. */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { countTests, type TestRun } from "./test-count.ts";

const { values } = parseArgs({
  options: {
    report: { type: "string" },
    "runner-exit": { type: "string" },
    "failed-steps": { type: "string" },
  },
});

function readReport(path: string | undefined): TestRun["report"] {
  try {
    return JSON.parse(readFileSync(path ?? "", "utf8")) as TestRun["report"];
  } catch {
    // No report is a result too: the runner died, and that is counted as one failure.
    return undefined;
  }
}

const count = countTests({
  report: readReport(values.report),
  runnerFailed: values["runner-exit"] !== "0",
  failedSteps: Number(values["failed-steps"] ?? 0),
});
console.log(`${count.passed} passed, ${count.failed} failed`);
process.exitCode = count.failed === 0 ? 0 : 1;
