/**
 * Inverted index of a hot shard's chunks, scored by BM25. Inserting costs what the chunk's own
 * terms cost, removing costs nearly nothing.
 *
 * Owns which terms each row holds. A row that is taken out stays in its lists until they are swept;
 * how many hold a term is counted where some might have gone.
 *
 *   LI1  a search sees no row that was taken out or is not in its corpus, and scores as if none had
 *        ever been there;
 *   LI2  every insert and removal sweeps a few lists in turn, so what is dead is bounded by two
 *       rounds;
 *   LI3  `matches` says what reading heading and text would say: a title finds a row and counts for
 *       nothing in it.
 */

import type { LexicalMatch } from "../contract/candidate.ts";
import type { ChunkTerms } from "../contract/record.ts";
import { shownText } from "../text/chunk-terms.ts";
import { bm25Constants, type TitleTerms, termCounts, terms } from "../text/lexical.ts";
import { stopWords } from "../text/stop-words.ts";
import { noSet } from "./access-index.ts";
import { Postings } from "./postings.ts";
import type { Row } from "./rows.ts";
import type { TopK } from "./top-k.ts";

const { k1, b } = bm25Constants;

/** The rows that there are for a search: what is in none of them counts in no statistics. */
export interface Corpus {
  readonly rows: number;
  /** Of all of them, repetitions included. */
  readonly terms: number;
  /** A bit for each set of labels, by its number; undefined: every row that lives. */
  readonly sets: Uint32Array | undefined;
}

/** What a row takes beside its postings: a reference, two lengths, the number of its labels. */
const rowBytes = 20;

/**
 * Lists looked at per insert or removal: about 2 us. Thirty thousand terms are through after 2,000
 * of them.
 */
const listsPerSweep = 16;
const rowsAtFirst = 32;

/**
 * Notes of the search in work, for all shards of the process: one runs at a time. A row's note
 * counts only where its tag is that of the search.
 */
const notes = { tag: 0, tags: new Uint32Array(0), numbers: new Float64Array(0) };

/** The rows of a corpus that hold the term in work, and how often; used anew for each. */
const held = { places: new Uint32Array(0), counts: new Uint32Array(0) };

function beginNotes(rows: number): number {
  if (notes.tags.length < rows) {
    notes.tags = new Uint32Array(2 * rows);
    notes.numbers = new Float64Array(2 * rows);
  }
  notes.tag += 1;
  if (notes.tag > 0xffff_ffff) {
    notes.tags.fill(0);
    notes.tag = 1;
  }
  return notes.tag;
}

export class LexicalIndex {
  readonly #postings = new Postings();
  /** By place; undefined where none is, or none any more. */
  #rows: (Row | undefined)[] = [];
  /** Terms of each row; and those of its heading and text alone. */
  #lengths = new Uint32Array(0);
  #shownLengths = new Uint32Array(0);
  /** The number of each row's set of labels; `noSet` where no row is. */
  #labels = new Uint32Array(0);
  /**
   * Heading and text of what has only stop words there, which count where nothing else does: a
   * title's words are in the way.
   */
  readonly #apart = new Map<number, ReadonlyMap<string, number>>();
  #count = 0;
  #totalLength = 0;
  /** Places to use again; those whose rows went in this round of sweeping, and in the last. */
  #free: number[] = [];
  #gone: number[] = [];
  #goneBefore: number[] = [];
  readonly #isLive = (place: number): boolean => this.#rows[place] !== undefined;

  add(row: Row, { vocabulary, counts, length }: ChunkTerms, title: TitleTerms): void {
    const place = this.#seat(row);
    for (let at = 0; at < counts.length; at += 2) {
      const term = vocabulary[counts[at] as number] as string;
      const count = counts[at + 1] as number;
      this.#postings.add(term, { row: place, count, inTitle: title.counts.get(term) ?? 0 });
    }
    this.#lengths[place] = length;
    this.#shownLengths[place] = length - title.length;
    if (isApart({ vocabulary, counts, length }, title)) this.#setApart(place, row);
    this.#totalLength += length;
    this.#sweep();
  }

