/**
 * The dense half of a search: the best rows of all blocks for a question's vector, each block by
 * the cheaper of two ways. A scan looks at every row that counts; a walk follows a graph and needs
 * more steps the fewer rows count. Both apply deletes and filters inside (H3).
 */

import { type Admission, pickAdmitted } from "./access-index.ts";
import type { Entry, Row, RowBlock } from "./rows.ts";
import type { Question, Simd } from "./simd.ts";

/** How many finds a walk keeps, at least: ef of HNSW. Recall 1.00 on 50k clustered vectors. */
export const searchBreadth = 64;
/** Finds beyond those wanted, since codes order them only about. */
const breadthSpare = 32;
/**
 * A walk over rows of which a share s counts costs about 60 us / s, a scan of them 15 ns a row;
 * both measured at 384 dimensions. So the scan is cheaper where rows x s^2 is below this.
 */
export const scanBelowDefault = 4_000;

export interface NearestQuestion extends Question {
  /** Documents that count, or all that a reader is let in to; undefined: all. */
  readonly picked?: readonly Entry[] | Admission | undefined;
  /** `scanBelowDefault`, unless a test wants walks through few rows. */
  readonly scanBelow: number;
}

export interface ScoredRow {
  readonly row: Row;
  readonly cosine: number;
}

/**
 * About the `limit` best rows, unordered: exact over blocks without a graph. Leaves the SIMD code
 * at the question.
 */
export function nearestRows(
  simd: Simd,
  blocks: readonly RowBlock[],
  { vector, limit, picked, scanBelow }: NearestQuestion,
): ScoredRow[] {
  if (picked !== undefined) pickRows(blocks, picked);
  simd.begin({ vector, limit });
  let base = 0;
  for (const block of blocks) {
    block.base = base;
    base += block.capacity;
    lookInto(simd, block, { limit, scanBelow, filtered: picked !== undefined });
  }
  const rows: ScoredRow[] = [];
  simd.take((id, cosine) => {
    const row = rowOf(blocks, id);
    if (row !== undefined) rows.push({ row, cosine });
  });
  return rows;
}

function pickRows(blocks: readonly RowBlock[], picked: readonly Entry[] | Admission): void {
  if ("masks" in picked) {
    for (const block of blocks) pickAdmitted(block, picked);
    return;
  }
  for (const block of blocks) block.clearPicked();
  for (const { rows } of picked) {
    for (const { block, index } of rows) block.pick(index);
  }
}

function lookInto(
  simd: Simd,
  block: RowBlock,
  options: { readonly limit: number; readonly scanBelow: number; readonly filtered: boolean },
): void {
  const { limit, scanBelow, filtered } = options;
  const counting = filtered ? block.picked : block.live;
  if (counting === 0) return;
  const { base, graph } = block;
  const maskAt = filtered ? block.pickedAt : block.liveAt;
  const rows = block.rows.length;
  if (graph === null || counting * counting < scanBelow * rows) {
    simd.scan({ ...block.addresses, maskAt, rows: block.used, base });
  } else {
    const breadth = Math.max(searchBreadth, limit + breadthSpare);
    simd.search({ graphAt: graph.address, rows, maskAt, base, breadth });
  }
}

function rowOf(blocks: readonly RowBlock[], id: number): Row | undefined {
  const block = blocks.findLast(({ base }) => base <= id);
  return block?.rows[id - block.base];
}
