/**
 * Pure: in what order a sweep does its work, and what the failure of one part means for the other.
 */

export interface SweepSteps<Result> {
  readonly ask: () => Promise<Result>;
  readonly clearLog: () => Promise<void>;
  readonly isCancellation: (reason: unknown) => boolean;
}

/**
 * Merges first: what they commit is what later sweeps may remove. But clearing the log does not
 * depend on them: a sweep that fails is reported as failed after that, or the log would fill up for
 * as long as sweeps fail.
 */
export async function sweepStory<Result>(steps: SweepSteps<Result>): Promise<Result> {
  const [asked] = await Promise.allSettled([steps.ask()]);
  if (asked.status === "rejected" && steps.isCancellation(asked.reason)) throw asked.reason;
  await steps.clearLog();
  if (asked.status === "rejected") throw asked.reason;
  return asked.value;
}
