/**
 * Where the words of a PDF stand: lines, columns, and what each page says again at its edge. Pure.
 *
 * A page comes in the order in which a program drew it, which is the order of reading nearly
 * always. Left as it is, except where two columns were drawn line by line.
 */

import { inReadingOrder, isLeftwards } from "./pdf-directions.ts";

export interface TextItem {
  readonly str: string;
  readonly hasEOL: boolean;
  readonly width: number;
  readonly height: number;
  /** Its last two numbers are where it stands: from the left, and up from the bottom. */
  readonly transform: readonly number[];
}

/** Words in one line without a wide gap between them. */
interface Segment {
  readonly x: number;
  readonly end: number;
  readonly text: string;
}

export interface PageLine {
  readonly segments: readonly Segment[];
  readonly text: string;
  readonly y: number;
  readonly height: number;
}

/** A gap this wide, in heights, is no blank between words. */
const wideGap = 1.5;
/** The edges of two lines of a column differ by less, in heights: some begin with a blank. */
const edgeSlack = 0.5;
/** Fake bold, and shadows: the same words again, moved by less than this share of their height. */
const shadowShare = 0.2;
/** Smaller than the line, and up by more than its letters differ. */
const raisedHeightShare = 0.8;
const raisedShareMin = 0.15;
const raised = /^\d{1,3}\s?$/;
/** Shorter cells are those of a table. */
const columnCharsMin = 18;
/** Sentences go on from line to line, cells do not: lines of a column that begin small. */
const runningOnShareMin = 0.3;

export function linesOf(items: readonly TextItem[]): readonly PageLine[] {
  const lines: PageLine[] = [];
  let line = new LineMaker();
  for (const item of items) {
    if (item.str.trim() !== "") {
      if (line.isApart(item)) {
        lines.push(...line.made());
        line = new LineMaker();
      }
      line.add(item);
    } else line.gap(item);
    if (!item.hasEOL) continue;
    lines.push(...line.made());
    line = new LineMaker();
  }
  return [...lines, ...line.made()];
}

class LineMaker {
  #segments: { x: number; end: number; readonly items: TextItem[] }[] = [];
  #last: TextItem | undefined;
  #y = 0;
  #height = 0;
  #isWide = false;

