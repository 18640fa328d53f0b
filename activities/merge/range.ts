/**
 * A range of CHUNKS, and what it means for cold: its headers, read once, whole and bounded, and the
 * operations of it that count.
 */

import { FreshetError } from "../../src/contract/errors.ts";
import { hasExpired } from "../../src/contract/expiry.ts";
import type { DocumentId, Fingerprint, Position, Version } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import type { MergeCounts, MergeRange } from "../../src/contract/merge.ts";
import type { RecordHeader } from "../../src/contract/record.ts";
import { fingerprintOf } from "../../src/heads/fingerprint.ts";
import type { HeadsRecord } from "../../src/heads/heads.ts";
import type { MergePorts } from "../context.ts";

// --- reading -----------------------------------------------------------------------------------

/** All headers of a planned range. @throws FreshetError broken_chain, log_unavailable */
export async function readHeaders(
  { log, signal }: MergePorts,
  { tenant, from: after, to }: MergeRange,
): Promise<readonly RecordHeader[]> {
  if (to <= after) return [];
  const headers: RecordHeader[] = [];
  const range = { tenant, after, to, signal: signal() };
  for await (const header of log.chunks.headers(range)) headers.push(header);
  return headers;
}

export interface BoundedHeaders {
  readonly headers: readonly RecordHeader[];
  /** Records of the range were left for the next merge. */
  readonly more: boolean;
}

/**
 * Headers from the range's start to the first bound: `upTo`, records or objects of one merge.
 * @throws FreshetError broken_chain, log_unavailable
 */
export async function readBoundedHeaders(
  { log, signal }: MergePorts,
  range: MergeRange & { readonly upTo?: number | undefined },
): Promise<BoundedHeaders> {
  const { tenant, from: after, to } = range;
  if (to <= after) return { headers: [], more: false };
  const { mergeRecordsMax: recordsMax, mergeChunksMax: chunksMax } = limits;
  const bound = new RangeBound({ recordsMax, chunksMax });
  const headers: RecordHeader[] = [];
  for await (const header of log.chunks.headers({ tenant, after, to, signal: signal() })) {
    // What lies after `upTo` was not asked for, so it is no reason to merge again.
    if (header.position > (range.upTo ?? to)) return { headers, more: false };
    if (!bound.take(header)) return { headers, more: true };
    headers.push(header);
  }
  return { headers, more: false };
}

/** Null when the log no longer holds the range. @throws FreshetError log_unavailable */
export async function readUnlessBroken(
  ports: MergePorts,
  range: MergeRange,
): Promise<BoundedHeaders | null> {
  try {
    return await readBoundedHeaders(ports, range);
  } catch (error) {
    if (error instanceof FreshetError && error.code === "broken_chain") return null;
    throw error;
  }
}

/**
 * Takes headers until a bound is reached. The bound on objects counts every upsert, also those that
 * a later record of the range supersedes: the reader has to pass over their bodies too.
 */
class RangeBound {
  readonly #recordsMax: number;
  readonly #chunksMax: number;
  #records = 0;
  #chunks = 0;

  constructor(bounds: { readonly recordsMax: number; readonly chunksMax: number }) {
    this.#recordsMax = bounds.recordsMax;
    this.#chunksMax = bounds.chunksMax;
  }

  /** Whether the record still fits. The first always does: a merge must get past any record. */
  take({ chunkCount }: RecordHeader): boolean {
    const fits = this.#records < this.#recordsMax && this.#chunks + chunkCount <= this.#chunksMax;
    if (!fits && this.#records > 0) return false;
    this.#records += 1;
    this.#chunks += chunkCount;
    return true;
  }
}

// --- meaning -----------------------------------------------------------------------------------

/** The newest operation of a document inside a range. */
export interface NewestOperation {
  readonly kind: "upsert" | "delete";
  readonly version: Version;
  /** When its record was stored, unix milliseconds. */
  readonly atMs: number;
}

/** Last writer wins, in log order: a later header replaces an earlier one (I3). */
export function newestByDocument(
  headers: readonly RecordHeader[],
): ReadonlyMap<DocumentId, NewestOperation> {
  const newest = new Map<DocumentId, NewestOperation>();
  for (const { kind, documentId, version, atMs } of headers) {
    if ((kind !== "upsert" && kind !== "delete") || documentId === null) continue;
    const known = newest.get(documentId);
    if (known !== undefined && version < known.version) continue;
    newest.set(documentId, { kind, version, atMs });
  }
  return newest;
}

/**
 * The upserts that cold must hold when the range is merged. What has expired supersedes what was
 * before it, and is not one of them.
 */
export function liveUpserts(
  headers: readonly RecordHeader[],
  expiredAtMs = Number.NEGATIVE_INFINITY,
): readonly LiveUpsert[] {
  const newest = newestByDocument(headers);
  return headers.filter(
    (header): header is LiveUpsert =>
      header.kind === "upsert" &&
      header.documentId !== null &&
      !hasExpired(header, expiredAtMs) &&
      newest.get(header.documentId)?.version === header.version,
  );
}

export type LiveUpsert = RecordHeader & { readonly documentId: DocumentId };

/** A document that has expired counts among the deletes. */
export function countRange(
  headers: readonly RecordHeader[],
  expiredAtMs?: number | undefined,
): MergeCounts {
  const live = liveUpserts(headers, expiredAtMs);
  const operations = headers.filter(({ kind }) => kind === "upsert" || kind === "delete").length;
  const documents = newestByDocument(headers);
  return {
    records: headers.length,
    upserts: live.length,
    superseded: operations - documents.size,
    deletes: documents.size - live.length,
    rejects: headers.filter(({ kind }) => kind === "reject").length,
    chunks: chunksOf(live),
    bytes: sum(live, ({ bytes }) => bytes),
  };
}

/** Objects that the records make in cold. */
export function chunksOf(live: readonly LiveUpsert[]): number {
  return sum(live, ({ chunkCount }) => chunkCount);
}

function sum<T>(values: readonly T[], of: (value: T) => number): number {
  return values.reduce((total, value) => total + of(value), 0);
}

// --- heads -------------------------------------------------------------------------------------

/** What the fold of heads reads of a header. */
export function fingerprintOfHeader({ tenant, documentId }: RecordHeader): Fingerprint | null {
  return documentId === null ? null : fingerprintOf(tenant, documentId);
}

/**
 * A document that cold refused is gone, as if deleted: heads must not promise what cold lacks. One
 * that has expired is gone, too.
 */
export function foldHeads(
  fold: { apply(record: HeadsRecord): void },
  headers: readonly RecordHeader[],
  gone: { readonly refused: ReadonlySet<Position>; readonly expiredAtMs?: number | undefined },
): void {
  const { refused, expiredAtMs = Number.NEGATIVE_INFINITY } = gone;
  for (const header of headers) {
    const { version, position } = header;
    const isGone = refused.has(position) || hasExpired(header, expiredAtMs);
    const kind = isGone ? "delete" : header.kind;
    fold.apply({ kind, version, fingerprint: fingerprintOfHeader(header) });
  }
}
