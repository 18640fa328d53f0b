/**
 * Inverted index of a hot shard's chunks, scored by BM25. Inserting costs what the chunk's own
 * terms cost, removing costs nearly nothing.
 *
 * Owns, for each term, the rows that hold it: each as often as it holds it, side by side. A row
 * that is taken out stays in its lists until they are swept; how many hold a term is counted when
 * it is asked for.
 *
 *   LI1  a search sees no row that was taken out, and scores as if none had ever been there;
 *   LI2  every insert and removal sweeps a few lists in turn, so what is dead is bounded by one
 *       round.
 */

import type { ChunkTerms } from "../contract/record.ts";
import { bm25Constants, termCounts, terms } from "../text/lexical.ts";
import type { Row } from "./rows.ts";
import type { TopK } from "./top-k.ts";

const { k1, b } = bm25Constants;

/**
 * What V8 takes: a reference per occurrence; a list's term, array and map entry; a row's record.
 */
const occurrenceBytes = 8;
const listBytes = 110;
const rowBytes = 64;

/**
 * Lists looked at per insert or removal: about 2 us. Thirty thousand terms are through after 2,000
 * of them.
 */
const listsPerSweep = 16;
/**
 * V8 gives an array that grows room for 17 elements and more: for most terms all of it would stay
 *    empty.
 */
const exactMax = 16;
/** Shorter strings are copied anyway; a longer one cut from a text keeps the whole text alive. */
const sliceMin = 13;

export class LexicalIndex {
  readonly #lists = new Map<string, Row[]>();
  #unswept = this.#lists.entries();
  #rows = 0;
  #totalLength = 0;
  #occurrences = 0;
  /** Occurrences of rows that were taken out, still in lists. */
  #dead = 0;
  #searches = 0;

  /** `text` is all that the row shall be found by. */
  add(row: Row, text: string): void {
    const list = terms(text);
    for (const [term, count] of termCounts(list)) this.#list(term, { row, count });
    this.#added(row, list.length);
  }

  /** The same for a text whose terms are counted already. */
  addCounted(row: Row, { vocabulary, counts, length }: ChunkTerms): void {
    for (let at = 0; at < counts.length; at += 2) {
      const term = vocabulary[counts[at] as number] as string;
      this.#list(term, { row, count: counts[at + 1] as number });
    }
    this.#added(row, length);
  }

  #list(term: string, occurrence: { readonly row: Row; readonly count: number }): void {
    const rows = this.#lists.get(term);
    const next = withRow(rows ?? [], occurrence);
    if (next !== rows) this.#lists.set(rows === undefined ? flat(term) : term, next);
  }

  #added(row: Row, length: number): void {
    row.indexed = { length, search: 0, score: 0 };
    this.#rows += 1;
    this.#totalLength += length;
    this.#occurrences += length;
    this.#sweep();
  }

  remove(row: Row): void {
    if (row.indexed === null) return;
    this.#rows -= 1;
    this.#totalLength -= row.indexed.length;
    this.#dead += row.indexed.length;
    row.indexed = null;
    if (this.#rows === 0) this.clear();
    else this.#sweep();
  }

  /** Offers every live row that holds a term of the question and that `accepts`, with its BM25. */
  search(queried: readonly string[], accepts: (row: Row) => boolean, best: TopK<Row>): void {
    this.#searches += 1;
    const found: Row[] = [];
    for (const term of queried) {
      const rows = this.#lists.get(term);
      if (rows !== undefined) this.#accumulate(rows, found);
    }
    for (const row of found) {
      if (accepts(row)) best.offer(row.indexed?.score ?? 0, row);
    }
  }

  bytes(): number {
    const lists = this.#lists.size * listBytes;
    return this.#occurrences * occurrenceBytes + lists + this.#rows * rowBytes;
  }

  clear(): void {
    this.#lists.clear();
    this.#rows = 0;
    this.#totalLength = 0;
    this.#occurrences = 0;
    this.#dead = 0;
  }

  /** Takes the dead out of the next few lists. */
  #sweep(): void {
    for (let count = 0; count < listsPerSweep && this.#dead > 0; count += 1) {
      const { done, value } = this.#unswept.next();
      if (done === true) {
        this.#unswept = this.#lists.entries();
        return;
      }
      const [term, rows] = value;
      if (!rows.some(isDead)) continue;
      const live = rows.filter((row) => !isDead(row));
      this.#occurrences -= rows.length - live.length;
      this.#dead -= rows.length - live.length;
      if (live.length === 0) this.#lists.delete(term);
      else this.#lists.set(term, live);
    }
  }

  /**
   * Adds the term's share to the score of each row that holds it; collects rows met for the first
   * time.
   */
  #accumulate(rows: readonly Row[], found: Row[]): void {
    const holding = countLive(rows);
    const rarity = Math.log(1 + (this.#rows - holding + 0.5) / (holding + 0.5));
    const averageLength = this.#totalLength / this.#rows;
    for (let index = 0; index < rows.length; ) {
      const row = rows[index] as Row;
      const first = index;
      do index += 1;
      while (rows[index] === row);
      const entry = row.indexed;
      if (entry === null) continue;
      const count = index - first;
      const share = count + k1 * (1 - b + (b * entry.length) / averageLength);
      const score = (rarity * (count * (k1 + 1))) / share;
      if (entry.search === this.#searches) {
        entry.score += score;
      } else {
        entry.search = this.#searches;
        entry.score = score;
        found.push(row);
      }
    }
  }
}

function isDead({ indexed }: Row): boolean {
  return indexed === null;
}

/** Different live rows of a list. */
function countLive(rows: readonly Row[]): number {
  let count = 0;
  let last: Row | undefined;
  for (const row of rows) {
    if (row !== last && row.indexed !== null) count += 1;
    last = row;
  }
  return count;
}

/** A short list is made anew, a long one grows in place. */
function withRow(rows: Row[], { row, count }: { row: Row; count: number }): Row[] {
  if (rows.length + count <= exactMax) {
    return rows.concat(count === 1 ? row : new Array<Row>(count).fill(row));
  }
  for (let times = 0; times < count; times += 1) rows.push(row);
  return rows;
}

function flat(term: string): string {
  return term.length < sliceMin ? term : Buffer.from(term).toString();
}
