/**
 * Vectors of a hot shard in slabs, and the exact scan over those that no graph holds. Appending here is
 * the whole write path of a vector: a copy of its numbers.
 *
 * Owns the slabs. Never decides what lives: rows are marked dead by the shard, which then calls `free`.
 *   1. a place in a slab is written once and never used again;
 *   2. a slab without live rows is dropped at once, and slabs that are mostly dead are rewritten.
 */

import type { Row, Slab } from "./rows.ts";
import type { TopK } from "./top-k.ts";

/** The first slab is small, because most tenants are; each next one doubles up to the largest. */
const firstSlabRows = 16;
const slabRowsMax = 1_024;

export class FlatTail {
  readonly #dimensions: number;
  #slabs: Slab[] = [];
  #live = 0;
  #capacity = 0;

  constructor(dimensions: number) {
    this.#dimensions = dimensions;
  }

  /** Takes a copy of the row's vector, which was checked; sets where the row lies. */
  append(row: Row, vector: Float32Array): void {
    this.#place(row, vector);
    this.#live += 1;
  }

  /** Forgets the vector of a dead row. */
  free(row: Row): void {
    const { slab } = row;
    slab.rows[row.index] = undefined;
    slab.live -= 1;
    if (row.segment === null) slab.tail -= 1;
    this.#live -= 1;
    if (slab.live === 0) {
      this.#slabs = this.#slabs.filter((other) => other !== slab);
      this.#capacity -= slab.rows.length;
    } else if (this.#capacity > 2 * slabRowsMax && this.#live * 4 < this.#capacity) {
      this.#compact();
    }
  }

  /** Cosine of unit vectors. */
  cosine(row: Row, vector: Float32Array): number {
    return dot(row.slab.vectors, row.index * this.#dimensions, vector);
  }

  /** Offers every live row outside of graphs that `accepts`. */
  scan(vector: Float32Array, accepts: (row: Row) => boolean, best: TopK<Row>): void {
    for (const slab of this.#slabs) {
      if (slab.tail === 0) continue;
      for (let index = 0; index < slab.used; index += 1) {
        const row = slab.rows[index];
        if (row === undefined || row.segment !== null || !accepts(row)) continue;
        best.offer(dot(slab.vectors, index * this.#dimensions, vector), row);
      }
    }
  }

  /** Live rows outside of graphs. */
  tailRows(): Row[] {
    return this.#slabs.flatMap((slab) =>
      slab.rows.filter((row): row is Row => row !== undefined && row.segment === null),
    );
  }

  /** Number of `tailRows`. */
  tailCount(): number {
    return this.#slabs.reduce((sum, slab) => sum + slab.tail, 0);
  }

  bytes(): number {
    return this.#capacity * (this.#dimensions * 4 + 8);
  }

  clear(): void {
    this.#slabs = [];
    this.#live = 0;
    this.#capacity = 0;
  }

  #openSlab(): Slab {
    const last = this.#slabs.at(-1);
    if (last !== undefined && last.used < last.rows.length) return last;
    const rows = last === undefined ? firstSlabRows : Math.min(2 * last.rows.length, slabRowsMax);
    const slab = createSlab(rows, this.#dimensions);
    this.#slabs.push(slab);
    this.#capacity += rows;
    return slab;
  }

  #place(row: Row, vector: Float32Array): void {
    const slab = this.#openSlab();
    row.slab = slab;
    row.index = slab.used;
    slab.vectors.set(vector, slab.used * this.#dimensions);
    slab.rows[slab.used] = row;
    slab.used += 1;
    slab.live += 1;
    if (row.segment === null) slab.tail += 1;
  }

  #compact(): void {
    const old = this.#slabs;
    this.#slabs = [];
    this.#capacity = 0;
    for (const slab of old) {
      for (let index = 0; index < slab.used; index += 1) {
        const row = slab.rows[index];
        if (row === undefined) continue;
        const at = index * this.#dimensions;
        this.#place(row, slab.vectors.subarray(at, at + this.#dimensions));
      }
    }
  }
}

function createSlab(rows: number, dimensions: number): Slab {
  const vectors = new Float32Array(new SharedArrayBuffer(rows * dimensions * 4));
  return { vectors, rows: new Array<Row | undefined>(rows), used: 0, live: 0, tail: 0 };
}

/** Four accumulators: one alone would wait for each addition before the next. */
function dot(block: Float32Array, at: number, vector: Float32Array): number {
  const length = vector.length;
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  let index = 0;
  for (; index + 3 < length; index += 4) {
    a += (block[at + index] as number) * (vector[index] as number);
    b += (block[at + index + 1] as number) * (vector[index + 1] as number);
    c += (block[at + index + 2] as number) * (vector[index + 2] as number);
    d += (block[at + index + 3] as number) * (vector[index + 3] as number);
  }
  for (; index < length; index += 1) a += (block[at + index] as number) * (vector[index] as number);
  return a + b + c + d;
}
