/** A forced merge through Temporal and the real worker, against the same objects written bare. */

import { objectsOfRecord } from "../../activities/merge/write.ts";
import { openClient } from "../../src/cold/weaviate-client.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import type { UpsertRecord } from "../../src/contract/record.ts";
import { readRecords } from "../support/records.ts";
import { interleave } from "./interleave.ts";
import { fillChunks } from "./recovery-records.ts";
import type { RecoverySite } from "./recovery-site.ts";
import { writeBare } from "./reference/bare-weaviate.ts";
import { measured, type Row } from "./report.ts";
import { median, percentile } from "./stats.ts";

const chunksPerMerge = 5_000;
const rounds = 5;

export async function measureMerge(
  site: RecoverySite,
  sample: readonly UpsertRecord[],
  say: (line: string) => void,
): Promise<Row> {
  await site.startWorker();
  const client = await openClient(site.weaviate);
  const tenants: TenantId[] = [];
  say(`filling CHUNKS of ${rounds + 1} tenants for merges of ${chunksPerMerge} chunks`);
  let chunks = 0;
  for (let round = 0; round <= rounds; round += 1) {
    const tenant = `merge-${round}` as TenantId;
    chunks = await fillChunks(site.log, { tenant, sample, chunks: chunksPerMerge });
    tenants.push(tenant);
  }
  const records = await readRecords(site.log.chunks, "merge-0" as TenantId);
  const objects = records.flatMap((record) =>
    record.kind === "upsert" ? objectsOfRecord(record) : [],
  );
  // The first merge creates the collection that the bare side writes to; not counted, as the first of each side.
  let merges = 0;
  let bares = 0;
  const bare = (inFlight: number) => async (): Promise<void> => {
    bares += 1;
    await writeBare(client, { tenant: `bare-${bares}`, objects, inFlight });
  };
  const seconds = await interleave(
    {
      merge: async () => {
        const tenant = tenants[merges] as TenantId;
        merges += 1;
        const outcome = await site.merges.force(tenant);
        if (outcome.kind !== "merged" || outcome.written !== chunks) {
          throw new Error(`a merge ended as ${JSON.stringify(outcome)}`);
        }
      },
      four: bare(4),
      eight: bare(8),
    },
    rounds,
  );
  await client.close();
  const rates = (of: readonly number[]): number[] => of.map((value) => chunks / value);
  const merged = rates(seconds.merge);
  const [four, eight] = [median(rates(seconds.four)), median(rates(seconds.eight))];
  return {
    ...measured({
      name: "merge.throughput_vs_bare",
      unit: "chunks/s",
      value: median(merged),
      against: Math.max(four, eight),
      p50: median(merged),
      p99: percentile(merged, 0.01),
      n: merged.length,
    }),
    note: `bare: ${four.toFixed(0)} chunks/s with 4 pages in flight, ${eight.toFixed(0)} with 8`,
  };
}
