/**
 * Heads as they are stored: immutable pieces that a manifest names. Pure.
 *
 * A merge changes a few thousand of possibly millions of entries, anywhere in the order of
 * fingerprints, so no cut of the entries into pieces keeps most pieces as they are. Instead each
 * merge writes its changes as a *run* of its own, and runs are merged when eight of a size have
 * come together: a log-structured merge (O'Neil et al., The Log-Structured Merge-Tree, 1996; tiers
 * as in Cassandra's size-tiered compaction). An entry is written once a tier, so the bytes of a
 * merge grow with its changes and the logarithm of the heads, not with the heads.
 *
 *   HP1  pieces read in the manifest's order, each entry over the one before, give the heads;
 *   HP2  the same manifest and the same records give the same bytes on every node: pieces are named
 *        by digest;
 *   HP3  within a run fingerprints rise strictly; the oldest run deletes nothing.
 */

import { FreshetError } from "../contract/errors.ts";
import { type Version, version } from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";
import type { HeadsPiece } from "../contract/manifest.ts";
import {
  FingerprintTable,
  fingerprintIn,
  fingerprintWords,
  type Words,
  wordsOf,
} from "./fingerprint-table.ts";
import { Heads, type HeadsRecord } from "./heads.ts";

/**
 * 16 bytes of fingerprint, then the version as unsigned 64-bit little-endian; its top bit says
 * "deleted".
 */
const fingerprintBytes = 4 * fingerprintWords;
export const headsEntryBytes = fingerprintBytes + 8;

const wordSpan = 2 ** 32;
const deletedBit = 2 ** 31;

/** One entry of a run; null for a document that was deleted. */
interface RunEntry {
  readonly words: Words;
  readonly version: Version | null;
}

/**
 * Pieces of at most `entriesPerPiece` entries, together in fingerprint order; none for empty heads.
 */
export function encodePieces(heads: Heads, entriesPerPiece: number): Uint8Array[] {
  return encodeRun(liveEntries(heads), entriesPerPiece);
}

function* liveEntries(heads: Heads): Generator<RunEntry> {
  for (const [fingerprint, version] of heads) yield { words: wordsOf(fingerprint), version };
}

function encodeRun(entries: Iterable<RunEntry>, entriesPerPiece: number): Uint8Array[] {
  if (!Number.isSafeInteger(entriesPerPiece) || entriesPerPiece < 1) {
    throw new FreshetError("internal", "a heads piece holds at least one entry");
  }
  const pieces: Uint8Array[] = [];
  let bytes = new Uint8Array(entriesPerPiece * headsEntryBytes);
  let at = 0;
  for (const entry of entries) {
    encodeEntry(new DataView(bytes.buffer), at, entry);
    at += headsEntryBytes;
    if (at < bytes.byteLength) continue;
    pieces.push(bytes);
    bytes = new Uint8Array(entriesPerPiece * headsEntryBytes);
    at = 0;
  }
  return at === 0 ? pieces : [...pieces, bytes.slice(0, at)];
}

function encodeEntry(view: DataView, at: number, { words, version }: RunEntry): void {
  // Big-endian words: byte order then equals the order of the hexadecimal digits.
  for (let word = 0; word < fingerprintWords; word += 1) {
    view.setUint32(at + word * 4, words[word] as number, false);
  }
  view.setUint32(at + fingerprintBytes, (version ?? 0) % wordSpan, true);
  const high = version === null ? deletedBit : Math.floor(version / wordSpan);
  view.setUint32(at + fingerprintBytes + 4, high, true);
}

/**
 * Heads out of their pieces. Strict, because a wrong entry hides or resurrects a document.
 * @param runs the run of each piece; all of one run unless given
 * @throws FreshetError log_identity when the pieces are not what was encoded
 */
export function decodePieces(pieces: readonly Uint8Array[], runs?: readonly number[]): Heads {
  const heads = new Heads();
  const reader = new PieceReader();
  pieces.forEach((bytes, index) => {
    for (const { words, version } of reader.read(bytes, runs?.[index] ?? 0)) {
      if (version === null) heads.remove(words);
      else heads.put(words, version);
    }
  });
  return heads;
}

/** Reads pieces one after the other and checks their order (HP3). */
export class PieceReader {
  #run = 0;
  #last: Words | undefined;

