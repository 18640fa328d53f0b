/**
 * What heads cost: memory of an entry, and bytes that a merge writes for each document that it changes. Real merges
 * over the log and the cold shard in memory: bytes do not depend on who stores them.
 */

import type { DocumentId, Fingerprint, Version } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { emptyManifest, type Manifest } from "../../src/contract/manifest.ts";
import { fingerprintOf } from "../../src/heads/fingerprint.ts";
import { Heads, type HeadsEntry } from "../../src/heads/heads.ts";
import { encodePieces, headsEntryBytes } from "../../src/heads/pieces.ts";
import { runRound } from "../activities/run-merge.ts";
import { acme, createWorld } from "../activities/world.ts";
import type { BenchContext } from "./context.ts";
import { type BenchResult, measured, type Row } from "./report.ts";

const sizes = [10_000, 100_000, 1_000_000];
const merges = 40;
const changesPerMerge = 1_000;

export async function benchHeads({ say }: BenchContext): Promise<BenchResult> {
  const rows: Row[] = [];
  for (const documents of sizes) {
    say(`heads of ${documents} documents, ${merges} merges of ${changesPerMerge} changes`);
    const heads = headsOf(documents);
    rows.push(bytesPerEntry(heads));
    rows.push(await bytesPerChange(heads));
  }
  return { settings: { merges: String(merges), changes: String(changesPerMerge) }, rows };
}

const nameOf = (document: number): string => `document-${document}`;

function headsOf(documents: number): Heads {
  const entries = function* (): Generator<HeadsEntry> {
    for (let document = 0; document < documents; document += 1) {
      const fingerprint: Fingerprint = fingerprintOf(acme, nameOf(document) as DocumentId);
      yield [fingerprint, 1 as Version];
    }
  };
  return new Heads(entries());
}

function bytesPerEntry(heads: Heads): Row {
  const value = heads.bytes / heads.size;
  const name = `heads.bytes_per_entry.${heads.size}`;
  return measured({ name, unit: "bytes", value, p50: value, p99: value, n: heads.size });
}

/** A tenant that has the heads already, then merges of changes that lie anywhere among them. */
async function bytesPerChange(heads: Heads): Promise<Row> {
  const world = createWorld();
  const { manifests } = world.log;
  await world.writer.upsert(nameOf(0));
  await runRound(world.ports);
  const stored = await manifests.get(acme);
  const pieces: Manifest["pieces"] = [];
  for (const bytes of encodePieces(heads, limits.headsPieceEntriesMax)) {
    const digest = await manifests.putPiece(acme, bytes);
    pieces.push({ digest, entries: bytes.byteLength / headsEntryBytes, run: 0 });
  }
  const manifest = stored?.manifest ?? emptyManifest;
  await manifests.commit(
    acme,
    { ...manifest, pieces, documents: heads.size },
    stored?.revision ?? 0,
  );

  let written = 0;
  const put = manifests.putPiece.bind(manifests);
  manifests.putPiece = (tenant, bytes) => {
    written += bytes.byteLength;
    return put(tenant, bytes);
  };
  const perMerge: number[] = [];
  for (let merge = 0; merge < merges; merge += 1) {
    const before = written;
    for (let change = 0; change < changesPerMerge; change += 1) {
      // A stride that is prime to every size: each document once before any comes again.
      const document = ((merge * changesPerMerge + change) * 7_919) % heads.size;
      await world.writer.upsert(nameOf(document));
    }
    await runRound(world.ports);
    // The log in memory looks through all that it holds at each step: what is merged may go.
    const below = (await manifests.get(acme))?.manifest.to;
    if (below !== undefined) await world.log.chunks.purge({ tenant: acme, below });
    perMerge.push((written - before) / changesPerMerge);
  }
  const sorted = perMerge.toSorted((left, right) => left - right);
  return measured({
    name: `merge.heads_bytes_per_change.${heads.size}`,
    unit: "bytes",
    value: written / (merges * changesPerMerge),
    p50: sorted[Math.floor(sorted.length / 2)] ?? null,
    p99: sorted.at(-1) ?? null,
    n: merges,
    note: `writing all heads at each merge: ${((heads.size * headsEntryBytes) / changesPerMerge).toFixed(0)}`,
  });
}
