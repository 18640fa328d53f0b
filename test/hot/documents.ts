/** Hot documents made by hand, and a generator of unit vectors with a long cycle. */

import type { DocumentId, Position, Version } from "../../src/contract/ids.ts";
import type { DocumentInfo } from "../../src/contract/record.ts";
import type { HotDocument } from "../../src/hot/port.ts";

export interface DocumentOptions {
  readonly id: string;
  readonly version?: number;
  readonly position?: number;
  readonly info?: DocumentInfo;
  readonly texts?: readonly string[];
  readonly vectors: readonly Float32Array[];
}

export function hotDocument(options: DocumentOptions): HotDocument {
  const version = options.version ?? 1;
  return {
    documentId: options.id as DocumentId,
    version: version as Version,
    position: (options.position ?? version) as Position,
    info: options.info ?? {},
    chunks: options.vectors.map((vector, index) => ({
      vector,
      text: options.texts?.[index] ?? `chunk ${index} of ${options.id}`,
    })),
  };
}

export function unit(...numbers: readonly number[]): Float32Array {
  const norm = Math.hypot(...numbers);
  return Float32Array.from(numbers, (number) => number / norm);
}

/** mulberry32: a short-cycle generator repeats vectors and spoils recall. */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Unit vectors around `clusters` random centres, as embeddings of real text lie. */
export function clustered(
  count: number,
  options: { readonly dimensions: number; readonly clusters: number; readonly seed: number },
): readonly Float32Array[] {
  const next = random(options.seed);
  const noise = (): number => next() + next() + next() - 1.5;
  const numbers = () => Array.from({ length: options.dimensions }, noise);
  const centres = Array.from({ length: options.clusters }, numbers);
  return Array.from({ length: count }, () => {
    const centre = centres[Math.floor(next() * centres.length)] ?? [];
    return unit(...numbers().map((number, index) => number * 0.5 + (centre[index] ?? 0)));
  });
}
