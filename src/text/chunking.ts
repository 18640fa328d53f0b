/**
 * Token-aware chunking. A chunk holds whole sentences, list items and code blocks where they fit,
 * starts a new section with it, and carries the path of headings above as context.
 *
 *   CK1  [CLS], heading, text and [SEP] together are at most `limits.chunkTokensMax` tokens;
 *   CK2  every word of the text is in some chunk, in order;
 *   CK3  neighbours of one section overlap by whole sentences of at most
 *       `limits.chunkOverlapTokens`;
 *   CK4  the same text gives the same chunks, in linear time;
 *   CK5  a chunk's text is what lies at its range;
 *   CK6  words that the model does not know (a row of Thai is one token to it) fill a chunk as
 *       words of so many letters do.
 */

import { limits } from "../contract/limits.ts";
import type { ChunkTerms, TextRange } from "../contract/record.ts";
import { createHeadingLabeller, type HeadingLabel } from "./heading-path.ts";
import type { Tokenizer, Word } from "./port.ts";
import { splitUnits, type Unit, wordCost } from "./units.ts";
import { frameTokens } from "./word-pieces.ts";

export interface Chunk {
  /** Text as it is shown, without the heading path. */
  readonly text: string;
  readonly heading?: string | undefined;
  /** Where `text` lies in the text that was cut. */
  readonly range: TextRange;
  /** [CLS] heading text [SEP]. */
  readonly tokens: Int32Array;
  /** Where they were counted on the way. */
  readonly terms?: ChunkTerms | undefined;
}

const frameTokensCount = 2;

/**
 * A section shorter than this share of a chunk joins the one before it: many files are all
 * headings.
 */
const sectionShareMin = 0.25;

/** Chunks of a text; none for a text without words. `title` is the outermost heading. */
export function chunkText(options: {
  readonly text: string;
  readonly title?: string | undefined;
  readonly tokenizer: Tokenizer;
}): Chunk[] {
  const { text, title, tokenizer } = options;
  const words = tokenizer.words(text);
  const codeTokensMax = limits.chunkTokensMax - frameTokensCount - limits.headingTokensMax;
  const units = splitUnits({ text, words, title, codeTokensMax });
  const packer = new Packer(words, createHeadingLabeller(tokenizer));
  for (const unit of units) packer.add(unit);
  return packer.finish().map(({ from, to, label }) => {
    const heading = label.text;
    const tokens = frameTokens({
      startId: tokenizer.startId,
      endId: tokenizer.endId,
      words: [label, ...words.slice(from, to)],
      maxTokens: limits.chunkTokensMax,
    });
    const start = startOf(text, words, from);
    const end = words[to - 1]?.end ?? text.length;
    const shown = text.slice(start, end);
    return {
      text: shown,
      ...(heading === undefined ? {} : { heading }),
      range: [start, end],
      tokens,
    };
  });
}

interface Range {
  readonly from: number;
  readonly to: number;
  readonly label: HeadingLabel;
}

/**
 * Greedy packing of units into ranges of words; one pass, looking back no further than an overlap.
 */
class Packer {
  readonly #words: readonly Word[];
  readonly #labelOf: (path: readonly string[]) => HeadingLabel;
  readonly #done: Range[] = [];
  #open: Unit[] = [];
  #tokens = 0;
  #label: HeadingLabel = { text: undefined, ids: [] };

  constructor(words: readonly Word[], labelOf: (path: readonly string[]) => HeadingLabel) {
    this.#words = words;
    this.#labelOf = labelOf;
  }

  add(unit: Unit): void {
    const newSection =
      unit.kind === "heading" && this.#tokens >= limits.chunkTokensMax * sectionShareMin;
    if (newSection || this.#overflows(unit)) {
      const { headings, overlap } = this.#close();
      // At most one level deep: a chunk of nothing but headings leaves none to move.
      for (const heading of headings) this.add(heading);
      if (this.#overflows(unit)) this.#close();
      if (!newSection && headings.length === 0) this.#overlap(overlap, unit);
    }
    if (this.#open.length === 0) this.#label = this.#labelOf(unit.path);
    if (unit.tokens > this.#room()) this.#addLong(unit);
    else this.#push(unit);
  }

  finish(): readonly Range[] {
    const { headings } = this.#close();
    for (const heading of headings) this.add(heading);
    this.#close();
    return this.#done;
  }

  #room(): number {
    return limits.chunkTokensMax - frameTokensCount - this.#label.ids.length;
  }

  #overflows(unit: Unit): boolean {
    return this.#open.length > 0 && this.#tokens + unit.tokens > this.#room();
  }

  #push(unit: Unit): void {
    this.#open.push(unit);
    this.#tokens += unit.tokens;
  }

