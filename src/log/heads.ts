/**
 * Heads: document fingerprint → newest version, one entry per live document. The authority on what of
 * cold counts (design.md, Heads).
 *
 * Owns: the fold of one tenant's CHUNKS, and of nothing else. Never does: I/O, hashing, time.
 *
 *   HE1  after a prefix of CHUNKS the entries are exactly its live documents, each in its newest version;
 *   HE2  a record that is older than its document's entry changes nothing; applying a record twice is once;
 *   HE3  the same heads encode to the same bytes, whoever encodes them: pieces are named by their digest.
 *
 * There are no tombstones. A delete removes the entry and nothing remembers its version, which would let
 * an older upsert that arrives later bring the document back. It cannot arrive later: a tenant's CHUNKS
 * records are in version order (the fenced append keeps them so), every reader folds an unbroken chain
 * from the start that its heads were taken at, and what late writers leave in cold never passes through
 * here. So keep feeding the fold in log order, each stretch once: that is what makes 24 bytes enough.
 */

import { FreshetError } from "../contract/errors.ts";
import type { Fingerprint, Version } from "../contract/ids.ts";
import type { ChunkRecord } from "../contract/record.ts";

/** What the fold reads of a record. Fences have no document, rejects may have none, duplicates name none: all change nothing. */
export interface HeadsRecord {
  readonly kind: ChunkRecord["kind"];
  readonly version: Version;
  readonly fingerprint: Fingerprint | null;
}

export type HeadsEntry = readonly [Fingerprint, Version];

/** 16 bytes of fingerprint, then the version as unsigned 64-bit little-endian. */
const fingerprintBytes = 16;
export const headsEntryBytes = fingerprintBytes + 8;

const wordSpan = 2 ** 32;

export class Heads implements Iterable<HeadsEntry> {
  readonly #versions: Map<Fingerprint, Version>;

  constructor(entries: Iterable<HeadsEntry> = []) {
    this.#versions = new Map(entries);
  }

  /** Live documents. */
  get size(): number {
    return this.#versions.size;
  }

  /** The document's newest version; undefined when it is deleted or was never there. */
  get(fingerprint: Fingerprint): Version | undefined {
    return this.#versions.get(fingerprint);
  }

  /** The next record of the log. */
  apply({ kind, version, fingerprint }: HeadsRecord): void {
    switch (kind) {
      case "fence":
      case "reject":
      case "duplicate":
        return;
      case "upsert":
      case "delete":
        break;
    }
    if (fingerprint === null) {
      throw new FreshetError("internal", "a record that changes a document names none");
    }
    const head = this.#versions.get(fingerprint);
    if (head !== undefined && head > version) return;
    if (kind === "upsert") this.#versions.set(fingerprint, version);
    else this.#versions.delete(fingerprint);
  }

  /** A copy that later records do not change: a fold can be tried without touching the original. */
  copy(): Heads {
    return new Heads(this.#versions);
  }

  /** In fingerprint order, which makes the encoding canonical (HE3). */
  *[Symbol.iterator](): Iterator<HeadsEntry> {
    for (const fingerprint of [...this.#versions.keys()].sort()) {
      yield [fingerprint, this.#versions.get(fingerprint) as Version];
    }
  }
}

/** Pieces of at most `entriesPerPiece` entries, together in fingerprint order; none for empty heads. */
export function encodePieces(heads: Heads, entriesPerPiece: number): Uint8Array[] {
  if (!Number.isSafeInteger(entriesPerPiece) || entriesPerPiece < 1) {
    throw new FreshetError("internal", "a heads piece holds at least one entry");
  }
  const entries = [...heads];
  const pieces: Uint8Array[] = [];
  for (let start = 0; start < entries.length; start += entriesPerPiece) {
    pieces.push(encodeEntries(entries.slice(start, start + entriesPerPiece)));
  }
  return pieces;
}

function encodeEntries(entries: readonly HeadsEntry[]): Uint8Array {
  const bytes = new Uint8Array(entries.length * headsEntryBytes);
  const view = new DataView(bytes.buffer);
  entries.forEach(([fingerprint, version], index) => {
    const at = index * headsEntryBytes;
    // Big-endian words: byte order then equals the order of the hexadecimal digits.
    for (let word = 0; word < 4; word += 1) {
      const digits = fingerprint.slice(word * 8, word * 8 + 8);
      view.setUint32(at + word * 4, Number.parseInt(digits, 16), false);
    }
    view.setUint32(at + fingerprintBytes, version % wordSpan, true);
    view.setUint32(at + fingerprintBytes + 4, Math.floor(version / wordSpan), true);
  });
  return bytes;
}

/**
 * The inverse of `encodePieces`. Strict, because a wrong heads entry hides or resurrects a document.
 * @throws FreshetError log_identity when the pieces are not what `encodePieces` writes
 */
export function decodePieces(pieces: readonly Uint8Array[]): Heads {
  const entries: HeadsEntry[] = [];
  let last = "";
  for (const piece of pieces) {
    if (piece.byteLength === 0 || piece.byteLength % headsEntryBytes !== 0) {
      throw malformed("its length is not a whole number of entries");
    }
    const view = new DataView(piece.buffer, piece.byteOffset, piece.byteLength);
    for (let at = 0; at < piece.byteLength; at += headsEntryBytes) {
      const entry = decodeEntry(view, at);
      if (entry[0] <= last) throw malformed("its entries are not in fingerprint order");
      last = entry[0];
      entries.push(entry);
    }
  }
  return new Heads(entries);
}

function decodeEntry(view: DataView, at: number): HeadsEntry {
  let fingerprint = "";
  for (let word = 0; word < 4; word += 1) {
    fingerprint += view
      .getUint32(at + word * 4, false)
      .toString(16)
      .padStart(8, "0");
  }
  const low = view.getUint32(at + fingerprintBytes, true);
  const version = view.getUint32(at + fingerprintBytes + 4, true) * wordSpan + low;
  if (!Number.isSafeInteger(version)) throw malformed("a version is out of range");
  return [fingerprint as Fingerprint, version as Version];
}

function malformed(why: string): FreshetError {
  return new FreshetError("log_identity", `a heads piece is malformed: ${why}`);
}
