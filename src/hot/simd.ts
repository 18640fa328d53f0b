/**
 * The SIMD code (simd/simd.as.ts) with names and types: exact scans, and walks through graphs, over
 * the rows of an arena. One question at a time: `begin`, any number of `scan` and `search`, then
 * `take`.
 *
 * Owns its scratch space in the arena: the question, the best so far, and the notes of a walk.
 */

import { Arena, wholeLines } from "./arena.ts";
import { simdCode } from "./simd-code.ts";

/** What simd/simd.as.ts exports; addresses and sizes in bytes. */
interface Exports {
  encode(vector: number, code: number, lows: number, width: number): void;
  decode(code: number, lows: number, width: number, to: number): void;
  precise(numbers: number, dimensions: number): number;
  begin(vector: number, code: number, width: number, heap: number, limit: number): void;
  end(): number;
  scan(lows: number, codes: number, mask: number, rows: number, base: number): void;
  room(tags: number, candidates: number, found: number): void;
  search(graph: number, mask: number, breadth: number, base: number): void;
}

/** Rows as the SIMD code sees them: addresses in the arena. */
export interface RowAddresses {
  /** The upper eight bits of each number, behind what is needed to read them: `codeBytes` a row. */
  readonly codesAt: number;
  /** The other four: `lowBytes` a row. */
  readonly lowsAt: number;
}

export interface Scan extends RowAddresses {
  /** A bit a row, in words of 32: which rows count. */
  readonly maskAt: number;
  readonly rows: number;
  /** The id of the first row. */
  readonly base: number;
}

export interface Walk {
  /** Where the graph's description is (graph-links.ts). */
  readonly graphAt: number;
  readonly rows: number;
  readonly maskAt: number;
  readonly base: number;
  /** How many finds the walk keeps: ef of HNSW. */
  readonly breadth: number;
}

export interface Question {
  readonly vector: Float32Array;
  /** How many of the best are wanted. */
  readonly limit: number;
}

interface Space {
  readonly address: number;
  readonly bytes: number;
}

const nowhere: Space = { address: 0, bytes: 0 };

const widthStep = 64;
const codeHeadBytes = 16;
const pairBytes = 8;

/** Numbers of a padded vector: what the SIMD code's loops step by. */
export function widthOf(dimensions: number): number {
  return Math.ceil(dimensions / widthStep) * widthStep;
}

function vectorBytes(width: number): number {
  return width * Float32Array.BYTES_PER_ELEMENT;
}

export function codeBytes(width: number): number {
  return width + codeHeadBytes;
}

export function lowBytes(width: number): number {
  return width / 2;
}

/** An arena with the SIMD code that works on it. */
export interface VectorMemory {
  readonly arena: Arena;
  readonly simd: Simd;
}

export function createVectorMemory(): VectorMemory {
  const arena = new Arena();
  return { arena, simd: new Simd(arena) };
}

/** Compiled once for all arenas of the process. */
const code = new WebAssembly.Module(Uint8Array.from(atob(simdCode), (char) => char.charCodeAt(0)));

export class Simd {
  readonly #arena: Arena;
  readonly #exports: Exports;
  #question = nowhere;
  #numbers = nowhere;
  #heap = nowhere;
  #room = nowhere;
  #roomRows = 0;
  #roomBreadth = 0;

  constructor(arena: Arena) {
    this.#arena = arena;
    const instance = new WebAssembly.Instance(code, { env: { memory: arena.memory } });
    this.#exports = instance.exports as unknown as Exports;
  }

  /** Scratch space, kept between questions. */
  get bytes(): number {
    return this.#question.bytes + this.#numbers.bytes + this.#heap.bytes + this.#room.bytes;
  }

  /** Packs a vector, which is finite and not all zero, into the place of a row. */
  pack(vector: Float32Array, { codesAt, lowsAt }: RowAddresses): void {
    const width = widthOf(vector.length);
    const numbersAt = this.#numbersAt(vector, width);
    this.#exports.encode(numbersAt, codesAt, lowsAt, width);
  }

