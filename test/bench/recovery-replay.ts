/** kill -9 of the engine, and how soon the next one is ready: replay of CHUNKS against the ingest that made it. */

import { setTimeout as sleep } from "node:timers/promises";
import type { TenantId } from "../../src/contract/ids.ts";
import type { UpsertRecord } from "../../src/contract/record.ts";
import { readRecords } from "../support/records.ts";
import { roundsMin } from "./interleave.ts";
import { fillChunks } from "./recovery-records.ts";
import type { RecoverySite } from "./recovery-site.ts";
import { measured, type Row } from "./report.ts";
import { median, percentile } from "./stats.ts";
import type { BenchDocument } from "./texts.ts";

const tenant = "recovery" as TenantId;
const chunksWanted = 20_000;
const ingestedPerRound = 60;
const pollMs = 5;

export interface Replay {
  readonly rows: readonly Row[];
  /** What the engine made of the ingested documents. */
  readonly sample: readonly UpsertRecord[];
}

export async function measureReplay(
  site: RecoverySite,
  documents: readonly BenchDocument[],
  say: (line: string) => void,
): Promise<Replay> {
  await site.startEngine();
  await readyAt(site, 0);
  say(`${roundsMin} rounds of ${ingestedPerRound} documents through the engine`);
  const ingest: number[] = [];
  for (let round = -1; round < roundsMin; round += 1) {
    const perSecond = await ingestOnce(site, documents, round);
    if (round >= 0) ingest.push(perSecond);
  }
  await site.killEngine();
  const sample = (await readRecords(site.log.chunks, tenant)).filter(
    (record) => record.kind === "upsert",
  );
  const had = sample.reduce((sum, { chunkCount }) => sum + chunkCount, 0);
  say(`filling CHUNKS up to ${chunksWanted} chunks`);
  const chunks = had + (await fillChunks(site.log, { tenant, sample, chunks: chunksWanted - had }));
  const lives: Life[] = [];
  for (let round = 0; round < roundsMin; round += 1) {
    const life = await recoverOnce(site);
    say(`ready after ${life.readyS.toFixed(1)} s, replayed in ${life.replayS.toFixed(2)} s`);
    lives.push(life);
  }
  return { sample, rows: rowsOf({ ingest, lives, chunks }) };
}

async function ingestOnce(
  { log }: RecoverySite,
  documents: readonly BenchDocument[],
  round: number,
): Promise<number> {
  const before = (await readRecords(log.chunks, tenant)).length;
  const begun = performance.now();
  const results = await Promise.all(
    documents.slice(0, ingestedPerRound).map(({ id, text }) => {
      const payload = new TextEncoder().encode(JSON.stringify({ id: `${round}-${id}`, text }));
      return log.docs.publish({ tenant, payload });
    }),
  );
  const last = Math.max(...results.map(({ seq }) => seq));
  while (((await log.chunks.last(tenant))?.version ?? 0) < last) await sleep(pollMs);
  const seconds = (performance.now() - begun) / 1000;
  const made = (await readRecords(log.chunks, tenant)).slice(before);
  return made.reduce((sum, record) => sum + chunksOf(record), 0) / seconds;
}

function chunksOf(record: { readonly kind: string } | UpsertRecord): number {
  return "chunkCount" in record ? record.chunkCount : 0;
}

interface Life {
  /** From the start of the process, which takes the leases of the killed one at once. */
  readonly readyS: number;
  /** From when the engine knows of the tenant until it answers for it. */
  readonly replayS: number;
  readonly embedded: number;
}

async function recoverOnce(site: RecoverySite): Promise<Life> {
  const last = await site.log.docs.lastVersion(tenant);
  const begun = performance.now();
  await site.startEngine();
  const { seenAt, readyAt: at } = await readyAt(site, last);
  const embedded = await site.embeddedTexts();
  await site.killEngine();
  return { readyS: (at - begun) / 1000, replayS: (at - seenAt) / 1000, embedded };
}

/** Without a tenant (`last` 0): until the engine is ready at all. */
async function readyAt(site: RecoverySite, last: number) {
  let seenAt = Number.NaN;
  for (;;) {
    const status = await site.status();
    const now = performance.now();
    const of = status?.tenants.find((one) => one.tenant === tenant);
    if (of !== undefined && Number.isNaN(seenAt)) seenAt = now;
    if (last === 0 && status?.ready === true) return { seenAt, readyAt: now };
    if (of?.state === "ready" && of.visible_seq >= last) return { seenAt, readyAt: now };
    await sleep(pollMs);
  }
}

function rowsOf(measures: {
  readonly ingest: readonly number[];
  readonly lives: readonly Life[];
  readonly chunks: number;
}): readonly Row[] {
  const { ingest, lives, chunks } = measures;
  const rates = lives.map(({ replayS }) => chunks / replayS);
  const ready = lives.map(({ readyS }) => readyS);
  return [
    measured({
      name: "recovery.replay_vs_ingest",
      unit: "chunks/s",
      value: median(rates),
      against: median(ingest),
      p50: median(rates),
      p99: percentile(rates, 0.01),
      n: rates.length,
    }),
    {
      ...measured({
        name: "recovery.ready_s",
        unit: "s",
        value: median(ready),
        p50: median(ready),
        p99: percentile(ready, 0.99),
        n: ready.length,
      }),
      note: `${chunks} chunks; from the start of the process; its leases are those of the killed one, which it takes at once`,
    },
    measured({
      name: "recovery.embedded_again",
      unit: "texts",
      value: Math.max(...lives.map(({ embedded }) => embedded)),
      p50: null,
      p99: null,
      n: lives.length,
    }),
  ];
}