  /**
   * Ends the open chunk. Headings at its end are not written but returned: they belong to what
   * follows them, unless the chunk is nothing but headings.
   */
  #close(): { readonly headings: readonly Unit[]; readonly overlap: readonly Unit[] } {
    const units = this.#open;
    this.#open = [];
    this.#tokens = 0;
    let end = units.length;
    while (end > 0 && units[end - 1]?.kind === "heading") end -= 1;
    if (end === 0) end = units.length;
    const first = units[0];
    const last = units[end - 1];
    if (first === undefined || last === undefined) return { headings: [], overlap: [] };
    this.#done.push({ from: first.from, to: last.to, label: this.#label });
    return { headings: units.slice(end), overlap: trailing(units) };
  }

  /** Opens the next chunk with the end of the last one, where that leaves room for the unit. */
  #overlap(units: readonly Unit[], unit: Unit): void {
    const first = units[0];
    if (first === undefined) return;
    this.#label = this.#labelOf(first.path);
    const tokens = units.reduce((sum, each) => sum + each.tokens, unit.tokens);
    if (tokens <= this.#room()) for (const each of units) this.#push(each);
  }

  /** A sentence longer than a chunk: cut at spaces, each cut overlapping the one before. */
  #addLong(unit: Unit): void {
    let from = unit.from;
    while (from < unit.to) {
      const to = this.#fill(from, unit.to);
      if (to === unit.to) {
        this.#push({ ...unit, from, to, tokens: this.#cost(from, to) });
        return;
      }
      this.#done.push({ from, to, label: this.#label });
      from = this.#overlapStart(from, to);
    }
  }

  /**
   * End of the longest run of words that fits, at a space if one is near (`a.b` stays whole); at
   * least one word.
   */
  #fill(from: number, end: number): number {
    const room = this.#room();
    let to = from;
    let tokens = 0;
    while (to < end) {
      tokens += wordCost(this.#words[to] as Word);
      if (tokens > room && to > from) break;
      to += 1;
    }
    if (to === end) return to;
    let cut = to;
    let given = 0;
    while (cut > from + 1 && given <= limits.chunkOverlapTokens) {
      if (this.#spaceBefore(cut)) return cut;
      cut -= 1;
      given += wordCost(this.#words[cut] as Word);
    }
    return to;
  }

  #overlapStart(from: number, to: number): number {
    let start = to;
    let tokens = 0;
    let best = to;
    while (start - 1 > from) {
      tokens += wordCost(this.#words[start - 1] as Word);
      if (tokens > limits.chunkOverlapTokens) break;
      start -= 1;
      if (this.#spaceBefore(start)) best = start;
    }
    // Without any space in reach (one endless word) the overlap begins anywhere.
    return best === to ? start : best;
  }

  #spaceBefore(index: number): boolean {
    return (this.#words[index - 1]?.end ?? 0) < (this.#words[index]?.start ?? 0);
  }

  #cost(from: number, to: number): number {
    let cost = 0;
    for (let at = from; at < to; at += 1) cost += wordCost(this.#words[at] as Word);
    return cost;
  }
}

/** The last whole units of a chunk that make an overlap; never all of it. */
function trailing(units: readonly Unit[]): readonly Unit[] {
  let start = units.length;
  let tokens = 0;
  while (start > 1) {
    const unit = units[start - 1] as Unit;
    if (unit.kind === "heading" || tokens + unit.tokens > limits.chunkOverlapTokens) break;
    tokens += unit.tokens;
    start -= 1;
  }
  return units.slice(start);
}

/** Where a chunk is shown from: the indentation of its first line belongs to it. */
function startOf(text: string, words: readonly Word[], from: number): number {
  const start = words[from]?.start ?? 0;
  const floor = words[from - 1]?.end ?? 0;
  let at = start;
  while (at > floor && (text[at - 1] === " " || text[at - 1] === "\t")) at -= 1;
  return at === 0 || text[at - 1] === "\n" ? at : start;
}
