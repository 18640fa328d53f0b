/** The part of vitest's JSON report that counting needs. */
interface TestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly {
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string }[];
  }[];
}

export interface TestRun {
  /** Undefined when the runner died before it could write its report. */
  readonly report: TestReport | undefined;
  readonly runnerFailed: boolean;
  /** Checks before the tests (types, lint, …) that failed. */
  readonly failedSteps: number;
}

export interface TestCount {
  readonly passed: number;
  readonly failed: number;
}

/**
 * The runner's own count, plus what it does not count as a test: a file that could not be loaded,
 * a failed step, an error outside of every test, and a run of nothing at all.
 */
export function countTests(run: TestRun): TestCount {
  const passed = run.report?.numPassedTests ?? 0;
  const inTests = run.report?.numFailedTests ?? 0;
  const inFiles = (run.report?.testResults ?? []).filter(
    (file) =>
      file.status === "failed" &&
      file.assertionResults.every((assertion) => assertion.status !== "failed"),
  ).length;
  const counted = inTests + inFiles;
  const uncounted = counted === 0 && (run.runnerFailed || passed === 0) ? 1 : 0;
  return { passed, failed: counted + uncounted + run.failedSteps };
}
