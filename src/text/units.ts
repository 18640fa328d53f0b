/** A document as units: the smallest pieces that chunking keeps whole when they fit. */

import { type Block, parseBlocks } from "./markdown.ts";
import type { Word } from "./port.ts";
import { sentenceStarts } from "./sentences.ts";

export interface Unit {
  readonly kind: "heading" | "code" | "prose";
  /** Indexes of words, end exclusive; never empty. */
  readonly from: number;
  readonly to: number;
  readonly tokens: number;
  /**
   * Headings above; of a heading, those above itself. Shared by identity between units of a
   * section.
   */
  readonly path: readonly string[];
}

interface Boundary {
  readonly offset: number;
  readonly kind: Unit["kind"];
  readonly path: readonly string[];
}

/** As long as a word is that a vocabulary may hold whole. */
const knownWordCharsMax = 20;
/** As many as a token has in most texts. */
const charsPerToken = 4;

/**
 * A word that the model does not see still takes a place, so that no chunk grows without bound. A
 * long one that is a single token is none that the model knows: scripts without spaces are rows of
 * a hundred letters to it (Thai, Khmer), which counts as many letters of any other text do.
 */
export function wordCost({ ids, start, end }: Word): number {
  const unseenChars = ids.length > 1 ? 0 : Math.max(0, end - start - knownWordCharsMax);
  return Math.max(1, ids.length) + Math.ceil(unseenChars / charsPerToken);
}

/**
 * Units in order, together holding every word. Code that fits into `codeTokensMax` is one unit,
 * else one unit a line; prose is one unit a sentence.
 */
export function splitUnits(options: {
  readonly text: string;
  readonly words: readonly Word[];
  readonly title: string | undefined;
  readonly codeTokensMax: number;
}): Unit[] {
  const { text, words, title, codeTokensMax } = options;
  const units: Unit[] = [];
  for (const run of runsOf(boundariesOf(text, title), words)) {
    const unit = { ...run, tokens: costOf(words, run.from, run.to) };
    if (unit.kind === "code" && unit.tokens > codeTokensMax) {
      for (const line of splitAtLines(text, words, unit)) units.push(line);
    } else {
      units.push(unit);
    }
  }
  return units;
}

function boundariesOf(text: string, title: string | undefined): Boundary[] {
  const outermost = title === undefined || title === "" ? [] : [title];
  const boundaries: Boundary[] = [];
  let open: { readonly level: number; readonly title: string }[] = [];
  let path: readonly string[] = outermost;
  const pathWithin = rowPaths();
  for (const block of parseBlocks(text)) {
    if (block.kind === "heading") {
      open = open.filter((above) => above.level < block.level);
      boundaries.push({
        offset: block.start,
        kind: "heading",
        path: pathOf(outermost, open).filter((above) => above !== block.title),
      });
      open = [...open, block];
      path = pathOf(outermost, open);
    } else {
      const { kind } = block;
      const shared = kind === "prose" ? pathWithin(path, block.columns) : path;
      for (const offset of startsWithin(text, block)) {
        boundaries.push({ offset, kind, path: shared });
      }
    }
  }
  return boundaries;
}

/**
 * The path of a row of a table ends with the names of its columns, so that a chunk that begins with
 * the row says what its cells are. One path for all rows of a table.
 */
function rowPaths(): (path: readonly string[], columns: string | undefined) => readonly string[] {
  let last: readonly string[] = [];
  let lastOf: readonly string[] | undefined;
  return (path, columns) => {
    if (columns === undefined || columns === "") return path;
    if (lastOf !== path || last.at(-1) !== columns) last = [...path, columns];
    lastOf = path;
    return last;
  };
}

/** A document's first heading often repeats its title: once is enough. */
function pathOf(
  outermost: readonly string[],
  open: readonly { readonly title: string }[],
): readonly string[] {
  const titles = open.map((heading) => heading.title).filter((heading) => heading !== "");
  return [...outermost, ...titles.filter((heading) => heading !== outermost[0])];
}

function startsWithin(text: string, block: Block): number[] {
  if (block.kind === "code") return [block.start];
  return sentenceStarts(text.slice(block.start, block.end)).map((start) => block.start + start);
}

/**
 * A word belongs to the boundary at or before its start: words are never torn, none is left out.
 */
function runsOf(boundaries: readonly Boundary[], words: readonly Word[]): Omit<Unit, "tokens">[] {
  const runs: Omit<Unit, "tokens">[] = [];
  let from = 0;
  for (const [index, { kind, path }] of boundaries.entries()) {
    const next = boundaries[index + 1]?.offset ?? Number.POSITIVE_INFINITY;
    let to = from;
    while (to < words.length && (words[to] as Word).start < next) to += 1;
    if (to > from) runs.push({ kind, path, from, to });
    from = to;
  }
  return runs;
}

function splitAtLines(text: string, words: readonly Word[], unit: Unit): Unit[] {
  const lines: Unit[] = [];
  let from = unit.from;
  for (let at = unit.from + 1; at <= unit.to; at += 1) {
    const between = text.slice((words[at - 1] as Word).end, words[at]?.start);
    if (at < unit.to && !between.includes("\n")) continue;
    lines.push({ ...unit, from, to: at, tokens: costOf(words, from, at) });
    from = at;
  }
  return lines;
}

function costOf(words: readonly Word[], from: number, to: number): number {
  let cost = 0;
  for (let at = from; at < to; at += 1) cost += wordCost(words[at] as Word);
  return cost;
}
