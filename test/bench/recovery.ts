/**
 * What comes back after a crash and how fast a merge drains: replay of CHUNKS against the ingest rate of the same
 * engine, and merges against bare writes to the same Weaviate.
 *
 * Only a sample goes through the model; CHUNKS is filled with copies of its records (recovery-records.ts), whose
 * replay costs what that of the originals costs.
 */

import type { BenchContext } from "./context.ts";
import { ingestThreads } from "./models.ts";
import { measureMerge } from "./recovery-merge.ts";
import { measureReplay } from "./recovery-replay.ts";
import { openRecoverySite } from "./recovery-site.ts";
import type { BenchResult } from "./report.ts";
import { loadDocuments } from "./texts.ts";

export async function benchRecovery(context: BenchContext): Promise<BenchResult> {
  const documents = await loadDocuments(context);
  const site = await openRecoverySite(context);
  try {
    const { rows, sample } = await measureReplay(site, documents, context.say);
    const merge = await measureMerge(site, sample, context.say);
    return {
      settings: {
        threads: `embedding ${ingestThreads}`,
        merges: "forced through Temporal and the worker process; ids read back on both sides",
      },
      rows: [...rows, merge],
    };
  } finally {
    await site.stop();
  }
}
