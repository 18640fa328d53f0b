/**
 * Graphs over rows: which to build, and how to search one so that deletes and filters cost no
 * completeness (H3). The native index never sees a filter or a delete: it is asked for more labels
 * until enough of them count, and where few rows count, those are scanned exactly instead.
 */

import type { Graph } from "./graph.ts";
import type { Row, Segment } from "./rows.ts";
import type { TopK } from "./top-k.ts";

/** How much more is asked for when too few of the nearest counted. */
const growth = 4;
/** Asking for more than a share of the graph costs more than scanning its rows. */
const scanShare = 8;
/** Below this many rows of a filtered graph the exact scan is at least as fast. */
const scanRowsMin = 512;

export interface SegmentQuery {
  readonly vector: Float32Array;
  readonly limit: number;
  readonly accepts: (row: Row) => boolean;
  readonly cosine: (row: Row, vector: Float32Array) => number;
}

/** Offers about the `limit` best live rows of the segment that the query accepts. */
export function searchSegment(segment: Segment, query: SegmentQuery, best: TopK<Row>): void {
  const { graph, rows, live } = segment;
  const asksMax = Math.max(scanRowsMin, Math.ceil(graph.size / scanShare));
  // Dead rows crowd out live ones in proportion; asking for their share up front saves a round.
  let asks = Math.ceil((query.limit * graph.size) / Math.max(1, live));
  while (asks <= asksMax && asks <= graph.size) {
    const counting = acceptedOf(graph.nearest(query.vector, asks), rows, query);
    if (counting.length >= query.limit) {
      offerAll(counting, query, best);
      return;
    }
    asks *= growth;
  }
  offerAll(
    rows.filter((row) => row !== undefined && row.alive && query.accepts(row)),
    query,
    best,
  );
}

function acceptedOf(
  labels: readonly number[],
  rows: readonly (Row | undefined)[],
  query: SegmentQuery,
): Row[] {
  const counting: Row[] = [];
  for (const label of labels) {
    const row = rows[label];
    if (row?.alive === true && query.accepts(row)) counting.push(row);
  }
  return counting;
}

function offerAll(rows: readonly (Row | undefined)[], query: SegmentQuery, best: TopK<Row>): void {
  for (const row of rows) {
    if (row !== undefined) best.offer(query.cosine(row, query.vector), row);
  }
}

/**
 * Segments to fold into the next build, smallest first, as long as each is no larger than what it
 * joins: sizes stay a geometric row, so there are few segments and each row is built few times.
 */
export function segmentsToFold(tailRows: number, segments: readonly Segment[]): readonly Segment[] {
  const folded: Segment[] = [];
  let sum = tailRows;
  for (const segment of segments.toSorted((left, right) => left.live - right.live)) {
    if (segment.live > sum) break;
    folded.push(segment);
    sum += segment.live;
  }
  return folded;
}

/** Takes live rows out of wherever they are into a new segment; rows that died meanwhile are left out. */
export function createSegment(graph: Graph, built: readonly Row[]): Segment {
  const rows: (Row | undefined)[] = new Array<Row | undefined>(built.length);
  const segment: Segment = { graph, rows, live: 0 };
  for (const [label, row] of built.entries()) {
    if (!row.alive) continue;
    if (row.segment === null) row.slab.tail -= 1;
    row.segment = segment;
    row.label = label;
    rows[label] = row;
    segment.live += 1;
  }
  return segment;
}

/** Gives the live rows of a segment back to the tail. */
export function dissolve(segment: Segment): void {
  for (const row of segment.rows) {
    if (row === undefined) continue;
    row.segment = null;
    row.slab.tail += 1;
  }
}

/** A graph that is mostly dead answers worse than a scan of what is left. */
export function isMostlyDead(segment: Segment): boolean {
  return segment.live * 2 < segment.rows.length;
}
