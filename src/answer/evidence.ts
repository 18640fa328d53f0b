/**
 * The sentences of sources as evidence: each whole, with its place in the text of its source, and
 * as it may be shown. Pure.
 *
 *   EV1  `text.slice(start, end)` of the source is what the sentence was made of;
 *   EV2  what is shown cites nothing and leads nowhere: markers and links in a source are its own,
 *        and were checked by nobody;
 *   EV3  a sentence ends where its author ended it: not behind an abbreviation, an initial or
 *        inside of parentheses, and always with its item of a list.
 */

import type { Source } from "../contract/query.ts";
import { sentenceStarts } from "../text/sentences.ts";
import { filterCitations } from "./citations.ts";

export interface EvidenceSentence {
  /** As it may be shown: in one line. */
  readonly text: string;
  /** Number of its source, from 1. */
  readonly number: number;
  /** UTF-16 units of its source's text; the end is not in it. */
  readonly start: number;
  readonly end: number;
}

export function evidenceOf(sources: readonly Pick<Source, "text">[]): EvidenceSentence[] {
  return sources.flatMap((source, index) =>
    placesOf(source).map((place) => ({ ...place, number: index + 1 })),
  );
}

type Place = Omit<EvidenceSentence, "number">;

/** An answer and its citations look at the same sources: they are taken apart once. */
const known = new WeakMap<Pick<Source, "text">, readonly Place[]>();

function placesOf(source: Pick<Source, "text">): readonly Place[] {
  const before = known.get(source);
  if (before !== undefined) return before;
  const places = sentencesOf(source.text);
  known.set(source, places);
  return places;
}

/** A picture that is a link, as at the head of many a README: nothing of it is a sentence. */
const badgePattern = /\[!\[[^\]]{0,200}\]\([^)]{0,500}\)\]\([^)]{0,500}\)/g;
const imagePattern = /!\[[^[\]]{0,200}\]\([^()\s]{0,500}\)/g;
const linkPattern = /\[([^[\]]{1,200})\]\([^()\s]{0,500}\)/g;
const layoutPattern = /^[ \t]*(?:#{1,6}(?=[ \t])|```.*$|~~~.*$|[=-]{3,}$)/gm;
const paragraphPattern = /\n[ \t]*\n/g;

function sentencesOf(text: string): Place[] {
  const prose = withoutMarkup(text);
  const found: Place[] = [];
  let from = 0;
  const paragraph = (to: number): void => {
    for (const { start, end } of sentencesIn(prose.slice(from, to))) {
      const shown = shownOf(prose.slice(from + start, from + end));
      if (/[\p{L}\p{N}]/u.test(shown)) {
        found.push({ text: shown, start: from + start, end: from + end });
      }
    }
  };
  for (const { index, length } of breaksIn(prose)) {
    paragraph(index);
    from = index + length;
  }
  paragraph(prose.length);
  return found;
}

/** Where a sentence ends whatever its words say: blank lines, and the markers of list items. */
interface Break {
  readonly index: number;
  readonly length: number;
}

function breaksIn(prose: string): readonly Break[] {
  const gaps = Array.from(prose.matchAll(paragraphPattern), ({ index, 0: { length } }) => ({
    index,
    length,
  }));
  const items = listMarkers(prose);
  if (items.length === 0) return gaps;
  return [...gaps, ...items].sort((left, right) => left.index - right.index);
}

const itemPattern = /^[ \t]*(?:[-*+•]|(\d{1,3})[.)])[ \t]+(?=\S)/gm;

/**
 * Not each line that begins as an item is one ("in room\n12. It"): as in CommonMark a number other
 * than 1 goes on with a list, or begins a paragraph.
 */
function listMarkers(text: string): readonly Break[] {
  const items: Break[] = [];
  for (const { index, 0: marker, 1: number } of text.matchAll(itemPattern)) {
    const last = items.at(-1);
    const begins = index === 0 || /\n[ \t]*\n$/.test(text.slice(Math.max(0, index - 80), index));
    const goesOn = last !== undefined && !/\n[ \t]*\n/.test(text.slice(last.index, index));
    if (number === undefined || number === "1" || begins || goesOn) {
      items.push({ index, length: marker.length });
    }
  }
  return items;
}

/** What the filter could change begins with one of these; most sentences hold none. */
const filtered = /[[\]!<【]/;

function shownOf(prose: string): string {
  const cited = filtered.test(prose) ? filterCitations(prose, 0) : prose;
  // What stood between two markers ends nothing: `in 1954 [12], [13].`
  const checked = cited === prose ? prose : cited.replace(/(?:[ \t]*[,;])+(?=[ \t]*[.!?])/g, "");
  return checked.replaceAll(filler, "").replace(/\s+/g, " ").trim();
}

/** Stands for what is left out. Cleaned text holds none. */
const filler = "\0";

/** Of the same length, so that places in it are places in the text. */
function withoutMarkup(text: string): string {
  if (!/[[#`~=-]/.test(text)) return text;
  const fill = (part: string): string => part.replace(/[^\n]/g, filler);
  return text
    .replace(badgePattern, fill)
    .replace(imagePattern, fill)
    .replace(linkPattern, (whole, label: string) =>
      /^\s*\d+\s*$/.test(label)
        ? fill(whole)
        : `${filler}${label}${fill(whole.slice(label.length + 1))}`,
    )
    .replace(layoutPattern, (part) => part.replace(/[^\n]/g, " "));
}

/** What an English writer puts a full stop behind in the middle of a sentence. */
const abbreviation =
  /(?:^|[\s(["'])(?:(?:\p{Lu}\.)+|(?:st|mr|mrs|ms|dr|prof|rev|gen|col|lt|capt|sgt|maj|gov|sen|rep|pres|mt|ft|c|ca|cf|vs|no|nos|vol|fig|figs|sec|ch|pp|p|ed|eds|approx|est|inc|ltd|co|corp|jr|sr|e\.g|i\.e|viz|al|dept|univ|jan|feb|mar|apr|aug|sept?|oct|nov|dec)\.)\s*$/iu;
/** A parenthesis that is still open after this is a slip of the pen. */
const openCharsMax = 300;

/** What is shorter than this the splitter leaves whole. */
const shortChars = 64;

function shortStarts(text: string): number[] {
  const ends = text.matchAll(/[.!?]["')\]]*\s+(?=["'(]?[\p{Lu}\p{N}])/gu);
  return [0, ...Array.from(ends, ({ 0: end, index }) => index + end.length)];
}

/** EV3: places of sentences, trimmed, none empty. */
export function sentencesIn(
  text: string,
): readonly { readonly start: number; readonly end: number }[] {
  const starts = text.length < shortChars ? shortStarts(text) : sentenceStarts(text);
  const found: { start: number; end: number }[] = [];
  let begun = 0;
  for (const index of starts.keys()) {
    const end = starts[index + 1] ?? text.length;
    const piece = text.slice(begun, end);
    const isLast = index === starts.length - 1;
    if (!isLast && (abbreviation.test(piece.slice(-16)) || isOpen(piece))) continue;
    const lead = piece.length - piece.trimStart().length;
    const whole = piece.trim();
    if (whole !== "") found.push({ start: begun + lead, end: begun + lead + whole.length });
    begun = end;
  }
  return found;
}

function isOpen(piece: string): boolean {
  const at = piece.lastIndexOf("(");
  return at !== -1 && piece.length - at < openCharsMax && !piece.includes(")", at);
}