  /** The numbers of a packed row: what `onGrid` makes of those that were packed. */
  unpack({ codesAt, lowsAt }: RowAddresses, dimensions: number): Float32Array {
    const numbersAt = this.#unpacked({ codesAt, lowsAt }, dimensions);
    return this.#arena.f32.slice(numbersAt / 4, numbersAt / 4 + dimensions);
  }

  /**
   * The product of a row and the question, as `dotProduct` says it to the last bit.
   * @param numbers where the row's own go, too
   */
  precise(row: RowAddresses, dimensions: number, numbers?: Float32Array): number {
    const numbersAt = this.#unpacked(row, dimensions);
    numbers?.set(this.#arena.f32.subarray(numbersAt / 4, numbersAt / 4 + dimensions));
    return this.#exports.precise(numbersAt, dimensions);
  }

  begin({ vector, limit }: Question): void {
    const width = widthOf(vector.length);
    this.#question = this.#grown(this.#question, vectorBytes(width) + codeBytes(width));
    this.#heap = this.#grown(this.#heap, limit * pairBytes);
    const { address } = this.#question;
    this.#arena.f32.fill(0, address / 4 + vector.length, address / 4 + width);
    this.#arena.f32.set(vector, address / 4);
    const codeAt = address + vectorBytes(width);
    this.#exports.begin(address, codeAt, width, this.#heap.address, limit);
  }

  /** Exact: every row of the mask is looked at. */
  scan({ lowsAt, codesAt, maskAt, rows, base }: Scan): void {
    this.#exports.scan(lowsAt, codesAt, maskAt, rows, base);
  }

  /** About the best rows of the mask, by way of a graph. */
  search({ graphAt, rows, maskAt, base, breadth }: Walk): void {
    this.#makeRoom(rows, breadth);
    this.#exports.search(graphAt, maskAt, breadth, base);
  }

  /** Ids and f32 products of the best, unordered. */
  take(each: (id: number, score: number) => void): void {
    const count = this.#exports.end();
    const { u32, f32 } = this.#arena;
    const at = this.#heap.address / 4;
    for (let index = 0; index < count; index += 1) {
      each(u32[at + 2 * index + 1] as number, f32[at + 2 * index] as number);
    }
  }

  /** A pair and a tag for each row, a pair for each find; laid out anew only when it must grow. */
  #makeRoom(rows: number, breadth: number): void {
    if (rows <= this.#roomRows && breadth <= this.#roomBreadth) return;
    this.#roomRows = Math.max(this.#roomRows, 2 * rows);
    this.#roomBreadth = Math.max(this.#roomBreadth, breadth);
    const pairs = this.#roomRows + this.#roomBreadth;
    const tagBytes = this.#roomRows * 4;
    this.#room = this.#grown(this.#room, pairs * pairBytes + tagBytes);
    const candidates = this.#room.address;
    const found = candidates + this.#roomRows * pairBytes;
    const tags = found + this.#roomBreadth * pairBytes;
    // What an earlier owner left here would look like rows that the walk has met.
    this.#arena.u32.fill(0, tags / 4, (tags + tagBytes) / 4);
    this.#exports.room(tags, candidates, found);
  }

  /** Where f32 numbers of one row are for a moment. */
  #numbersAt(vector: Float32Array, width: number): number {
    this.#numbers = this.#grown(this.#numbers, vectorBytes(width));
    const at = this.#numbers.address / 4;
    this.#arena.f32.set(vector, at);
    this.#arena.f32.fill(0, at + vector.length, at + width);
    return this.#numbers.address;
  }

  #unpacked({ codesAt, lowsAt }: RowAddresses, dimensions: number): number {
    const width = widthOf(dimensions);
    this.#numbers = this.#grown(this.#numbers, vectorBytes(width));
    this.#exports.decode(codesAt, lowsAt, width, this.#numbers.address);
    return this.#numbers.address;
  }

  #grown(space: Space, bytes: number): Space {
    if (space.bytes >= bytes) return space;
    if (space.bytes > 0) this.#arena.free(space.address, space.bytes);
    const whole = wholeLines(bytes);
    return { address: this.#arena.allocate(whole), bytes: whole };
  }
}
