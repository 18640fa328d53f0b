/**
 * Tenants of any size from a sample that a real engine made. Each chunk is half of the words of one
 * chunk and half of another's, with a vector between their vectors: unlike copies, no two are alike,
 * neither to an index of vectors nor to one of words.
 */

import type { DocumentId } from "../../src/contract/ids.ts";
import type { RecordChunk, UpsertRecord } from "../../src/contract/record.ts";
import { random } from "../hot/documents.ts";

/** How far a vector is moved away from the two it lies between; unit vectors are 1 long. */
const noise = 0.2;

/** As many records as hold `chunks` chunks. `seed` makes another tenant. */
export function mixedRecords(
  sample: readonly UpsertRecord[],
  { chunks, seed }: { readonly chunks: number; readonly seed: number },
): readonly UpsertRecord[] {
  const next = random(seed);
  const all = sample.flatMap(({ body }) => body.chunks);
  const any = (): RecordChunk => all[Math.floor(next() * all.length)] as RecordChunk;
  const made: UpsertRecord[] = [];
  for (let count = 0; count < chunks; ) {
    const record = sample[made.length % sample.length];
    if (record === undefined) throw new Error("there is no sample");
    const parts = record.body.chunks.map((chunk) => mixed(chunk, any(), next));
    const kept = parts.slice(0, chunks - count);
    const body = { ...record.body, chunks: kept };
    // Of its own: what is filled in later must not replace what was filled in first.
    const documentId = `${record.documentId}-${seed}` as DocumentId;
    made.push({ ...record, documentId, chunkCount: kept.length, body });
    count += kept.length;
  }
  return made;
}

function mixed(left: RecordChunk, right: RecordChunk, next: () => number): RecordChunk {
  const share = 0.3 + 0.4 * next();
  const words = [...part(left.text, share, next), ...part(right.text, 1 - share, next)];
  const vector = left.vector.map((value, index) => {
    const other = right.vector[index] ?? 0;
    // Twelve draws would be a normal one; two are round enough here.
    const moved = (noise * (next() + next() - 1)) / Math.sqrt(left.vector.length / 6);
    return share * value + (1 - share) * other + moved;
  });
  const norm = Math.hypot(...vector);
  return {
    text: words.join(" "),
    ...(left.heading === undefined ? {} : { heading: left.heading }),
    vector: vector.map((value) => value / norm),
  };
}

/** A stretch of so many of its words, from anywhere. */
function part(text: string, share: number, next: () => number): readonly string[] {
  const words = text.split(/\s+/);
  const length = Math.ceil(words.length * share);
  const start = Math.floor(next() * (words.length - length + 1));
  return words.slice(start, start + length);
}
