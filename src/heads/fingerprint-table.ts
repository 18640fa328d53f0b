/**
 * A map from fingerprints to whole numbers, packed: 24 bytes an entry and what the table leaves
 * free, at most 40 together. A Map with strings as keys takes four times as much, and a tenant may
 * have tens of millions of documents.
 *
 * Owns: typed arrays with open addressing and linear probing (Knuth, The Art of Computer
 * Programming 3, 6.4). SHA-256 spreads fingerprints evenly, so a part of one serves as its hash:
 * the second word, because entries often come in order, and the first would crowd them into the
 * same slots.
 * Never: stores zero (it marks a free slot), or stops for longer than it takes to move one segment.
 *
 *   FT1  what was set last is what is got; what was deleted is gone, however the probes ran past
 *        it;
 *   FT2  the entries of a segment take at most 40 bytes each, once there are a few hundred.
 */

import { FreshetError } from "../contract/errors.ts";
import type { Fingerprint } from "../contract/ids.ts";

/** 16 bytes of fingerprint as four words, most significant first. */
export const fingerprintWords = 4;
export type Words = Uint32Array;

const wordSpan = 2 ** 32;
/**
 * Fuller tables probe for long; growing by a quarter keeps at least two thirds of the slots in use.
 */
const loadMax = 0.85;
const growth = 1.25;
const slotsMin = 8;
/**
 * A table this large is split by its fingerprints' first byte: growing a part moves a few hundred
 * entries instead of all. Earlier, the arrays themselves would weigh more than what they hold.
 */
const splitAtEntries = 32_768;
const splitSegments = 256;

export function wordsOf(fingerprint: Fingerprint): Words {
  const words = new Uint32Array(fingerprintWords);
  for (let word = 0; word < fingerprintWords; word += 1) {
    words[word] = Number.parseInt(fingerprint.slice(word * 8, word * 8 + 8), 16);
  }
  return words;
}

export function fingerprintIn(words: Words, at = 0): Fingerprint {
  let digits = "";
  for (let word = 0; word < fingerprintWords; word += 1) {
    digits += wordAt(words, at + word)
      .toString(16)
      .padStart(8, "0");
  }
  return digits as Fingerprint;
}

export class FingerprintTable {
  #segments: Segment[] = [new Segment()];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Of the arrays that hold the entries. */
  get bytes(): number {
    return this.#segments.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  get(words: Words): number | undefined {
    return this.#segmentOf(words).get(words);
  }

