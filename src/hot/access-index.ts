/**
 * Which documents a reader's groups admit, without asking every document: those with the same
 * labels are one set with a number, and a reader has a bit for each number. Verdicts are kept for
 * the readers that came last.
 *
 * Owns the sets of labels, and of each how much its documents are. Never: holds a document.
 *
 *   HA1  a verdict is that of `admits`, whichever reader or set had its place before;
 *   HA2  what is not admitted counts in nothing that a search reads: not in the statistics of words
 *        either, so an answer is what it would be if it were not there;
 *   HA3  a reader that is not known costs what its groups have here, one that is known nothing: a
 *        write tells the readers that are kept.
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
  /** A bit for each set of labels, by its number: whether it is admitted. */
  readonly sets: Uint32Array;
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
  readonly access: Access;
  readonly masks: WeakMap<RowBlock, Mask>;
  sets: Uint32Array;
  rows: number;
  terms: number;
}

/** The set of a row that is not there: no set has this number, so no reader admits it. */
export const noSet = 0;
/** Readers whose verdicts are kept: each costs every write a little. */
const readersMax = 32;
const setsAtFirst = 64;
/** A set, its key and its labels; and what a label of it adds: measured on small ones. */
const setBytes = 200;
const labelBytes = 24;

export class AccessIndex {
  readonly #sets = new Map<string, LabelSet>();
  /** By number; `noSet` is nothing's. */
  #byNumber: (LabelSet | undefined)[] = [undefined];
  #unused: number[] = [];
  /** Numbers of the sets that have a label, in no order. */
  readonly #having = new Map<string, number[]>();
  /** By the key of a reader's clause, least lately asked first. */
  readonly #kept = new Map<string, Kept>();
  #rows = 0;
  #labels = 0;

  take(labels: readonly string[] | undefined, { rows, terms }: Labelled): LabelSet {
    const key = labels === undefined ? "" : JSON.stringify(labels);
    const set = this.#sets.get(key) ?? this.#make(key, labels);
    set.documents += 1;
    this.#count(set, rows, terms);
    return set;
  }

  give(set: LabelSet, { rows, terms }: Labelled): void {
    set.documents -= 1;
    this.#count(set, -rows, -terms);
    if (set.documents === 0) this.#drop(set);
  }

  /** Undefined when all that is here is admitted. */
  admission(access: Access): Admission | undefined {
    const known = this.#kept.get(access.key);
    this.#kept.delete(access.key);
    const kept = known ?? this.#judge(access);
    this.#kept.set(access.key, kept);
    if (this.#kept.size > readersMax) {
      for (const oldest of this.#kept.keys()) {
        this.#kept.delete(oldest);
        break;
      }
    }
    return kept.rows === this.#rows ? undefined : kept;
  }

  get bytes(): number {
    const bits = (this.#kept.size * (this.#rows + this.#byNumber.length)) / 8;
    return this.#sets.size * setBytes + this.#labels * labelBytes + bits;
  }

  clear(): void {
    this.#sets.clear();
    this.#byNumber = [undefined];
    this.#unused = [];
    this.#having.clear();
    this.#kept.clear();
    this.#rows = 0;
    this.#labels = 0;
  }

  #make(key: string, labels: readonly string[] | undefined): LabelSet {
    const number = this.#unused.pop() ?? this.#byNumber.length;
    const own = [...new Set(labels)];
    const places = own.map((label) => {
      const having = this.#having.get(label) ?? [];
      if (having.length === 0) this.#having.set(label, having);
      return having.push(number) - 1;
    });
    const set = { key, number, labels: labels && own, places, documents: 0, rows: 0, terms: 0 };
    this.#sets.set(key, set);
    this.#byNumber[number] = set;
    this.#labels += own.length;
    for (const kept of this.#kept.values()) {
      if (number >= 32 * kept.sets.length) kept.sets = grown(kept.sets);
      if (admits(kept.access, set.labels)) setBit(kept.sets, number);
    }
    return set;
  }

  #drop(set: LabelSet): void {
    const { key, number, labels = [], places } = set;
    this.#sets.delete(key);
    this.#byNumber[number] = undefined;
    this.#unused.push(number);
    this.#labels -= labels.length;
    for (const [at, label] of labels.entries()) this.#leave(label, places[at] as number);
    for (const { sets } of this.#kept.values()) clearBit(sets, number);
  }

  /** The last of those that have the label takes the place of the one that goes. */
  #leave(label: string, place: number): void {
    const having = this.#having.get(label) as number[];
    const last = having.pop() as number;
    if (having.length === 0) this.#having.delete(label);
    if (place === having.length) return;
    having[place] = last;
    const { labels = [], places } = this.#byNumber[last] as LabelSet;
    places[labels.indexOf(label)] = place;
  }

  /** HA3: every change tells those that it concerns, so no reader has to look for changes. */
  #count(set: LabelSet, rows: number, terms: number): void {
    set.rows += rows;
    set.terms += terms;
    this.#rows += rows;
    for (const kept of this.#kept.values()) {
      if (!hasBit(kept.sets, set.number)) continue;
      kept.rows += rows;
      kept.terms += terms;
    }
  }

  /** HA3: asks for the labels that are here, not each set for its labels. */
  #judge(access: Access): Kept {
    const size = Math.max(setsAtFirst, this.#byNumber.length);
    const sets = new Uint32Array(Math.ceil(size / 32));
    const kept: Kept = { access, masks: new WeakMap(), sets, rows: 0, terms: 0 };
    const admit = (number: number): void => {
      if (hasBit(sets, number)) return;
      setBit(sets, number);
      const set = this.#byNumber[number] as LabelSet;
      kept.rows += set.rows;
      kept.terms += set.terms;
    };
    for (const group of access.groups) {
      for (const number of this.#having.get(group) ?? []) admit(number);
    }
    const unlabelled = access.seesUnlabelled ? this.#sets.get("") : undefined;
    if (unlabelled !== undefined) admit(unlabelled.number);
    return kept;
  }
}

export function isAdmitted({ number }: LabelSet, { sets }: Admission): boolean {
  return hasBit(sets, number);
}

/** Picks the live rows of a block that are admitted, for the search in work. */
export function pickAdmitted(block: RowBlock, { masks, sets }: Admission): void {
  let mask = masks.get(block);
  if (mask?.seated !== block.seated) {
    mask = { seated: block.seated, words: block.rowsOf(sets) };
    masks.set(block, mask);
  }
  block.pickAll(mask.words);
}

function hasBit(bits: Uint32Array, at: number): boolean {
  return ((bits[at >>> 5] as number) & (1 << (at & 31))) !== 0;
}

function setBit(bits: Uint32Array, at: number): void {
  bits[at >>> 5] = (bits[at >>> 5] as number) | (1 << (at & 31));
}

function clearBit(bits: Uint32Array, at: number): void {
  bits[at >>> 5] = (bits[at >>> 5] as number) & ~(1 << (at & 31));
}

function grown(from: Uint32Array): Uint32Array {
  const to = new Uint32Array(2 * from.length);
  to.set(from);
  return to;
}
