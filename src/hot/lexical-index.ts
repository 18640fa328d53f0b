/**
 * Inverted index of a hot shard's chunks, scored by BM25. Inserting and removing cost what the chunk's
 * own terms cost, never what the index holds.
 *
 * Owns the postings. A posting list keeps dead rows until they are half of it, then it is rewritten, so
 * a removal is a handful of counter steps and the memory of the dead is bounded by that of the living.
 */

import { termCounts, terms } from "../text/lexical.ts";
import type { Posting, Row } from "./rows.ts";
import type { TopK } from "./top-k.ts";

/** The constants of `bm25` in src/text/lexical.ts; a test holds the two together. */
const k1 = 1.5;
const b = 0.75;

/** A posting costs a reference and a small integer; a list costs its term, two arrays and a map entry. */
const postingBytes = 16;
const listBytes = 160;
const rowBytes = 80;

export class LexicalIndex {
  readonly #lists = new Map<string, Posting>();
  #rows = 0;
  #totalLength = 0;
  #postings = 0;
  #searches = 0;

  /** `text` is all that the row shall be found by. */
  add(row: Row, text: string): void {
    const list = terms(text);
    const own: Posting[] = [];
    for (const [term, count] of termCounts(list)) {
      const posting = this.#listOf(term);
      posting.rows.push(row);
      posting.counts.push(count);
      own.push(posting);
    }
    row.indexed = { postings: own, length: list.length, search: 0, score: 0 };
    this.#rows += 1;
    this.#totalLength += list.length;
    this.#postings += own.length;
  }

  /** The row must be marked dead before. */
  remove(row: Row): void {
    const entry = row.indexed;
    if (entry === null) return;
    row.indexed = null;
    this.#rows -= 1;
    this.#totalLength -= entry.length;
    for (const list of entry.postings) {
      list.dead += 1;
      if (list.dead * 2 >= list.rows.length) this.#rewrite(list);
    }
  }

  /** Offers every live row that holds a term of the question and that `accepts`, with its BM25. */
  search(question: string, accepts: (row: Row) => boolean, best: TopK<Row>): void {
    this.#searches += 1;
    const found: Row[] = [];
    for (const term of new Set(terms(question))) {
      const list = this.#lists.get(term);
      if (list !== undefined) this.#accumulate(list, found);
    }
    for (const row of found) {
      if (accepts(row)) best.offer(row.indexed?.score ?? 0, row);
    }
  }

  bytes(): number {
    const lists = this.#lists.size * listBytes;
    return this.#postings * postingBytes + lists + this.#rows * rowBytes;
  }

  clear(): void {
    this.#lists.clear();
    this.#rows = 0;
    this.#totalLength = 0;
    this.#postings = 0;
  }

  #listOf(term: string): Posting {
    const known = this.#lists.get(term);
    if (known !== undefined) return known;
    const created: Posting = { term, rows: [], counts: [], dead: 0 };
    this.#lists.set(term, created);
    return created;
  }

  #rewrite(list: Posting): void {
    const rows: Row[] = [];
    const counts: number[] = [];
    for (const [index, row] of list.rows.entries()) {
      // Not `entry.alive`: a row that is dead but not removed yet will still be counted as dead once.
      if (row.indexed === null) continue;
      rows.push(row);
      counts.push(list.counts[index] ?? 0);
    }
    this.#postings -= list.rows.length - rows.length;
    list.rows = rows;
    list.counts = counts;
    list.dead = 0;
    if (rows.length === 0) this.#lists.delete(list.term);
  }

  /** Adds the term's share to the score of each row that holds it; collects rows met for the first time. */
  #accumulate(list: Posting, found: Row[]): void {
    const live = list.rows.length - list.dead;
    const rarity = Math.log(1 + (this.#rows - live + 0.5) / (live + 0.5));
    const averageLength = this.#totalLength / this.#rows;
    for (let index = 0; index < list.rows.length; index += 1) {
      const row = list.rows[index] as Row;
      const entry = row.indexed;
      if (entry === null) continue;
      const count = list.counts[index] as number;
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