  *read(bytes: Uint8Array, run: number): Generator<RunEntry> {
    if (bytes.byteLength === 0 || bytes.byteLength % headsEntryBytes !== 0) {
      throw malformed("its length is not a whole number of entries");
    }
    if (run < this.#run) throw malformed("its runs are not in order");
    if (run > this.#run) this.#last = undefined;
    this.#run = run;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at < bytes.byteLength; at += headsEntryBytes) {
      const entry = decodeEntry(view, at);
      if (this.#last !== undefined && compareWords(this.#last, entry.words) >= 0) {
        throw malformed("its entries are not in fingerprint order");
      }
      if (entry.version === null && run === 0) throw malformed("its oldest run deletes a document");
      this.#last = entry.words;
      yield entry;
    }
  }
}

function compareWords(left: Words, right: Words): number {
  for (let word = 0; word < fingerprintWords; word += 1) {
    const difference = (left[word] as number) - (right[word] as number);
    if (difference !== 0) return difference;
  }
  return 0;
}

function decodeEntry(view: DataView, at: number): RunEntry {
  const words = new Uint32Array(fingerprintWords);
  for (let word = 0; word < fingerprintWords; word += 1) {
    words[word] = view.getUint32(at + word * 4, false);
  }
  const low = view.getUint32(at + fingerprintBytes, true);
  const high = view.getUint32(at + fingerprintBytes + 4, true);
  if (high === deletedBit && low === 0) return { words, version: null };
  const value = high * wordSpan + low;
  if (!Number.isSafeInteger(value)) throw malformed("a version is out of range");
  return { words, version: version(value) };
}

function malformed(why: string): FreshetError {
  return new FreshetError("log_identity", `a heads piece is malformed: ${why}`);
}

// --- the next manifest's pieces ----------------------------------------------------------------

/** A piece that the manifest names, with its bytes. */
export interface ReadPiece {
  readonly piece: HeadsPiece;
  readonly bytes: Uint8Array;
}

export interface NextPieces {
  /** Stay as they are, at the head of the list. */
  readonly kept: readonly HeadsPiece[];
  /** To be stored; they follow as run `run`. */
  readonly written: readonly Uint8Array[];
  readonly run: number;
}

/** Heads, folded with the records of a merge, and what that changed. */
export class HeadsFold {
  readonly heads: Heads;
  readonly #before: readonly ReadPiece[];
  /** Fingerprints that records named; their entries are looked up in the heads at the end. */
  readonly #touched = new FingerprintTable();

  /** @throws FreshetError log_identity */
  constructor(before: readonly ReadPiece[]) {
    this.#before = before;
    this.heads = decodePieces(
      before.map(({ bytes }) => bytes),
      before.map(({ piece }) => runOf(piece)),
    );
  }

  apply(record: HeadsRecord): void {
    this.heads.apply(record);
    if (record.fingerprint !== null) this.#touched.set(wordsOf(record.fingerprint), 1);
  }

  /** What the next manifest names instead of the pieces before. */
  next(): NextPieces {
    const { heads } = this;
    const sizes = runSizes(this.#before.map(({ piece }) => piece));
    const from = firstRunToMerge({ sizes, changes: this.#touched.size, live: heads.size });
    const perPiece = limits.headsPieceEntriesMax;
    if (from === 0) return { kept: [], written: encodePieces(heads, perPiece), run: 0 };
    const kept = this.#before.map(({ piece }) => piece).filter((piece) => runOf(piece) < from);
    return { kept, written: encodeRun(this.#runFrom(from), perPiece), run: from };
  }

  /**
   * The runs from `from` on and the changes as one: each fingerprint that any of them names, as the
   * heads have it.
   */
  *#runFrom(from: number): Generator<RunEntry> {
    const named = this.#touched.copy();
    const reader = new PieceReader();
    for (const { piece, bytes } of this.#before.filter(({ piece: one }) => runOf(one) >= from)) {
      for (const { words } of reader.read(bytes, runOf(piece))) named.set(words, 1);
    }
    for (const { words } of named.entries()) {
      yield { words, version: this.heads.get(fingerprintIn(words)) ?? null };
    }
  }
}

export function runOf({ run = 0 }: Pick<HeadsPiece, "run">): number {
  return run;
}

/** Entries of each run, oldest first. */
function runSizes(pieces: readonly HeadsPiece[]): readonly number[] {
  const sizes: number[] = [];
  for (const piece of pieces) sizes[runOf(piece)] = (sizes[runOf(piece)] ?? 0) + piece.entries;
  return sizes;
}

/**
 * The oldest run that is written anew together with all newer ones and the changes; the number of
 * runs when the changes become a run of their own.
 */
export function firstRunToMerge(state: {
  /** Entries of each run, oldest first. */
  readonly sizes: readonly number[];
  readonly changes: number;
  /** Live documents after the changes. */
  readonly live: number;
}): number {
  const { sizes, changes, live } = state;
  const total = sizes.reduce((sum, size) => sum + size, changes);
  if (total <= limits.headsOneRunEntriesMax) return 0;
  // More than half of what is read says what another run says again, or that a document is gone.
  if (total > 2 * live + limits.headsOneRunEntriesMax) return 0;
  let from = sizes.length;
  let size = changes;
  for (;;) {
    const tier = tierOf(size);
    let first = from;
    while (first > 0 && tierOf(sizes[first - 1] ?? 0) <= tier) first -= 1;
    if (from - first < limits.headsRunsPerTier - 1) return from;
    size += sizes.slice(first, from).reduce((sum, one) => sum + one, 0);
    from = first;
  }
}

function tierOf(size: number): number {
  const smallest = limits.headsRunEntriesMin;
  return Math.floor(
    Math.log(Math.max(size, smallest) / smallest) / Math.log(limits.headsRunsPerTier),
  );
}
