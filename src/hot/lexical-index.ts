/**
 * Inverted index of a hot shard's chunks, scored by BM25. Inserting and removing cost what the chunk's
 * own terms cost, never what the index holds.
 *
 * Owns the postings. A posting list keeps dead rows until they are half of it, then it is rewritten, so
 * a removal is a handful of counter steps and the memory of the dead is bounded by that of the living.
 */

import { termCounts, terms } from "../text/lexical.ts";
import type { Row } from "./rows.ts";
import type { TopK } from "./top-k.ts";

/** The constants of `bm25` in src/text/lexical.ts; a test holds the two together. */
const k1 = 1.5;
const b = 0.75;

/** A posting costs a reference and a small integer; a list costs its term, two arrays and a map entry. */
const postingBytes = 16;
const listBytes = 160;
const rowBytes = 80;

interface Posting {
  readonly term: string;
  rows: Row[];
  counts: number[];
  dead: number;
}

/** What a row keeps so that it can be taken out again, and room for its score in a running search. */
interface Indexed {
  readonly postings: readonly Posting[];
  readonly length: number;
  search: number;
  score: number;
}

export interface LexicalIndex {
  /** `text` is all that the row shall be found by. */
  add(row: Row, text: string): void;
  /** The row must be marked dead before. */
  remove(row: Row): void;
  /** Offers every live row that holds a term of the question and that `accepts`, with its BM25. */
  search(question: string, accepts: (row: Row) => boolean, best: TopK<Row>): void;
  bytes(): number;
  clear(): void;
}

export function createLexicalIndex(): LexicalIndex {
  const lists = new Map<string, Posting>();
  const indexed = new Map<Row, Indexed>();
  let totalLength = 0;
  let postings = 0;
  let searches = 0;

  function listOf(term: string): Posting {
    const known = lists.get(term);
    if (known !== undefined) return known;
    const created: Posting = { term, rows: [], counts: [], dead: 0 };
    lists.set(term, created);
    return created;
  }

  function rewrite(list: Posting): void {
    const rows: Row[] = [];
    const counts: number[] = [];
    for (const [index, row] of list.rows.entries()) {
      // Not `alive`: a row that is dead but not removed yet will still be counted as dead once.
      if (!indexed.has(row)) continue;
      rows.push(row);
      counts.push(list.counts[index] ?? 0);
    }
    postings -= list.rows.length - rows.length;
    list.rows = rows;
    list.counts = counts;
    list.dead = 0;
    if (rows.length === 0) lists.delete(list.term);
  }

  /** Adds the term's share to the score of each row that holds it; returns rows met for the first time. */
  function accumulate(list: Posting, found: Row[]): void {
    const live = list.rows.length - list.dead;
    const rarity = Math.log(1 + (indexed.size - live + 0.5) / (live + 0.5));
    const averageLength = totalLength / indexed.size;
    for (let index = 0; index < list.rows.length; index += 1) {
      const row = list.rows[index] as Row;
      if (!row.alive) continue;
      const entry = indexed.get(row);
      if (entry === undefined) continue;
      const count = list.counts[index] as number;
      const share = count + k1 * (1 - b + (b * entry.length) / averageLength);
      const score = (rarity * (count * (k1 + 1))) / share;
      if (entry.search === searches) {
        entry.score += score;
      } else {
        entry.search = searches;
        entry.score = score;
        found.push(row);
      }
    }
  }

  return {
    add(row, text) {
      const list = terms(text);
      const own: Posting[] = [];
      for (const [term, count] of termCounts(list)) {
        const posting = listOf(term);
        posting.rows.push(row);
        posting.counts.push(count);
        own.push(posting);
      }
      indexed.set(row, { postings: own, length: list.length, search: 0, score: 0 });
      totalLength += list.length;
      postings += own.length;
    },
    remove(row) {
      const entry = indexed.get(row);
      if (entry === undefined) return;
      indexed.delete(row);
      totalLength -= entry.length;
      for (const list of entry.postings) {
        list.dead += 1;
        if (list.dead * 2 >= list.rows.length) rewrite(list);
      }
    },
    search(question, accepts, best) {
      searches += 1;
      const found: Row[] = [];
      for (const term of new Set(terms(question))) {
        const list = lists.get(term);
        if (list !== undefined) accumulate(list, found);
      }
      for (const row of found) {
        if (accepts(row)) best.offer(indexed.get(row)?.score ?? 0, row);
      }
    },
    bytes: () => postings * postingBytes + lists.size * listBytes + indexed.size * rowBytes,
    clear() {
      lists.clear();
      indexed.clear();
      totalLength = 0;
      postings = 0;
    },
  };
}
