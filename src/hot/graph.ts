/**
 * What the hot shard needs of a builder of its graphs: neighbours of every row, found off the
 * main thread, and the rows copied to one block. Vectors that reach it went through `checkVector`.
 */

import type { RowAddresses } from "./simd.ts";

/** Rows to build from, read in the arena: row i is at `places[i]` of `sources[sourceOf[i]]`. */
export interface GraphInput {
  readonly memory: WebAssembly.Memory;
  readonly dimensions: number;
  readonly sources: readonly RowAddresses[];
  readonly sourceOf: Uint32Array;
  readonly places: Uint32Array;
  /** Where the builder copies row i to, at place i: vector and code. */
  readonly target: RowAddresses;
}

/** A navigable small world over rows 0 … size-1. */
export interface GraphLinks {
  readonly size: number;
  /** Per row: how many neighbours, then their rows, in `baseWords` numbers. */
  readonly base: Uint32Array<ArrayBuffer>;
  readonly baseWords: number;
  /**
   * Per row: where in `upper` its lists begin, in bytes; only rows above the base layer have any.
   */
  readonly offsets: Uint32Array<ArrayBuffer>;
  /** Per row and level above the base layer: count and neighbours, in `upperWords` numbers. */
  readonly upper: Uint32Array<ArrayBuffer>;
  readonly upperWords: number;
  /** The row where walks begin, and its level. */
  readonly entry: number;
  readonly level: number;
}

export interface GraphJob {
  /**
   * Called when the build's turn comes: until then a waiting job holds no rows. Null: not needed
   * any more.
   */
  readonly input: () => GraphInput | null;
  /** One of these is called once, unless the job was cancelled or not needed. */
  readonly done: (links: GraphLinks) => void;
  readonly failed: (error: unknown) => void;
  /**
   * Called once after `input` gave one, when nothing reads or writes its memory any more; before
   * `done` or `failed`.
   */
  readonly ended: () => void;
}

export interface GraphBuilder {
  /** Builds one after the other. The returned function cancels; a running build is ended. */
  submit(job: GraphJob): () => void;
}
