/**
 * Heads: document fingerprint → newest version, one entry per live document. The authority on what
 * of cold counts (ARCHITECTURE.md, glossary). How they are stored: pieces.ts.
 *
 * Owns: the fold of one tenant's CHUNKS, and of nothing else. Never does: I/O, hashing, time.
 *
 *   HE1  after a prefix of CHUNKS the entries are exactly its live documents, each in its newest
 *        version;
 *   HE2  a record that is older than its document's entry changes nothing; applying a record twice
 *        is once.
 *
 * There are no tombstones. A delete removes the entry and nothing remembers its version, which
 * would let an older upsert that arrives later bring the document back. It cannot arrive later: a
 * tenant's CHUNKS records are in version order (the fenced append keeps them so), every reader
 * folds an unbroken chain from the start that its heads were taken at, and what late writers leave
 * in cold never passes through here. So keep feeding the fold in log order, each stretch once: that
 * is what makes 24 bytes enough.
 */

import { FreshetError } from "../contract/errors.ts";
import { type Fingerprint, type Version, version } from "../contract/ids.ts";
import type { ChunkRecord } from "../contract/record.ts";
import { FingerprintTable, fingerprintIn, type Words, wordsOf } from "./fingerprint-table.ts";

/**
 * What the fold reads of a record. Fences have no document, rejects may have none, duplicates name
 * none: all change nothing.
 */
export interface HeadsRecord {
  readonly kind: ChunkRecord["kind"];
  readonly version: Version;
  readonly fingerprint: Fingerprint | null;
}

export type HeadsEntry = readonly [Fingerprint, Version];

export class Heads implements Iterable<HeadsEntry> {
  readonly #table: FingerprintTable;

  constructor(entries: Iterable<HeadsEntry> = [], table = new FingerprintTable()) {
    this.#table = table;
    for (const [fingerprint, version] of entries) this.put(wordsOf(fingerprint), version);
  }

  /** Live documents. */
  get size(): number {
    return this.#table.size;
  }

  /** Memory of the entries. */
  get bytes(): number {
    return this.#table.bytes;
  }

  /** The document's newest version; undefined when it is deleted or was never there. */
  get(fingerprint: Fingerprint): Version | undefined {
    const value = this.#table.get(wordsOf(fingerprint));
    return value === undefined ? undefined : versionIn(value);
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
    const words = wordsOf(fingerprint);
    const head = this.#table.get(words);
    if (head !== undefined && versionIn(head) > version) return;
    if (kind === "upsert") this.put(words, version);
    else this.remove(words);
  }

  /** An entry as it was stored, whatever stood before. */
  put(words: Words, version: Version): void {
    this.#table.set(words, valueOf(version));
  }

  remove(words: Words): void {
    this.#table.delete(words);
  }

  /** A copy that later records do not change: a fold can be tried without touching the original. */
  copy(): Heads {
    return new Heads([], this.#table.copy());
  }

  /** Documents up to a version that `others` do not have in any version. */
  missingIn(others: Heads, upTo: Version): readonly Fingerprint[] {
    const missing: Fingerprint[] = [];
    for (const { words, value } of this.#table.unordered()) {
      if (versionIn(value) > upTo || others.#table.get(words) !== undefined) continue;
      missing.push(fingerprintIn(words));
    }
    return missing;
  }

  /** In fingerprint order. */
  *[Symbol.iterator](): Iterator<HeadsEntry> {
    for (const { words, value } of this.#table.entries()) {
      yield [fingerprintIn(words), versionIn(value)];
    }
  }
}

/**
 * The table cannot hold a zero, and a version may be one in tests and repairs; none is negative.
 */
function valueOf(version: Version): number {
  return version === 0 ? -1 : version;
}

function versionIn(value: number): Version {
  return version(Math.max(0, value));
}