  remove(row: Row): void {
    const { place } = row;
    if (place === undefined) return;
    row.place = undefined;
    this.#rows[place] = undefined;
    this.#labels[place] = noSet;
    this.#apart.delete(place);
    this.#count -= 1;
    this.#totalLength -= this.#lengths[place] as number;
    this.#gone.push(place);
    if (this.#count === 0) this.clear();
    else this.#sweep();
  }

  /**
   * Offers every live row that holds a term of the question and that `accepts`, with its BM25.
   * @param corpus what there is; undefined: all rows
   */
  search(
    queried: readonly string[],
    {
      accepts,
      corpus,
    }: { readonly accepts: (row: Row) => boolean; readonly corpus?: Corpus | undefined },
    best: TopK<Row>,
  ): void {
    const tag = beginNotes(this.#rows.length);
    const found: number[] = [];
    const all = corpus ?? { rows: this.#count, terms: this.#totalLength, sets: undefined };
    for (const term of queried) {
      const number = this.#postings.numberOf(term);
      if (number !== undefined) this.#accumulate(number, all, { tag, found });
    }
    for (const place of found) {
      const row = this.#rows[place] as Row;
      if (accepts(row)) best.offer(notes.numbers[place] as number, row);
    }
  }

  /** How often each row holds each term of the question, its title apart. */
  matches(queried: readonly string[], rows: readonly Row[]): LexicalMatch[] {
    const tag = beginNotes(this.#rows.length);
    const matches = rows.map(({ place = 0 }, index) => {
      notes.tags[place] = tag;
      notes.numbers[place] = index;
      const frequencies = new Array<number>(queried.length).fill(0);
      return { frequencies, length: this.#shownLengths[place] as number };
    });
    for (const [at, term] of queried.entries()) {
      const number = this.#postings.numberOf(term);
      if (number === undefined) continue;
      const { tags, numbers } = notes;
      const cursor = this.#postings.read(number);
      while (cursor.next()) {
        if (tags[cursor.row] !== tag) continue;
        const match = matches[numbers[cursor.row] as number] as { frequencies: number[] };
        match.frequencies[at] = cursor.count - cursor.inTitle;
      }
    }
    if (this.#apart.size > 0) this.#readApart(queried, rows, matches);
    return matches;
  }

  bytes(): number {
    if (this.#count === 0) return 0;
    return this.#postings.bytes + this.#rows.length * rowBytes;
  }

  clear(): void {
    this.#postings.clear();
    this.#rows = [];
    this.#lengths = new Uint32Array(0);
    this.#shownLengths = new Uint32Array(0);
    this.#labels = new Uint32Array(0);
    this.#apart.clear();
    this.#count = 0;
    this.#totalLength = 0;
    this.#free = [];
    this.#gone = [];
    this.#goneBefore = [];
  }

  #seat(row: Row): number {
    const place = this.#free.pop() ?? this.#rows.length;
    if (place >= this.#lengths.length) {
      const rows = Math.max(rowsAtFirst, Math.ceil(place * 1.25));
      this.#lengths = grown(this.#lengths, rows);
      this.#shownLengths = grown(this.#shownLengths, rows);
      this.#labels = grown(this.#labels, rows);
    }
    this.#rows[place] = row;
    this.#labels[place] = row.entry.labels.number;
    row.place = place;
    this.#count += 1;
    return place;
  }

  #setApart(place: number, row: Row): void {
    const list = terms(shownText(row));
    this.#apart.set(place, termCounts(list));
    this.#shownLengths[place] = list.length;
  }

  #readApart(
    queried: readonly string[],
    rows: readonly Row[],
    matches: readonly { readonly frequencies: number[] }[],
  ): void {
    for (const [index, { place }] of rows.entries()) {
      const counts = place === undefined ? undefined : this.#apart.get(place);
      if (counts === undefined) continue;
      const frequencies = matches[index]?.frequencies ?? [];
      for (const [at, term] of queried.entries()) frequencies[at] = counts.get(term) ?? 0;
    }
  }

  /**
   * Takes the dead out of the next few lists. What went before a round began is in no list when it
   * ends, and its place can be used again.
   */
  #sweep(): void {
    if (this.#gone.length === 0 && this.#goneBefore.length === 0) return;
    if (!this.#postings.sweep(listsPerSweep, this.#isLive)) return;
    for (const place of this.#goneBefore) this.#free.push(place);
    this.#goneBefore = this.#gone;
    this.#gone = [];
  }

  /** Rows that hold the term. */
  #holding(number: number): number {
    if (this.#gone.length === 0 && this.#goneBefore.length === 0)
      return this.#postings.count(number);
    const cursor = this.#postings.read(number);
    let count = 0;
    while (cursor.next()) if (this.#rows[cursor.row] !== undefined) count += 1;
    return count;
  }

  /** The same of a corpus, and which they are: its list is read and its rows are asked once. */
  #collect(number: number, sets: Uint32Array): number {
    const cursor = this.#postings.read(number);
    const most = this.#postings.count(number);
    if (held.places.length < most) {
      held.places = new Uint32Array(2 * most);
      held.counts = new Uint32Array(2 * most);
    }
    const { places, counts } = held;
    const labels = this.#labels;
    let count = 0;
    while (cursor.next()) {
      const set = labels[cursor.row] as number;
      if ((((sets[set >>> 5] as number) >>> (set & 31)) & 1) === 0) continue;
      places[count] = cursor.row;
      counts[count] = cursor.count;
      count += 1;
    }
    return count;
  }

  /**
   * Adds the term's share to the score of each row that holds it; collects rows met for the first
   * time.
   */
  #accumulate(
    number: number,
    corpus: Corpus,
    { tag, found }: { readonly tag: number; readonly found: number[] },
  ): void {
    const { sets } = corpus;
    const holding = sets === undefined ? this.#holding(number) : this.#collect(number, sets);
    const rarity = Math.log(1 + (corpus.rows - holding + 0.5) / (holding + 0.5));
    const averageLength = corpus.terms / corpus.rows;
    const { tags, numbers } = notes;
    const rows = this.#rows;
    const lengths = this.#lengths;
    const add = (place: number, count: number): void => {
      const share = count + k1 * (1 - b + (b * (lengths[place] as number)) / averageLength);
      const score = (rarity * (count * (k1 + 1))) / share;
      if (tags[place] === tag) {
        numbers[place] = (numbers[place] as number) + score;
      } else {
        tags[place] = tag;
        numbers[place] = score;
        found.push(place);
      }
    };
    if (sets !== undefined) {
      const { places, counts } = held;
      for (let at = 0; at < holding; at += 1) add(places[at] as number, counts[at] as number);
      return;
    }
    const cursor = this.#postings.read(number);
    while (cursor.next()) if (rows[cursor.row] !== undefined) add(cursor.row, cursor.count);
  }
}

/**
 * Whether heading and text might have only stop words: then they are not what is left of all terms
 * without the title's.
 */
function isApart({ vocabulary, counts, length }: ChunkTerms, title: TitleTerms): boolean {
  if (title.length > 0) return length === title.length;
  if (!title.hasStopWords) return false;
  for (let at = 0; at < counts.length; at += 2) {
    if (!stopWords.has(vocabulary[counts[at] as number] as string)) return false;
  }
  return true;
}

function grown(from: Uint32Array, length: number): Uint32Array<ArrayBuffer> {
  const to = new Uint32Array(length);
  to.set(from);
  return to;
}