  /** Up or down by more than a raised figure: not every program says where a line ends. */
  isApart({ transform, height }: TextItem): boolean {
    const isFirst = this.#last === undefined || height === 0;
    return !isFirst && Math.abs((transform[5] ?? 0) - this.#y) > height * wideGap;
  }

  add(item: TextItem): void {
    if (this.#last !== undefined && isShadow(this.#last, item)) return;
    const [x = 0, y = 0] = item.transform.slice(4);
    const end = x + item.width;
    const segment = this.#segments.at(-1);
    if (this.#isRaised(item)) {
      segment?.items.push({ ...item, str: `^${item.str}` });
      if (segment !== undefined) segment.end = end;
      this.#isWide = false;
      return;
    }
    if (this.#last !== undefined && isFurtherLeft(this.#last, item)) this.#isWide = true;
    if (segment === undefined || this.#isWide) this.#segments.push({ x, end, items: [item] });
    else {
      segment.end = end;
      segment.items.push(item);
    }
    if (this.#last === undefined) this.#y = y;
    this.#height = Math.max(this.#height, item.height);
    this.#last = item;
    this.#isWide = false;
  }

  /** The number of a foot note, an exponent: without a sign it would be a part of the word. */
  #isRaised({ str, height, transform }: TextItem): boolean {
    if (this.#last === undefined || this.#isWide || !raised.test(str)) return false;
    const before = this.#segments.at(-1)?.items.at(-1)?.str ?? "";
    const isSmall = height > 0 && height <= this.#height * raisedHeightShare;
    const rise = (transform[5] ?? 0) - this.#y;
    return isSmall && rise > this.#height * raisedShareMin && /[\p{L}\p{N}\p{P}]$/u.test(before);
  }

  gap(item: TextItem): void {
    const segment = this.#segments.at(-1);
    if (segment === undefined) return;
    if (item.width > this.#height * wideGap) this.#isWide = true;
    else segment.items.push(item);
  }

  made(): readonly PageLine[] {
    const isBackwards = isLeftwards(
      this.#segments.map(({ items }) => items.map(({ str }) => str).join("")).join(""),
    );
    const placed = this.#segments.toSorted((left, right) => (isBackwards ? left.x - right.x : 0));
    const segments = placed
      .map(({ items, ...place }) => ({ ...place, text: inReadingOrder(items).trim() }))
      .filter(({ text }) => text !== "");
    const texts = segments.map((segment) => segment.text);
    const text = (isBackwards ? texts.toReversed() : texts).join(" ");
    return text === "" ? [] : [{ segments, text, y: this.#y, height: this.#height }];
  }
}

/** The next cell of a row that is drawn from right to left: the library sees no blank there. */
function isFurtherLeft(last: TextItem, next: TextItem): boolean {
  const gap = (last.transform[4] ?? 0) - (next.transform[4] ?? 0) - next.width;
  return gap > last.height * wideGap && isLeftwards(last.str + next.str);
}

function isShadow(first: TextItem, second: TextItem): boolean {
  const slack = second.height * shadowShare;
  const isNear = [4, 5].every(
    (at) => Math.abs((first.transform[at] ?? 0) - (second.transform[at] ?? 0)) < slack,
  );
  return first.str === second.str && isNear;
}

/** Lines that were drawn across columns, column by column. Linear. */
export function byColumns(lines: readonly PageLine[]): readonly PageLine[] {
  const out: PageLine[] = [];
  for (let from = 0; from < lines.length; ) {
    const edges = lines[from]?.segments.map(({ x }) => x) ?? [];
    let to = from + 1;
    if (edges.length > 1) while (fits(lines[to], edges)) to += 1;
    const run = lines.slice(from, to);
    out.push(...(run.length > 1 ? (columnsOf(run, edges) ?? run) : run));
    from = to;
  }
  return out;
}

function fits(line: PageLine | undefined, edges: readonly number[]): boolean {
  if (line === undefined) return false;
  return line.segments.every(({ x, end }) => {
    const column = columnAt(edges, x, line.height);
    // What goes on into the next column is a line over all of them.
    return column !== -1 && end <= (edges[column + 1] ?? Number.POSITIVE_INFINITY);
  });
}

function columnAt(edges: readonly number[], x: number, height: number): number {
  return edges.findIndex((edge) => Math.abs(edge - x) <= height * edgeSlack);
}

function columnsOf(
  run: readonly PageLine[],
  edges: readonly number[],
): readonly PageLine[] | undefined {
  const columns = edges.map((_edge, column): readonly PageLine[] =>
    run.flatMap((line) =>
      line.segments
        .filter(({ x }) => columnAt(edges, x, line.height) === column)
        .map((segment) => ({ ...line, segments: [segment], text: segment.text })),
    ),
  );
  const areProse = columns.every((column) => isProse(column) || isUnspacedProse(column));
  if (!areProse) return undefined;
  const isBackwards = isLeftwards(run.map(({ text }) => text).join(" "));
  return (isBackwards ? columns.toReversed() : columns).flat();
}

const unspaced = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/gu;
const unspacedShareMin = 0.5;
const unspacedCharsMin = 9;
const unspacedLinesMin = 3;
const sentenceMark = /[，。、；！？]/u;
/** Some signs may not begin a line, so that the one before goes down with them. */
const raggedSlack = 2;
const filledShareMin = 0.7;

/** Chinese and Japanese have no small letters: lines are filled to one edge, and cells are not. */
function isUnspacedProse(column: readonly PageLine[]): boolean {
  const text = column.map((line) => line.text).join("");
  const above = column.slice(0, -1);
  const ends = column.map(({ segments }) => segments.at(-1)?.end ?? 0);
  const edge = ends.reduce((most, end) => Math.max(most, end), 0);
  const filled = above.filter(({ height }, at) => edge - (ends[at] ?? 0) <= height * raggedSlack);
  return (
    column.length >= unspacedLinesMin &&
    text.length >= column.length * unspacedCharsMin &&
    (text.match(unspaced)?.length ?? 0) >= text.length * unspacedShareMin &&
    sentenceMark.test(text) &&
    filled.length >= above.length * filledShareMin
  );
}

function isProse(column: readonly PageLine[]): boolean {
  const [, ...below] = column;
  const chars = column.reduce((sum, { text }) => sum + text.length, 0);
  const runningOn = below.filter(({ text }) => /^\p{Ll}/u.test(text)).length;
  return (
    below.length > 0 &&
    chars >= column.length * columnCharsMin &&
    runningOn >= below.length * runningOnShareMin
  );
}

/** Letters without a meaning: a font that does not say which they are, for a reader's eyes only. */
const meaningless = /[\p{Co}\ufffd]|(?!\s)\p{Cc}/gu;
const meaninglessShareMax = 0.3;

/** A page of such letters is a picture of text: it can be looked at, and not searched. */
export function isGarbled(lines: readonly PageLine[]): boolean {
  const text = lines.map((line) => line.text).join("");
  return (text.match(meaningless)?.length ?? 0) > text.length * meaninglessShareMax;
}

export interface Page {
  readonly lines: readonly PageLine[];
  readonly bottom: number;
  readonly top: number;
}

/** Above and below the text, in shares of the height of the page: half of a usual margin. */
const edgeShare = 0.08;
/** Said on so many pages, and on so many of all, it is the head or the foot of each. */
const edgePagesMin = 3;
const edgePagesShareMin = 0.4;
/** The number of a page differs from its place by the pages before the first. */
const pageNumberOffsetMax = 50;

/**
 * Heads and feet stay where they are said first: on each page again they would stand in the middle
 * of sentences, and make pages alike.
 */
export function withoutRepeatedEdges(pages: readonly Page[]): readonly Page[] {
  const counts = new Map<string, number>();
  const keysOf = pages.map(({ lines, ...page }, number) =>
    lines.map((line) => (isAtEdge(line, page) ? edgeKeys(line, number) : [])),
  );
  for (const keys of keysOf) {
    for (const key of new Set(keys.flat())) counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  const least = Math.max(edgePagesMin, pages.length * edgePagesShareMin);
  const said = new Set<string>();
  return pages.map((page, number) => {
    const lines = page.lines.filter((_line, at) => {
      const keys = keysOf[number]?.[at] ?? [];
      const repeated = keys.filter((key) => (counts.get(key) ?? 0) >= least);
      const isAgain = repeated.some((key) => said.has(key));
      for (const key of repeated) said.add(key);
      return !isAgain;
    });
    return { ...page, lines };
  });
}

function isAtEdge({ y }: PageLine, { bottom, top }: Omit<Page, "lines">): boolean {
  const edge = (top - bottom) * edgeShare;
  return y < bottom + edge || y > top - edge;
}

/** As it is, and with its first or its last number as that of the page. */
function edgeKeys({ text, y }: PageLine, page: number): readonly string[] {
  const place = Math.round(y);
  const key = (shown: string) => `${place} ${shown}`;
  const numbers = [...text.matchAll(/\d{1,4}/g)];
  const [first] = numbers;
  const last = numbers.at(-1);
  const ofPage = [first, last].flatMap((found) => {
    if (found === undefined) return [];
    const offset = Number(found[0]) - page;
    if (Math.abs(offset) > pageNumberOffsetMax) return [];
    const { index } = found;
    return [key(`${text.slice(0, index)}\0${offset}\0${text.slice(index + found[0].length)}`)];
  });
  return [...new Set([key(text), ...ofPage])];
}
