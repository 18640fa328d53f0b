/** Pure: what a range of CHUNKS means for cold, from the headers of its records. */

import type { DocumentId, Version } from "../../src/contract/ids.ts";
import type { MergeCounts } from "../../src/contract/merge.ts";
import type { RecordHeader } from "../../src/contract/record.ts";

/** The newest operation of a document inside a range. */
export interface NewestOperation {
  readonly kind: "upsert" | "delete";
  readonly version: Version;
  /** When its record was stored, unix milliseconds. */
  readonly atMs: number;
}

/** Last writer wins, in log order: a later header replaces an earlier one, never the reverse (I3). */
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

/** The upserts that cold must hold when the range is merged. */
export function liveUpserts(headers: readonly RecordHeader[]): readonly LiveUpsert[] {
  const newest = newestByDocument(headers);
  return headers.filter(
    (header): header is LiveUpsert =>
      header.kind === "upsert" &&
      header.documentId !== null &&
      newest.get(header.documentId)?.version === header.version,
  );
}

export type LiveUpsert = RecordHeader & { readonly documentId: DocumentId };

export function countRange(headers: readonly RecordHeader[]): MergeCounts {
  const live = liveUpserts(headers);
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

/**
 * Takes headers until a bound is reached. The bound on objects counts every upsert, also those that a
 * later record of the range supersedes: the reader has to pass over their bodies too.
 */
export class RangeBound {
  readonly #recordsMax: number;
  readonly #chunksMax: number;
  #records = 0;
  #chunks = 0;

  constructor(bounds: { readonly recordsMax: number; readonly chunksMax: number }) {
    this.#recordsMax = bounds.recordsMax;
    this.#chunksMax = bounds.chunksMax;
  }

  /** Whether the record still fits. The first always does: a merge must get past any single record. */
  take({ chunkCount }: RecordHeader): boolean {
    const fits = this.#records < this.#recordsMax && this.#chunks + chunkCount <= this.#chunksMax;
    if (!fits && this.#records > 0) return false;
    this.#records += 1;
    this.#chunks += chunkCount;
    return true;
  }
}
