/** Files with damage, of every kind that is read: how many leave the reader without a document and without a reason. */

import { openFileReader } from "../../src/ingest/formats/reader.ts";
import { damaged, type SeedFile, seedFiles } from "../formats/seeds.ts";
import { readNamed } from "../formats/support.ts";
import { random } from "../hot/documents.ts";
import type { BenchContext } from "./context.ts";
import { type BenchResult, measured } from "./report.ts";
import { median, percentile } from "./stats.ts";

const filesDamaged = 10_000;
const seed = 20_240_607;

export async function benchFormats(context: BenchContext): Promise<BenchResult> {
  const next = random(seed);
  const files = await seedFiles();
  const pick = (): SeedFile => files[Math.floor(next() * files.length)] as SeedFile;
  const reader = openFileReader();
  const reasons = new Map<string, number>();
  const times: number[] = [];
  let unanswered = 0;
  try {
    for (let count = 1; count <= filesDamaged; count += 1) {
      const { name, bytes } = damaged(pick(), pick(), next);
      const began = performance.now();
      const parts = await readNamed(reader, name, bytes).catch(() => undefined);
      times.push(performance.now() - began);
      const outcomes =
        parts === undefined ? [] : [...parts.documents.map(() => "document"), ...parts.skipped];
      if (outcomes.length === 0) unanswered += 1;
      for (const outcome of new Set(outcomes))
        reasons.set(outcome, (reasons.get(outcome) ?? 0) + 1);
      if (count % 1_000 === 0) context.say(`${count} files`);
    }
  } finally {
    await reader.close();
  }
  const counts = [...reasons].map(([name, count]) => `${name} ${count}`).join(", ");
  const rows = [
    measured({
      name: "formats.unanswered",
      unit: "files",
      value: unanswered,
      p50: null,
      p99: null,
      n: times.length,
    }),
    measured({
      name: "formats.slow",
      unit: "files",
      value: reasons.get("slow") ?? 0,
      p50: null,
      p99: null,
      n: times.length,
    }),
    measured({
      name: "formats.file_ms",
      unit: "ms",
      value: median(times),
      p50: median(times),
      p99: percentile(times, 0.99),
      n: times.length,
    }),
  ];
  return {
    settings: { files: `${filesDamaged} with damage, of ${files.length} seeds`, outcomes: counts },
    rows,
  };
}
