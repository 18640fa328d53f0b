/** Reading the headers of a merge's range: once, whole, bounded. */

import type { Fingerprint, Position } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import type { MergeRange } from "../../src/contract/merge.ts";
import type { RecordHeader } from "../../src/contract/record.ts";
import { fingerprintOf } from "../../src/heads/fingerprint.ts";
import type { HeadsRecord } from "../../src/heads/heads.ts";
import type { MergePorts } from "../context.ts";
import { RangeBound } from "./decide-plan.ts";

/** All headers of a planned range. @throws FreshetError broken_chain */
export async function readHeaders(
  { log, signal }: MergePorts,
  { tenant, from, to }: MergeRange,
): Promise<readonly RecordHeader[]> {
  if (to <= from) return [];
  const headers: RecordHeader[] = [];
  const range = { tenant, after: from, to, signal: signal() };
  for await (const header of log.chunks.headers(range)) headers.push(header);
  return headers;
}

export interface BoundedHeaders {
  readonly headers: readonly RecordHeader[];
  /** Records of the range were left for the next merge. */
  readonly more: boolean;
}

/** Headers from the range's start to the first bound: `upTo`, records or objects of one merge. */
export async function readBoundedHeaders(
  { log, signal }: MergePorts,
  range: MergeRange & { readonly upTo?: number | undefined },
): Promise<BoundedHeaders> {
  if (range.to <= range.from) return { headers: [], more: false };
  const { mergeRecordsMax: recordsMax, mergeChunksMax: chunksMax } = limits;
  const bound = new RangeBound({ recordsMax, chunksMax });
  const headers: RecordHeader[] = [];
  const { tenant, from: after, to } = range;
  for await (const header of log.chunks.headers({ tenant, after, to, signal: signal() })) {
    // What lies behind `upTo` was not asked for, so it is no reason to merge again.
    if (header.position > (range.upTo ?? to)) return { headers, more: false };
    if (!bound.take(header)) return { headers, more: true };
    headers.push(header);
  }
  return { headers, more: false };
}

/** What the fold of heads reads of a header. */
export function fingerprintOfHeader({ tenant, documentId }: RecordHeader): Fingerprint | null {
  return documentId === null ? null : fingerprintOf(tenant, documentId);
}

/** A document that cold refused is gone, as if deleted: heads must not promise what cold can not hold. */
export function foldHeads(
  fold: { apply(record: HeadsRecord): void },
  headers: readonly RecordHeader[],
  refused: ReadonlySet<Position>,
): void {
  for (const header of headers) {
    const { version, position } = header;
    const kind = refused.has(position) ? "delete" : header.kind;
    fold.apply({ kind, version, fingerprint: fingerprintOfHeader(header) });
  }
}
