/**
 * The lists of an inverted index: for each term the rows that hold it, and how often, packed.
 *
 * A posting is one number of 7 bits a byte: how far its row is from the one before it (rows come in
 * no order where places are used again, so there is a sign), and two flags, "more than once" and
 * "in the title, too", which say which counts follow. Nearly every posting takes one to three
 * bytes.
 *
 * Owns the numbers of terms and their bytes. Never knows which rows live: its owner says.
 */

import { unsliced } from "../text/lexical.ts";
import { PostingPool } from "./posting-pool.ts";

export interface Posting {
  readonly row: number;
  /** How often the row holds the term, its title included. */
  readonly count: number;
  readonly inTitle: number;
}

const moreThanOnce = 1;
const titled = 2;
/** A posting never takes more: a row, a count, a count in the title. */
const postingBytesMax = 15;
/** What a term costs beside its bytes: entry and string in V8's map, and the columns here. */
const termBytes = 96;
const termsAtFirst = 64;

/** Reads one list from its start; the fields are those of the posting that `next` came to. */
export class PostingCursor implements Posting {
  row = 0;
  count = 0;
  inTitle = 0;
  #page: Uint8Array = new Uint8Array(0);
  #at = 0;
  #end = 0;

  open(page: Uint8Array, at: number, bytes: number): this {
    this.#page = page;
    this.#at = at;
    this.#end = at + bytes;
    this.row = 0;
    return this;
  }

