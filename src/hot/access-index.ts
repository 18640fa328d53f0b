/**
 * Which documents a reader's groups admit, without asking every document: those with the same
 * labels are judged once, and the verdict is kept for the readers that came last.
 *
 * Owns the sets of labels, and of each how much its documents are. Never: holds a document.
 *
 *   HA1  a verdict is that of `admits`, whichever reader had its place before;
 *   HA2  what is not admitted counts in nothing that a search reads: not in the statistics of words
 *        either, so an answer is what it would be if it were not there.
 */

import { type Access, admits } from "../contract/access.ts";
import type { LabelSet, RowBlock } from "./rows.ts";

/** What a document adds to its set. */
export interface Labelled {
  readonly rows: number;
  readonly terms: number;
}

/** What a reader is let in to, as long as the shard does not change. */
export interface Admission {
  /** Of the reader in `LabelSet.admitted`. */
  readonly bit: number;
  /** All that it admits together. */
  readonly rows: number;
  readonly terms: number;
  /** Rows of a block that it admits, by bits; what has died since is among them. */
  readonly masks: WeakMap<RowBlock, Mask>;
}

interface Mask {
  /** As often had rows been put into the block. */
  readonly seated: number;
  readonly words: Uint32Array;
}

interface Kept {
  readonly bit: number;
  readonly masks: WeakMap<RowBlock, Mask>;
  /** Counts of the whole index when the verdicts and sums were made. */
  sets: number;
  changes: number;
  rows: number;
  terms: number;
}

/** Bits of a number. */
const readersMax = 32;
/** A set, its key and its labels; measured on small ones. */
const setBytes = 200;

export class AccessIndex {
  readonly #sets = new Map<string, LabelSet>();
  /** By the key of a reader's clause, least lately asked first. */
  readonly #kept = new Map<string, Kept>();
  #rows = 0;
  #changes = 0;
  /** Sets that were ever made. */
  #made = 0;

  take(labels: readonly string[] | undefined, { rows, terms }: Labelled): LabelSet {
    const key = labels === undefined ? "" : JSON.stringify(labels);
    let set = this.#sets.get(key);
    if (set === undefined) {
      set = { key, labels, documents: 0, rows: 0, terms: 0, judged: 0, admitted: 0 };
      this.#sets.set(key, set);
      this.#made += 1;
    }
    set.documents += 1;
    this.#count(set, rows, terms);
    return set;
  }

  give(set: LabelSet, { rows, terms }: Labelled): void {
    set.documents -= 1;
    this.#count(set, -rows, -terms);
    if (set.documents === 0) this.#sets.delete(set.key);
  }

  /** Undefined when all that is here is admitted. */
  admission(access: Access): Admission | undefined {
    const kept = this.#keptOf(access);
    const { bit } = kept;
    if (kept.sets !== this.#made) {
      for (const set of this.#sets.values()) {
        if ((set.judged & bit) !== 0) continue;
        set.judged |= bit;
        if (admits(access, set.labels)) set.admitted |= bit;
      }
      kept.sets = this.#made;
    }
    if (kept.changes !== this.#changes) {
      let [rows, terms] = [0, 0];
      for (const set of this.#sets.values()) {
        if ((set.admitted & bit) === 0) continue;
        rows += set.rows;
        terms += set.terms;
      }
      Object.assign(kept, { rows, terms, changes: this.#changes });
    }
    return kept.rows === this.#rows ? undefined : kept;
  }

  get bytes(): number {
    const masks = (this.#kept.size * this.#rows) / 8;
    return this.#sets.size * setBytes + masks;
  }

  clear(): void {
    this.#sets.clear();
    this.#kept.clear();
    this.#rows = 0;
    this.#changes += 1;
  }

  #count(set: LabelSet, rows: number, terms: number): void {
    set.rows += rows;
    set.terms += terms;
    this.#rows += rows;
    this.#changes += 1;
  }

  #keptOf({ key }: Access): Kept {
    const known = this.#kept.get(key);
    this.#kept.delete(key);
    const kept = known ?? this.#begin();
    this.#kept.set(key, kept);
    return kept;
  }

  /** HA1: a bit that another reader had says nothing of this one. */
  #begin(): Kept {
    let bit = (1 << this.#kept.size) | 0;
    const [oldest] = this.#kept;
    if (oldest !== undefined && this.#kept.size >= readersMax) {
      this.#kept.delete(oldest[0]);
      bit = oldest[1].bit;
    }
    for (const set of this.#sets.values()) {
      set.judged &= ~bit;
      set.admitted &= ~bit;
    }
    return { bit, masks: new WeakMap(), sets: -1, changes: -1, rows: 0, terms: 0 };
  }
}

export function isAdmitted({ admitted }: LabelSet, { bit }: Admission): boolean {
  return (admitted & bit) !== 0;
}

/** Picks the live rows of a block that are admitted, for the search in work. */
export function pickAdmitted(block: RowBlock, admission: Admission): void {
  const { masks } = admission;
  let mask = masks.get(block);
  if (mask?.seated !== block.seated) {
    const words = new Uint32Array(block.capacity / 32);
    for (const [index, row] of block.rows.entries()) {
      if (row === undefined || !isAdmitted(row.entry.labels, admission)) continue;
      words[index >> 5] = (words[index >> 5] as number) | (1 << (index & 31));
    }
    mask = { seated: block.seated, words };
    masks.set(block, mask);
  }
  block.pickAll(mask.words);
}
