/**
 * A block of rows in the arena: their vectors in 12 bits a number, eight of them its code, two bits
 * a row, of which live and of which a filtered search picked, and the number of its set of labels.
 * Blocks without a graph are scanned, the others are walked.
 *
 * Owns its space in the arena from creation to its last `release`.
 *   HB1  a place is written once and never used again, so a builder thread reads what it was told
 *      to read;
 *   HB2  the space is freed when the last holder releases the block: the shard holds it, and a
 *      build that reads it.
 */

import { codeBytes, lowBytes, type RowAddresses, type VectorMemory, widthOf } from "./simd.ts";

/** Rows come in words of the bit masks. */
const wordRows = 32;

/** The graph over a block's rows: label = index. */
export interface BlockGraph {
  readonly address: number;
  readonly bytes: number;
}

/** What lies in a block. */
export interface Placed<Row extends Placed<Row>> {
  block: Block<Row>;
  index: number;
}

export class Block<Row extends Placed<Row>> {
  readonly #memory: VectorMemory;
  readonly #width: number;
  readonly capacity: number;
  readonly bytes: number;
  readonly addresses: RowAddresses;
  readonly liveAt: number;
  readonly pickedAt: number;
  readonly #setsAt: number;
  /** Row of each place; undefined where none is, or none any more. */
  readonly rows: (Row | undefined)[];
  #used = 0;
  #live = 0;
  #seated = 0;
  #holders = 1;
  #graph: BlockGraph | null = null;
  /** Rows that the filtered search in work picked. */
  picked = 0;
  /** Id of the first row in the search in work. */
  base = 0;

  /** @throws FreshetError overloaded when the arena is full */
  constructor(memory: VectorMemory, dimensions: number, rows: number) {
    this.#memory = memory;
    this.#width = widthOf(dimensions);
    this.capacity = Math.ceil(rows / wordRows) * wordRows;
    const lows = this.capacity * lowBytes(this.#width);
    const codes = this.capacity * codeBytes(this.#width);
    const mask = this.capacity / 8;
    this.bytes = codes + lows + 2 * mask + 4 * this.capacity;
    const codesAt = memory.arena.allocate(this.bytes);
    this.addresses = { codesAt, lowsAt: codesAt + codes };
    this.liveAt = codesAt + codes + lows;
    this.pickedAt = this.liveAt + mask;
    this.#setsAt = this.pickedAt + mask;
    this.rows = new Array<Row | undefined>(rows);
    memory.arena.u32.fill(0, this.liveAt / 4, (codesAt + this.bytes) / 4);
  }

  get live(): number {
    return this.#live;
  }

  /** How often a row was put into a place: what is known of the rows by place holds as long. */
  get seated(): number {
    return this.#seated;
  }

  get isFull(): boolean {
    return this.#used === this.rows.length;
  }

  get graph(): BlockGraph | null {
    return this.#graph;
  }

  /** Places that were ever used; a scan looks no further. */
  get used(): number {
    return this.#used;
  }

  /**
   * Puts the row that is made for the next place, and its vector, which was checked, there.
   * @param set the number of its labels
   */
  append(rowAt: (place: Placed<Row>) => Row, vector: Float32Array, set: number): Row {
    const index = this.#used;
    this.#memory.simd.pack(vector, this.placeOf(index));
    this.#used = index + 1;
    const row = rowAt({ block: this, index });
    this.#seat(row, index, set);
    return row;
  }

  /** Takes a row over from where it is: a builder has written its vector and code to this place. */
  adopt(row: Row, index: number): void {
    this.#used = Math.max(this.#used, index + 1);
    const set = row.block.setOf(row.index);
    row.block.remove(row);
    this.#seat(row, index, set);
  }

  remove(row: Row): void {
    this.rows[row.index] = undefined;
    this.#live -= 1;
    const word = this.liveAt / 4 + (row.index >> 5);
    const { u32 } = this.#memory.arena;
    u32[word] = (u32[word] as number) & ~(1 << (row.index & 31));
  }

  /** The number of a row's set of labels. */
  setOf(index: number): number {
    return this.#memory.arena.u32[this.#setsAt / 4 + index] as number;
  }

  /** A bit for each row whose set has one; those that have gone may be among them. */
  rowsOf(sets: Uint32Array): Uint32Array {
    const words = new Uint32Array(this.capacity / wordRows);
    const { u32 } = this.#memory.arena;
    const from = this.#setsAt / 4;
    for (let index = 0; index < this.#used; index += 1) {
      const set = u32[from + index] as number;
      const bit = ((sets[set >>> 5] as number) >>> (set & 31)) & 1;
      words[index >> 5] = (words[index >> 5] as number) | (bit << (index & 31));
    }
    return words;
  }

  /** Where the vector of a row is. */
  placeOf(index: number): RowAddresses {
    const { codesAt, lowsAt } = this.addresses;
    return {
      codesAt: codesAt + index * codeBytes(this.#width),
      lowsAt: lowsAt + index * lowBytes(this.#width),
    };
  }

  /** Starts picking rows for a filtered search. */
  clearPicked(): void {
    this.picked = 0;
    const words = this.capacity / wordRows;
    this.#memory.arena.u32.fill(0, this.pickedAt / 4, this.pickedAt / 4 + words);
  }

  pick(index: number): void {
    const word = this.pickedAt / 4 + (index >> 5);
    const { u32 } = this.#memory.arena;
    u32[word] = (u32[word] as number) | (1 << (index & 31));
    this.picked += 1;
  }

  /** Picks the live rows among these, a bit each. */
  pickAll(words: Uint32Array): void {
    const { u32 } = this.#memory.arena;
    const [live, to] = [this.liveAt / 4, this.pickedAt / 4];
    let picked = 0;
    for (let at = 0; at < words.length; at += 1) {
      const both = (words[at] as number) & (u32[live + at] as number);
      u32[to + at] = both;
      picked += bitsOf(both);
    }
    this.picked = picked;
  }

  setGraph(graph: BlockGraph): void {
    this.#graph = graph;
  }

  dropGraph(): void {
    if (this.#graph === null) return;
    this.#memory.arena.free(this.#graph.address, this.#graph.bytes);
    this.#graph = null;
  }

  /** Keeps the space until a matching `release`. */
  hold(): void {
    this.#holders += 1;
  }

  release(): void {
    this.#holders -= 1;
    if (this.#holders > 0) return;
    this.dropGraph();
    this.#memory.arena.free(this.addresses.codesAt, this.bytes);
  }

  #seat(row: Row, index: number, set: number): void {
    row.block = this;
    row.index = index;
    this.rows[index] = row;
    this.#live += 1;
    this.#seated += 1;
    const word = this.liveAt / 4 + (index >> 5);
    const { u32 } = this.#memory.arena;
    u32[word] = (u32[word] as number) | (1 << (index & 31));
    u32[this.#setsAt / 4 + index] = set;
  }
}

/** How many bits of a word are set. */
function bitsOf(word: number): number {
  let bits = word - ((word >>> 1) & 0x5555_5555);
  bits = (bits & 0x3333_3333) + ((bits >>> 2) & 0x3333_3333);
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
}
