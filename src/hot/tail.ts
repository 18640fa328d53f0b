/**
 * The blocks that no graph holds, where every vector begins. Appending is the whole write path of a
 * vector: a copy of its numbers and its code.
 *
 * Owns these blocks. Never decides what lives: the shard says what is dead.
 *   HT1  a block without live rows is given up at once, and blocks that are mostly dead are
 *      rewritten.
 */

import { Block, type Placed } from "./block.ts";
import type { Row, RowBlock } from "./rows.ts";
import type { VectorMemory } from "./simd.ts";

/** The first block is small, because most tenants are; each next one doubles up to the largest. */
const firstBlockRows = 32;
const blockRowsMax = 1_024;
/**
 * Blocks together that are worth rewriting when they are mostly dead. Few: a tenant that is dropped
 * and loaded again and again would else hold a block of its largest size for its few other rows.
 */
const compactAboveRows = 4 * firstBlockRows;

export class Tail {
  readonly #memory: VectorMemory;
  readonly #dimensions: number;
  #blocks: RowBlock[] = [];

  constructor(memory: VectorMemory, dimensions: number) {
    this.#memory = memory;
    this.#dimensions = dimensions;
  }

  get blocks(): readonly RowBlock[] {
    return this.#blocks;
  }

  /** Live rows. */
  get count(): number {
    return this.#blocks.reduce((sum, { live }) => sum + live, 0);
  }

  get bytes(): number {
    return this.#blocks.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** @throws FreshetError overloaded when the arena is full */
  append(rowAt: (place: Placed<Row>) => Row, vector: Float32Array, set: number): Row {
    return this.#open().append(rowAt, vector, set);
  }

  rows(): Row[] {
    return this.#blocks.flatMap(({ rows }) => rows.filter((row) => row !== undefined));
  }

  /** Takes a block over whose graph was given up. */
  add(block: RowBlock): void {
    // In front: the last one is the one that is open.
    this.#blocks.unshift(block);
  }

  /** After rows of a block have gone. */
  tidy(block: RowBlock): void {
    if (block.live === 0) {
      this.#blocks = this.#blocks.filter((other) => other !== block);
      block.release();
      return;
    }
    const capacity = this.#blocks.reduce((sum, { rows }) => sum + rows.length, 0);
    if (capacity > compactAboveRows && this.count * 4 < capacity) this.#compact();
  }

  clear(): void {
    for (const block of this.#blocks.splice(0)) block.release();
  }

  #open(): RowBlock {
    const last = this.#blocks.at(-1);
    if (last !== undefined && !last.isFull) return last;
    const rows = last === undefined ? firstBlockRows : Math.min(2 * last.rows.length, blockRowsMax);
    const block = new Block<Row>(this.#memory, this.#dimensions, rows);
    this.#blocks.push(block);
    return block;
  }

  #compact(): void {
    const old = this.#blocks;
    this.#blocks = [];
    for (const block of old) {
      for (const row of block.rows) {
        if (row === undefined) continue;
        // Nothing is lost: what was packed once is on the grid.
        const place = block.placeOf(row.index);
        const vector = this.#memory.simd.unpack(place, this.#dimensions);
        this.append(() => row, vector, block.setOf(row.index));
      }
      block.release();
    }
  }
}
