/** A progress bar on standard error: documents, rate, and how far visibility lags behind. */

import progress from "cli-progress";
import type { IngestProgress } from "./ingest.ts";

export interface ProgressBar {
  update(progress: IngestProgress): void;
  stop(): void;
}

const silent: ProgressBar = { update: () => {}, stop: () => {} };

/** Draws on a terminal only: in a log file a bar is noise. */
export function progressBar(options: { total: number; terminal: boolean }): ProgressBar {
  if (!options.terminal) return silent;
  const bar = new progress.SingleBar({
    format: "{bar} {value}/{total} documents | {rate}/s | {lag} not visible yet",
    stream: process.stderr,
    hideCursor: true,
    clearOnComplete: false,
  });
  const startedMs = performance.now();
  bar.start(options.total, 0, { rate: 0, lag: 0 });
  return {
    update({ documents, unchanged, lag }) {
      const seconds = (performance.now() - startedMs) / 1000;
      const done = documents + unchanged;
      // A file may hold many documents, so the total is what is known so far.
      if (done > bar.getTotal()) bar.setTotal(done);
      bar.update(done, { rate: Math.round(done / Math.max(seconds, 0.001)), lag });
    },
    stop: () => bar.stop(),
  };
}
