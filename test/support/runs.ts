/**
 * How often a test repeats what it draws by chance. The counts in the tests are those that find the
 * faults the test is for; `FRESHET_TEST_RUNS=20 ./ops/test` repeats each of them twenty times as
 * often, for a night, and `FRESHET_TEST_RUNS=0.2` is for a quick look.
 */

const variable = "FRESHET_TEST_RUNS";

export function runsFactor(env: Readonly<Record<string, string | undefined>>): number {
  const text = env[variable] ?? "1";
  const factor = Number(text);
  if (!(factor > 0 && factor <= 1_000)) {
    throw new Error(`${variable}: ${text} is not a number above 0, 1,000 at most`);
  }
  return factor;
}

const factor = runsFactor(process.env);

/** What a test that repeats may take: more, where more is asked of it. */
export function patienceMs(ms: number): number {
  return ms * Math.max(1, factor);
}

/** At least one. */
export function runs(count: number): number {
  return Math.max(1, Math.round(count * factor));
}

/** How many of something one test makes, where a variable of its own says so. */
export function countOf(name: string, usual: number, env = process.env): number {
  const text = env[name] ?? String(usual);
  const count = Number(text);
  if (!Number.isSafeInteger(count) || count < 1 || count > 1_000_000) {
    throw new Error(`${name}: ${text} is not a whole number from 1 to 1,000,000`);
  }
  return count;
}
