import { describe, expect, it } from "vitest";
import { countTests } from "../../ops/lint/test-count.ts";

const passedFile = { status: "passed", assertionResults: [{ status: "passed" }] };
const brokenFile = { status: "failed", assertionResults: [] };
const failedFile = { status: "failed", assertionResults: [{ status: "failed" }] };

const green = { numPassedTests: 3, numFailedTests: 0, testResults: [passedFile] };
const quiet = { runnerFailed: false, failedSteps: 0 };

describe("the last line of ops/test", () => {
  it("is the runner's own count when all is well", () => {
    expect(countTests({ report: green, ...quiet })).toEqual({ passed: 3, failed: 0 });
  });

  it("counts a failed test once, not once more for its file", () => {
    const report = { numPassedTests: 2, numFailedTests: 1, testResults: [passedFile, failedFile] };
    const count = countTests({ report, runnerFailed: true, failedSteps: 0 });
    expect(count).toEqual({ passed: 2, failed: 1 });
  });

  it("counts a file that could not be loaded, though it holds no test", () => {
    const report = { numPassedTests: 3, numFailedTests: 0, testResults: [passedFile, brokenFile] };
    const count = countTests({ report, runnerFailed: true, failedSteps: 0 });
    expect(count).toEqual({ passed: 3, failed: 1 });
  });

  it("counts an error outside of every test, which only the exit code tells", () => {
    const count = countTests({ report: green, runnerFailed: true, failedSteps: 0 });
    expect(count).toEqual({ passed: 3, failed: 1 });
  });

  it("counts each failed step", () => {
    const count = countTests({ report: green, runnerFailed: false, failedSteps: 2 });
    expect(count).toEqual({ passed: 3, failed: 2 });
  });

  it("never calls a run of nothing a success", () => {
    const nothing = { numPassedTests: 0, numFailedTests: 0, testResults: [] };
    expect(countTests({ report: nothing, ...quiet })).toEqual({ passed: 0, failed: 1 });
    expect(countTests({ report: undefined, ...quiet })).toEqual({ passed: 0, failed: 1 });
  });
});
