/**
 * The graphs of a hot shard: when to build one, what to fold into it, when to give one up.
 *
 * Owns the blocks that have a graph, and the one build that may be under way. Sends jobs to a
 * GraphBuilder, whose reply is swapped in within one synchronous step.
 *
 *   G1  a build reads a snapshot, whose blocks it holds; rows that died meanwhile are left out when
 *       it is swapped in, rows that arrived meanwhile stay in the tail;
 *   G2  a failed build costs speed only: the tail is scanned, and a later size tries again;
 *   G3  a graph that is mostly dead is given up: its block goes to the tail.
 */

import { Block } from "./block.ts";
import type { GraphBuilder, GraphInput, GraphLinks } from "./graph.ts";
import { placeLinks } from "./graph-links.ts";
import type { Row, RowBlock } from "./rows.ts";
import type { RowAddresses, VectorMemory } from "./simd.ts";
import type { Tail } from "./tail.ts";

export interface GraphsOptions {
  readonly memory: VectorMemory;
  readonly dimensions: number;
  /** Rows outside of graphs above which one is built. */
  readonly flatMax: number;
  /** Where a scan is taken for cheaper than a walk (nearest.ts); default `scanBelowDefault`. */
  readonly scanBelow?: number | undefined;
  /** None: always exact. */
  readonly builder?: GraphBuilder | undefined;
  readonly onBuildFailed?: ((error: unknown) => void) | undefined;
}

/** What a build was started from. */
interface Snapshot {
  readonly rows: readonly Row[];
  readonly sources: readonly RowBlock[];
  readonly target: RowBlock;
}

export class Graphs {
  readonly #options: GraphsOptions;
  readonly #tail: Tail;
  #blocks: readonly RowBlock[] = [];
  #snapshot: Snapshot | null = null;
  #cancel: (() => void) | null = null;
  /** Grows when a build fails, so that a broken builder is not asked at every insert. */
  #buildAbove: number;

  constructor(options: GraphsOptions, tail: Tail) {
    this.#options = options;
    this.#tail = tail;
    this.#buildAbove = options.flatMax;
  }

  get blocks(): readonly RowBlock[] {
    return this.#blocks;
  }

  get bytes(): number {
    return this.#blocks.reduce((sum, { bytes, graph }) => sum + bytes + (graph?.bytes ?? 0), 0);
  }

  /** Starts a build when the tail is long and none is under way. */
  consider(): void {
    const { builder } = this.#options;
    if (builder === undefined || this.#cancel !== null) return;
    if (this.#tail.count > this.#buildAbove) this.#start(builder);
  }

  /** After rows of one of its blocks have gone. */
  tidy(block: RowBlock): void {
    if (block.live > 0 && block.live * 2 >= block.rows.length) return;
    this.#blocks = this.#blocks.filter((other) => other !== block);
    if (block.live === 0) {
      block.release();
      return;
    }
    block.dropGraph();
    this.#tail.add(block);
  }

  clear(): void {
    this.#cancel?.();
    this.#cancel = null;
    this.#buildAbove = Number.POSITIVE_INFINITY;
    for (const block of this.#blocks) block.release();
    this.#blocks = [];
  }

  #start(builder: GraphBuilder): void {
    this.#cancel = builder.submit({
      input: () => {
        if (this.#tail.count <= this.#options.flatMax) {
          this.#cancel = null;
          return null;
        }
        this.#snapshot = this.#take();
        return graphInput(this.#snapshot, this.#options);
      },
      ended: () => {
        for (const block of this.#snapshot?.sources ?? []) block.release();
        // Cancelled: `done` is never called, and nothing holds the target.
        if (this.#cancel === null) this.#forget();
      },
      done: (links) => {
        this.#swapIn(links);
        this.#cancel = null;
        this.#buildAbove = this.#options.flatMax;
        this.consider();
      },
      failed: (error) => {
        this.#cancel = null;
        this.#forget();
        this.#buildAbove = this.#tail.count + this.#options.flatMax;
        this.#options.onBuildFailed?.(error);
      },
    });
  }

  #take(): Snapshot {
    const { memory, dimensions } = this.#options;
    const folded = blocksToFold(this.#tail.count, this.#blocks);
    const sources = [...folded, ...this.#tail.blocks];
    const rows = sources.flatMap((block) => block.rows.filter((row) => row !== undefined));
    const target = new Block<Row>(memory, dimensions, rows.length);
    for (const block of sources) block.hold();
    return { rows, sources, target };
  }

  #forget(): void {
    this.#snapshot?.target.release();
    this.#snapshot = null;
  }

  #swapIn(links: GraphLinks): void {
    if (this.#snapshot === null) return;
    const { rows, target } = this.#snapshot;
    // Where there is no room for the links, this throws, and the build counts as failed.
    target.setGraph(placeLinks(this.#options.memory.arena, links, target.addresses));
    this.#snapshot = null;
    const emptied = new Set<RowBlock>();
    for (const [index, row] of rows.entries()) {
      if (!row.entry.alive) continue;
      emptied.add(row.block);
      target.adopt(row, index);
    }
    this.#blocks = [...this.#blocks, target];
    for (const block of emptied) {
      if (block.graph === null) this.#tail.tidy(block);
      else this.tidy(block);
    }
    this.tidy(target);
  }
}

/**
 * Graphs to fold into the next build, smallest first, as long as each is no larger than what it
 * joins: sizes stay a geometric row, so there are few graphs and each row is built few times.
 */
export function blocksToFold(tailRows: number, blocks: readonly RowBlock[]): readonly RowBlock[] {
  const folded: RowBlock[] = [];
  let sum = tailRows;
  for (const block of blocks.toSorted((left, right) => left.live - right.live)) {
    if (block.live > sum) break;
    folded.push(block);
    sum += block.live;
  }
  return folded;
}

function graphInput({ rows, sources, target }: Snapshot, options: GraphsOptions): GraphInput {
  const numbers = new Map<RowBlock, number>(sources.map((block, index) => [block, index]));
  const sourceOf = new Uint32Array(rows.length);
  const places = new Uint32Array(rows.length);
  for (const [row, { block, index }] of rows.entries()) {
    sourceOf[row] = numbers.get(block) ?? 0;
    places[row] = index;
  }
  const addresses = sources.map((block): RowAddresses => block.addresses);
  const { memory, dimensions } = options;
  const shared = memory.arena.memory;
  return {
    memory: shared,
    dimensions,
    sources: addresses,
    sourceOf,
    places,
    target: target.addresses,
  };
}
