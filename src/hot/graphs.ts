/**
 * The graphs of a hot shard: when to build one, what to fold into it, when to give one up.
 *
 * Owns the segments and the one build that may be under way. Never owns vectors: rows stay in the slabs,
 * so giving up a graph is only forgetting it. Sends jobs to a GraphBuilder, whose reply is swapped in
 * within one synchronous step.
 */

import type { FlatTail } from "./flat-tail.ts";
import type { Graph, GraphBuilder, GraphInput } from "./graph.ts";
import {
  createSegment,
  dissolve,
  isMostlyDead,
  type SegmentQuery,
  searchSegment,
  segmentsToFold,
} from "./graph-segment.ts";
import type { Row, Segment } from "./rows.ts";
import type { TopK } from "./top-k.ts";

export interface GraphsOptions {
  readonly dimensions: number;
  /** Rows outside of graphs above which one is built. */
  readonly flatMax: number;
  /** None: always exact. */
  readonly builder?: GraphBuilder | undefined;
  readonly onBuildFailed?: ((error: unknown) => void) | undefined;
}

/** What a build was started from. */
interface Snapshot {
  readonly rows: readonly Row[];
  readonly folded: readonly Segment[];
}

const nothing: Snapshot = { rows: [], folded: [] };

export class Graphs {
  readonly #options: GraphsOptions;
  readonly #tail: FlatTail;
  #segments: readonly Segment[] = [];
  #cancel: (() => void) | null = null;
  /** Grows when a build fails, so that a broken builder is not asked at every insert. */
  #buildAbove: number;

  constructor(options: GraphsOptions, tail: FlatTail) {
    this.#options = options;
    this.#tail = tail;
    this.#buildAbove = options.flatMax;
  }

  /** Starts a build when the tail is long and none is under way. */
  consider(): void {
    const { builder } = this.#options;
    if (builder === undefined || this.#cancel !== null) return;
    if (this.#tail.tailCount() > this.#buildAbove) this.#start(builder);
  }

  /** Takes a dead row out of its segment; its vector is still in the slabs. */
  leave(row: Row): void {
    const { segment } = row;
    if (segment === null) return;
    segment.rows[row.label] = undefined;
    segment.live -= 1;
    this.#dissolveDead(segment);
  }

  search(query: Omit<SegmentQuery, "cosine">, best: TopK<Row>): void {
    const cosine = (row: Row, vector: Float32Array): number => this.#tail.cosine(row, vector);
    for (const segment of this.#segments) searchSegment(segment, { ...query, cosine }, best);
  }

  bytes(): number {
    return this.#segments.reduce((sum, { graph, rows }) => sum + graph.bytes + rows.length * 8, 0);
  }

  close(): void {
    this.#cancel?.();
    this.#cancel = null;
    this.#buildAbove = Number.POSITIVE_INFINITY;
    this.#segments = [];
  }

  #start(builder: GraphBuilder): void {
    let snapshot = nothing;
    this.#cancel = builder.submit({
      input: () => {
        if (this.#tail.tailCount() <= this.#options.flatMax) {
          this.#cancel = null;
          return null;
        }
        snapshot = this.#snapshot();
        return graphInput(snapshot.rows, this.#options.dimensions);
      },
      done: (graph) => {
        this.#cancel = null;
        this.#buildAbove = this.#options.flatMax;
        this.#swapIn(graph, snapshot);
        // The job outlives this call in the builder; the rows must not.
        snapshot = nothing;
        this.consider();
      },
      failed: (error) => {
        this.#cancel = null;
        snapshot = nothing;
        this.#buildAbove = this.#tail.tailCount() + this.#options.flatMax;
        this.#options.onBuildFailed?.(error);
      },
    });
  }

  #snapshot(): Snapshot {
    const folded = segmentsToFold(this.#tail.tailCount(), this.#segments);
    return { folded, rows: [...folded.flatMap(liveRows), ...this.#tail.tailRows()] };
  }

  #swapIn(graph: Graph, { rows, folded }: Snapshot): void {
    const segment = createSegment(graph, rows);
    this.#segments = [...this.#segments.filter((other) => !folded.includes(other)), segment];
    this.#dissolveDead(segment);
  }

  #dissolveDead(segment: Segment): void {
    if (!isMostlyDead(segment)) return;
    dissolve(segment);
    this.#segments = this.#segments.filter((other) => other !== segment);
  }
}

function liveRows(segment: Segment): Row[] {
  return segment.rows.filter((row): row is Row => row !== undefined);
}

function graphInput(rows: readonly Row[], dimensions: number): GraphInput {
  const blocks = new Map<Float32Array, number>();
  const blockOf = new Uint32Array(rows.length);
  const places = new Uint32Array(rows.length);
  for (const [label, { slab, index }] of rows.entries()) {
    let block = blocks.get(slab.vectors);
    if (block === undefined) {
      block = blocks.size;
      blocks.set(slab.vectors, block);
    }
    blockOf[label] = block;
    places[label] = index;
  }
  return { dimensions, blocks: [...blocks.keys()], blockOf, places };
}