  next(): boolean {
    if (this.#at >= this.#end) return false;
    const head = this.#number();
    const distance = head >>> 2;
    this.row += (distance >>> 1) ^ -(distance & 1);
    this.count = (head & moreThanOnce) === 0 ? 1 : this.#number();
    this.inTitle = (head & titled) === 0 ? 0 : this.#number();
    return true;
  }

  #number(): number {
    const page = this.#page;
    let byte = page[this.#at++] as number;
    let value = byte & 127;
    for (let shift = 7; byte > 127; shift += 7) {
      byte = page[this.#at++] as number;
      value |= (byte & 127) << shift;
    }
    return value >>> 0;
  }
}

export class Postings {
  readonly #pool = new PostingPool();
  readonly #numbers = new Map<string, number>();
  /** By a term's number; `#size` is that of its extent. */
  #place = new Uint32Array(0);
  #size = new Uint8Array(0);
  #used = new Uint32Array(0);
  #lastRow = new Uint32Array(0);
  #count = new Uint32Array(0);
  #next = 0;
  /** Numbers of terms that have gone. */
  #unused: number[] = [];
  #round = this.#numbers.entries();
  readonly #reading = new PostingCursor();
  readonly #sweeping = new PostingCursor();
  readonly #scratch = new Uint8Array(postingBytesMax);

  get bytes(): number {
    return this.#pool.bytes + this.#numbers.size * termBytes;
  }

  /** The number of a term that some row holds. */
  numberOf(term: string): number | undefined {
    return this.#numbers.get(term);
  }

  /** Rows in a term's list, those among them that have gone. */
  count(number: number): number {
    return this.#count[number] as number;
  }

  /** A cursor on a term's list; the one before it is not to be read any more. */
  read(number: number): PostingCursor {
    return this.#open(this.#reading, number);
  }

  add(term: string, posting: Posting): void {
    const number = this.#numbers.get(term) ?? this.#begin(term);
    const bytes = encode(this.#scratch, posting, this.#lastRow[number] as number);
    const used = this.#used[number] as number;
    if (used + bytes > this.#pool.bytesOf(this.#size[number] as number)) {
      this.#grow(number, used + bytes);
    }
    const place = this.#place[number] as number;
    const at = this.#pool.offset(place) + used;
    this.#pool
      .page(place)
      .set(bytes === postingBytesMax ? this.#scratch : this.#scratch.subarray(0, bytes), at);
    this.#used[number] = used + bytes;
    this.#lastRow[number] = posting.row;
    this.#count[number] = (this.#count[number] as number) + 1;
  }

  /**
   * Takes the rows that have gone out of the next few lists. True when that was the last of them:
   * the next call begins with the first again.
   */
  sweep(lists: number, isLive: (row: number) => boolean): boolean {
    for (let count = 0; count < lists; count += 1) {
      const { done, value } = this.#round.next();
      if (done === true) {
        this.#round = this.#numbers.entries();
        return true;
      }
      this.#sweepList(value, isLive);
    }
    return false;
  }

  clear(): void {
    this.#pool.clear();
    this.#numbers.clear();
    this.#round = this.#numbers.entries();
    this.#resize(0);
    this.#next = 0;
    this.#unused = [];
  }

  #open(cursor: PostingCursor, number: number): PostingCursor {
    const place = this.#place[number] as number;
    const page = this.#pool.page(place);
    return cursor.open(page, this.#pool.offset(place), this.#used[number] as number);
  }

  #begin(term: string): number {
    const number = this.#unused.pop() ?? this.#next++;
    if (number >= this.#place.length) {
      this.#resize(Math.max(termsAtFirst, Math.ceil(number * 1.25)));
    }
    this.#numbers.set(unsliced(term), number);
    this.#size[number] = 0;
    this.#place[number] = this.#pool.take(0);
    this.#used[number] = 0;
    this.#lastRow[number] = 0;
    this.#count[number] = 0;
    return number;
  }

  #resize(terms: number): void {
    this.#place = resized(this.#place, new Uint32Array(terms));
    this.#used = resized(this.#used, new Uint32Array(terms));
    this.#lastRow = resized(this.#lastRow, new Uint32Array(terms));
    this.#count = resized(this.#count, new Uint32Array(terms));
    this.#size = resized(this.#size, new Uint8Array(terms));
  }

  /** To an extent that holds so many bytes. */
  #grow(number: number, bytes: number): void {
    const [from, size] = [this.#place[number] as number, this.#size[number] as number];
    const wanted = this.#pool.sizeFor(bytes);
    const to = this.#pool.take(wanted);
    this.#pool.move(from, to, Math.min(bytes, this.#used[number] as number));
    this.#pool.give(from, size);
    this.#place[number] = to;
    this.#size[number] = wanted;
  }

  /**
   * In place: what is left of a list takes no more bytes than it took, since one long way takes no
   * more than the two of which it is made.
   */
  #sweepList([term, number]: [string, number], isLive: (row: number) => boolean): void {
    const place = this.#place[number] as number;
    const page = this.#pool.page(place);
    const start = this.#pool.offset(place);
    const cursor = this.#open(this.#sweeping, number);
    let at = start;
    let last = 0;
    let kept = 0;
    while (cursor.next()) {
      if (!isLive(cursor.row)) continue;
      const bytes = encode(this.#scratch, cursor, last);
      for (let index = 0; index < bytes; index += 1) page[at++] = this.#scratch[index] as number;
      last = cursor.row;
      kept += 1;
    }
    if (kept === this.#count[number]) return;
    this.#used[number] = at - start;
    this.#lastRow[number] = last;
    this.#count[number] = kept;
    const size = this.#size[number] as number;
    if (kept === 0) {
      this.#pool.give(place, size);
      this.#numbers.delete(term);
      this.#unused.push(number);
    } else if (this.#pool.sizeFor(2 * (at - start)) < size) this.#grow(number, at - start);
  }
}

function resized<Column extends Uint32Array | Uint8Array>(from: Column, to: Column): Column {
  to.set(from.subarray(0, to.length));
  return to;
}

/** Writes a posting behind one of row `before`; returns its bytes. */
function encode(to: Uint8Array, { row, count, inTitle }: Posting, before: number): number {
  const distance = row - before;
  const flags = (count > 1 ? moreThanOnce : 0) | (inTitle > 0 ? titled : 0);
  let at = put(to, 0, (((distance << 1) ^ (distance >> 31)) * 4 + flags) >>> 0);
  if (count > 1) at = put(to, at, count);
  return inTitle > 0 ? put(to, at, inTitle) : at;
}

function put(to: Uint8Array, start: number, number: number): number {
  let at = start;
  let rest = number;
  for (; rest > 127; rest >>>= 7) to[at++] = (rest & 127) | 128;
  to[at++] = rest;
  return at;
}