  /** @param value a whole number other than zero */
  set(words: Words, value: number): void {
    if (!Number.isSafeInteger(value) || value === 0) {
      throw new FreshetError("internal", "a fingerprint's value is a whole number other than zero");
    }
    if (!this.#segmentOf(words).set(words, value)) return;
    this.#size += 1;
    if (this.#segments.length === 1 && this.#size > splitAtEntries) this.#split();
  }

  delete(words: Words): void {
    if (this.#segmentOf(words).delete(words)) this.#size -= 1;
  }

  copy(): FingerprintTable {
    const copy = new FingerprintTable();
    copy.#segments = this.#segments.map((segment) => segment.copy());
    copy.#size = this.#size;
    return copy;
  }

  /** In the order of fingerprints. The words are valid until the next step. */
  *entries(): Generator<{ readonly words: Words; readonly value: number }> {
    for (const segment of this.#segments) yield* segment.entries();
  }

  /** In no order, and faster. The words are valid until the next step. */
  *unordered(): Generator<{ readonly words: Words; readonly value: number }> {
    for (const segment of this.#segments) yield* segment.unordered();
  }

  #segmentOf(words: Words): Segment {
    const index = Math.floor((wordAt(words, 0) / wordSpan) * this.#segments.length);
    return this.#segments[index] as Segment;
  }

  #split(): void {
    const [whole] = this.#segments;
    this.#segments = Array.from({ length: splitSegments }, () => new Segment());
    for (const { words, value } of whole?.entries() ?? []) this.#segmentOf(words).set(words, value);
  }
}

class Segment {
  #words = new Uint32Array(0);
  #values = new Float64Array(0);
  #size = 0;

  get bytes(): number {
    return this.#words.byteLength + this.#values.byteLength;
  }

  get(words: Words): number | undefined {
    const slot = this.#find(words);
    return slot === undefined ? undefined : this.#values[slot] || undefined;
  }

  /** Whether the entry is new. */
  set(words: Words, value: number): boolean {
    if (this.#size + 1 > this.#values.length * loadMax) this.#grow();
    const slot = this.#find(words) as number;
    const isNew = this.#values[slot] === 0;
    this.#put(slot, words, value);
    if (isNew) this.#size += 1;
    return isNew;
  }

  /**
   * Whether there was one. What was probed past the slot moves back into it (Knuth's algorithm R),
   * so no mark remains and the table never has to be cleaned.
   */
  delete(words: Words): boolean {
    let free = this.#find(words);
    if (free === undefined || this.#values[free] === 0) return false;
    const slots = this.#values.length;
    for (let slot = (free + 1) % slots; this.#values[slot] !== 0; slot = (slot + 1) % slots) {
      const moved = this.#words.subarray(slot * fingerprintWords, (slot + 1) * fingerprintWords);
      const home = this.#homeOf(moved);
      const fromHome = (slot - home + slots) % slots;
      const fromFree = (slot - free + slots) % slots;
      if (fromHome < fromFree) continue;
      this.#put(free, moved, this.#values[slot] as number);
      free = slot;
    }
    this.#values[free] = 0;
    this.#size -= 1;
    return true;
  }

  copy(): Segment {
    const copy = new Segment();
    copy.#words = this.#words.slice();
    copy.#values = this.#values.slice();
    copy.#size = this.#size;
    return copy;
  }

  *entries(): Generator<{ readonly words: Words; readonly value: number }> {
    const slots: number[] = [];
    this.#values.forEach((value, slot) => {
      if (value !== 0) slots.push(slot);
    });
    slots.sort((left, right) => this.#compare(left, right));
    for (const slot of slots) {
      const words = this.#words.subarray(slot * fingerprintWords, (slot + 1) * fingerprintWords);
      yield { words, value: this.#values[slot] as number };
    }
  }

  *unordered(): Generator<{ readonly words: Words; readonly value: number }> {
    for (let slot = 0; slot < this.#values.length; slot += 1) {
      const value = this.#values[slot] as number;
      if (value === 0) continue;
      yield {
        words: this.#words.subarray(slot * fingerprintWords, (slot + 1) * fingerprintWords),
        value,
      };
    }
  }

  /**
   * The slot that holds the entry, or the free one where it would stand; undefined in an empty
   * table.
   */
  #find(words: Words): number | undefined {
    const slots = this.#values.length;
    if (slots === 0) return undefined;
    let slot = this.#homeOf(words);
    while (this.#values[slot] !== 0 && !this.#holds(slot, words)) slot = (slot + 1) % slots;
    return slot;
  }

  #homeOf(words: Words): number {
    return Math.floor((wordAt(words, 1) / wordSpan) * this.#values.length);
  }

  #holds(slot: number, words: Words): boolean {
    const at = slot * fingerprintWords;
    for (let word = 0; word < fingerprintWords; word += 1) {
      if (this.#words[at + word] !== words[word]) return false;
    }
    return true;
  }

  #put(slot: number, words: Words, value: number): void {
    this.#words.set(words, slot * fingerprintWords);
    this.#values[slot] = value;
  }

  #grow(): void {
    const before = { words: this.#words, values: this.#values };
    const slots = Math.max(slotsMin, Math.ceil(before.values.length * growth));
    this.#words = new Uint32Array(slots * fingerprintWords);
    this.#values = new Float64Array(slots);
    before.values.forEach((value, slot) => {
      if (value === 0) return;
      const words = before.words.subarray(slot * fingerprintWords, (slot + 1) * fingerprintWords);
      this.#put(this.#find(words) as number, words, value);
    });
  }

  #compare(left: number, right: number): number {
    for (let word = 0; word < fingerprintWords; word += 1) {
      const a = wordAt(this.#words, left * fingerprintWords + word);
      const b = wordAt(this.#words, right * fingerprintWords + word);
      if (a !== b) return a - b;
    }
    return 0;
  }
}

function wordAt(words: Words, at: number): number {
  return words[at] as number;
}
