/**
 * The sentences of sources as evidence: each whole, with its place in the text of its source, and
 * as it may be shown. Pure.
 *
 *   EV1  `text.slice(start, end)` of the source is what the sentence was made of, but for the names
 *        of columns that only its heading holds: they lie before its text, at -1;
 *   EV2  what is shown cites nothing and leads nowhere: markers and links in a source are its own,
 *        and were checked by nobody;
 *   EV3  a sentence ends where its author ended it: not behind an abbreviation, an initial or
 *        inside of parentheses, and always with its item of a list, its row of a table, its line
 *        of code or its record of a log.
 */

import type { Source } from "../contract/query.ts";
import { terms } from "../text/lexical.ts";
import { sentenceStarts } from "../text/sentences.ts";
import { filterCitations } from "./citations.ts";
import { type ColumnsAbove, columnsAbove } from "./columns-above.ts";
import { type LineKind, linesOf, type TextLine } from "./evidence-lines.ts";

export interface EvidenceSentence {
  /** As it may be shown: in one line. */
  readonly text: string;
  /** Number of its source, from 1. */
  readonly number: number;
  /** UTF-16 units of its source's text; the end is not in it. */
  readonly start: number;
  readonly end: number;
  /** It names what follows and does not say it: a heading, a question, `you need:`. */
  readonly opens?: "heading" | "question" | "list" | undefined;
  /** What it is a line or an item of; undefined for prose. */
  readonly part?: "row" | "code" | "record" | "item" | undefined;
  /** Of a heading: 1 for `#`. */
  readonly level?: number | undefined;
  /** Of an item: how far it is indented, and whether its list is numbered. */
  readonly depth?: number | undefined;
  readonly isStep?: boolean | undefined;
  /** Nothing stands before it in its paragraph, item, line or record. */
  readonly isFirst?: boolean | undefined;
  /** Of a row of a table: the row that says what its cells are. */
  readonly columns?: Omit<EvidenceSentence, "number"> | undefined;
  /** It is such a row. */
  readonly isHeader?: boolean | undefined;
}

type Text = Pick<Source, "text" | "title" | "heading">;

export function evidenceOf(sources: readonly Text[]): EvidenceSentence[] {
  return sources.flatMap((source, index) =>
    placesOf(source).map((place) => ({ ...place, number: index + 1 })),
  );
}

type Place = Omit<EvidenceSentence, "number">;

/** An answer and its citations look at the same sources: they are taken apart once. */
const known = new WeakMap<Text, readonly Place[]>();

function placesOf(source: Text): readonly Place[] {
  const before = known.get(source);
  if (before !== undefined) return before;
  const [first, ...rest] = sentencesOf(source);
  const places =
    first === undefined
      ? []
      : [isTitle(first, source) ? { ...first, opens: "heading" as const } : first, ...rest];
  const named = places.map((place, index) => {
    const isName = namesLines(place, places[index + 1], source.text);
    return isName ? { ...place, opens: "list" as const } : place;
  });
  known.set(source, named);
  return named;
}

/** A line alone above a list or records, as texts without Markdown have it. */
function namesLines(place: Place, next: Place | undefined, whole: string): boolean {
  const { text, start, end, opens, part, isFirst } = place;
  if (opens !== undefined || part !== undefined || isFirst !== true || ended.test(text))
    return false;
  if (next?.part === undefined || next.part === "code" || text.length > nameCharsMax) return false;
  const isAlone = !whole.slice(start, end).includes("\n");
  return isAlone && /^[ \t]*\n[ \t]*\n/.test(whole.slice(end, end + titleGapChars));
}

const nameCharsMax = 100;

const ended = /[.!?,;:。！？؟।]["'”’»)\]*_]*$/u;

/**
 * A text without Markdown begins with its title, too: a line alone, which says nothing that title
 * and headings of the document do not.
 */
function isTitle({ text, end, opens, part }: Place, source: Text): boolean {
  if (opens !== undefined || part !== undefined || ended.test(text)) return false;
  if (!/^[ \t]*\n[ \t]*\n/.test(source.text.slice(end, end + titleGapChars))) return false;
  const named = new Set(terms([source.title, source.heading].join("\n")));
  return terms(text).every((term) => named.has(term));
}

const titleGapChars = 80;

/** A picture that is a link, as at the head of many a README: nothing of it is a sentence. */
const badgePattern = /\[!\[[^\]]{0,200}\]\([^)]{0,500}\)\]\([^)]{0,500}\)/g;
const imagePattern = /!\[[^[\]]{0,200}\]\([^()\s]{0,500}\)/g;
const linkPattern = /\[([^[\]]{1,200})\]\([^()\s]{0,500}\)/g;
const layoutPattern = /^[ \t]*(?:#{1,6}(?=[ \t])|```.*$|~~~.*$|[=-]{3,}$)/gm;
const paragraphPattern = /\n[ \t]*\n/g;

function sentencesOf(source: Text): Place[] {
  const { text } = source;
  const prose = withoutMarkup(text);
  const lines = linesOf(text);
  const above = columnsAbove(source, lines);
  const headers = headersOf(prose, lines);
  const first = above && placeAbove(above);
  const found: Place[] = first === undefined ? [] : [first];
  const breaks = breaksIn(prose, lines);
  let from = 0;
  let before: Break | undefined;
  for (const each of [...breaks, { index: prose.length, length: 0 }]) {
    const known = before?.line && headers.get(before.line);
    const places = placesWithin(prose, { start: from, end: each.index }, before);
    for (const [index, place] of places.entries()) {
      const isFirst = index === 0;
      const isBelow = before?.line !== undefined && above?.rows.has(before.line) === true;
      const role = roleOf(place, before, headers);
      const columns = isBelow ? { columns: first } : {};
      found.push(known ?? { ...place, ...role, ...columns, isFirst });
    }
    from = each.index + each.length;
    before = each;
  }
  return found;
}

function headersOf(prose: string, lines: readonly TextLine[]): ReadonlyMap<TextLine, Place> {
  const headers = new Map<TextLine, Place>();
  for (const { header } of lines) {
    if (header === undefined || headers.has(header)) continue;
    const place = placeIn(prose, header);
    if (place !== undefined) headers.set(header, { ...place, part: "row", isHeader: true });
  }
  return headers;
}

function placeAbove({ text }: ColumnsAbove): Place | undefined {
  const shown = shownOf(text);
  return /[\p{L}\p{N}]/u.test(shown)
    ? { text: shown, start: -1, end: -1, part: "row", isHeader: true, isFirst: true }
    : undefined;
}

/** Whether it is in the text of its source. */
export const isInText = ({ start }: Pick<EvidenceSentence, "start">): boolean => start >= 0;

type Span = Pick<Place, "start" | "end">;

/** A row and a line of code stay whole, whatever stands in them. */
function placesWithin(prose: string, { start, end }: Span, opened: Break | undefined): Place[] {
  const kind = opened?.line?.kind;
  const spans =
    kind === "row" || kind === "code"
      ? [{ start: 0, end: end - start }]
      : sentencesIn(prose.slice(start, end));
  return spans.flatMap((span) => {
    const place = placeIn(prose, { start: start + span.start, end: start + span.end }, kind);
    return place === undefined ? [] : [place];
  });
}

/** Undefined where nothing is left to show. */
function placeIn(prose: string, { start, end }: Span, kind?: LineKind): Place | undefined {
  const piece = prose.slice(start, end);
  const text = (kind === "code" ? codeOf(piece) : undefined) ?? shownOf(piece);
  if (!/[\p{L}\p{N}]/u.test(text)) return undefined;
  const lead = piece.length - piece.trimStart().length;
  return { text, start: start + lead, end: start + lead + piece.trim().length };
}

const question = /[?？؟]["'”’»*_)]*$/u;
const colon = /[:：][*_]*$/;
/** `§ 5 Deductible.` names what the clause says behind it. */
const clause =
  /^(?:§|Art\.?|Article|Artikel) ?\d{1,4}[a-z]?[.:]? \p{Lu}[\p{L}\p{M}-]*(?: [\p{L}\p{M}-]+){0,3}\.$/u;

function roleOf(
  { text }: Place,
  opened: Break | undefined,
  headers: ReadonlyMap<TextLine, Place>,
): Pick<Place, "opens" | "part" | "columns" | "level" | "depth" | "isStep"> {
  const kind = opened?.line?.kind;
  if (kind === "heading") return { opens: "heading", level: opened?.line?.level };
  if (kind === "code") return { part: kind };
  if (kind === "row") {
    const header = opened?.line?.header;
    return { part: kind, columns: header && headers.get(header) };
  }
  const item = opened?.item;
  const part: Place["part"] = kind === "record" ? kind : item && "item";
  const own = { part, depth: item?.depth, isStep: item?.isStep };
  if (clause.test(text)) return { ...own, opens: "heading" };
  if (question.test(text)) return { ...own, opens: "question" };
  return colon.test(text) ? { ...own, opens: "list" } : own;
}

/** Where a sentence ends whatever its words say. */
interface Break {
  readonly index: number;
  readonly length: number;
  /** What begins here. */
  readonly line?: TextLine | undefined;
  readonly item?: { readonly depth: number; readonly isStep: boolean } | undefined;
}

function breaksIn(prose: string, lines: readonly TextLine[]): readonly Break[] {
  const gaps = Array.from(prose.matchAll(paragraphPattern), ({ index, 0: { length } }) => ({
    index,
    length,
  }));
  const ends = lines.flatMap((line): readonly Break[] => {
    if (line.kind === "prose") return [];
    const begin = { index: line.start, length: 0, line };
    // What stands below a record without being one goes on with it.
    return line.kind === "record" ? [begin] : [begin, { index: line.end, length: 0 }];
  });
  const items = listMarkers(prose);
  if (ends.length === 0 && items.length === 0) return gaps;
  return [...gaps, ...ends, ...items].sort((left, right) => left.index - right.index);
}

const itemPattern = /^([ \t]*)(?:[-*+•]|(\d{1,3}(?=[.)])|[a-z](?=\)))[.)])[ \t]+(?=\S)/gm;

/** `A: - paper`, with the next item on a line of its own. */
const labelledItem =
  /(?<=^[ \t]*[*_]{0,3}\p{L}[\p{L}\p{N} ]{0,30}[:：][*_]{0,3})[ \t]+[-*+•][ \t]+(?=\S[^\n]{0,300}\n[ \t]*[-*+•][ \t])/gmu;

/**
 * Not each line that begins as an item is one ("in room\n12. It"): as in CommonMark a number other
 * than 1 goes on with a list, or begins a paragraph.
 */
function listMarkers(text: string): readonly Break[] {
  const items: Break[] = Array.from(text.matchAll(labelledItem), ({ index, 0: marker }) => ({
    index,
    length: marker.length,
    item: { depth: 0, isStep: false },
  }));
  for (const { index, 0: marker, 1: lead = "", 2: number } of text.matchAll(itemPattern)) {
    const last = items.findLast((each) => each.index < index);
    const begins = index === 0 || /\n[ \t]*\n$/.test(text.slice(Math.max(0, index - 80), index));
    const goesOn = last !== undefined && !/\n[ \t]*\n/.test(text.slice(last.index, index));
    if (number === undefined || number === "1" || number === "a" || begins || goesOn) {
      const item = { depth: lead.length, isStep: number !== undefined };
      items.push({ index, length: marker.length, item });
    }
  }
  return items;
}

/** What the filter could change begins with one of these; most sentences hold none. */
const filtered = /[[\]!<【]/;

function shownOf(piece: string): string {
  const prose = indexed.test(piece) ? withIndices(piece) : piece;
  const cited = filtered.test(prose) ? filterCitations(prose, 0) : prose;
  // What stood between two markers ends nothing: `in 1954 [12], [13].`
  const checked =
    cited === prose ? prose : cited.replace(/(?<![ \t,;])(?:[ \t]*[,;])+(?=[ \t]*[.!?])/g, "");
  return checked.replaceAll(filler, "").replace(/\s+/g, " ").trim();
}

/** A line with an index is shown as code: `items[0]` cites nothing there, and stays whole. */
function codeOf(piece: string): string | undefined {
  if (!indexed.test(piece) || piece.includes("`")) return undefined;
  const shown = `\`${piece.replaceAll(filler, "").replace(/\s+/g, " ").trim()}\``;
  return filterCitations(shown, 0) === shown ? shown : undefined;
}

const indexed = /\[\s*\d/;

/** `items[0]`, `order.lines[12].price`. */
const indexedName =
  /(?<![\w$.`\]])(?<name>[A-Za-z_$][\w$]{0,60}(?:\.[A-Za-z_$][\w$]{0,60}){0,6})(?:\[\d{1,6}\](?:\.[A-Za-z_$][\w$]{0,60}){0,6}){1,6}/g;
/** Nobody's foot notes begin at 0, and words of prose have no such letters in them. */
const isIndexed = /\[0\]|\]\.[a-z]|[_$]|\p{L}\.\p{L}|\p{Ll}\p{Lu}/u;

/** In prose, too, an index stays, as code: `[0]` cites nothing there. `the tower[3]` has a note. */
function withIndices(prose: string): string {
  const found = [...prose.matchAll(indexedName)].filter(([whole]) => isIndexed.test(whole));
  if (found.length === 0) return prose;
  const names = new Set(found.map(({ groups }) => groups?.["name"]));
  const mark = (text: string): string =>
    text.replace(indexedName, (whole, name: string) => (names.has(name) ? `\`${whole}\`` : whole));
  // Every second part is code as it is.
  const parts = prose.split(/(`[^`]*`)/);
  return parts.map((part, index) => (index % 2 === 0 ? mark(part) : part)).join("");
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
  /(?:^|[\s(["'])(?:(?:\p{Lu}\.)+|(?:st|mr|mrs|ms|dr|prof|rev|gen|col|lt|capt|sgt|maj|gov|sen|rep|pres|mt|ft|c|ca|cf|vs|no|nos|vol|fig|figs|sec|ch|pp|p|ed|eds|approx|est|inc|ltd|co|corp|jr|sr|e\.g|i\.e|viz|al|dept|univ|art|abs|gem|fa|bzw|ggf|inkl|incl|evtl|bspw|sog|str|hr|mio|mrd|tsd|mind|zzgl|vgl|ziff|nr|núm|tel|kap|app|ref|ver|fr|rs|pg|rd|jan|feb|mar|apr|aug|sept?|oct|nov|dec)\.)\s*$/iu;
/** A parenthesis that is still open after this is a slip of the pen. */
const openCharsMax = 300;

/** What is shorter than this the splitter leaves whole. */
const shortChars = 64;

const shortEnd =
  /[.!?؟।]["'”’»)\]*_]*\s+(?=[\p{Ps}\p{Pi}"'¿¡\p{So}]{0,2}[\p{Lu}\p{Lo}\p{N}])|[。！？｡]["'”’»」』）)\]]*\s*(?=\S)/gu;

function shortStarts(text: string): number[] {
  return [0, ...Array.from(text.matchAll(shortEnd), ({ 0: end, index }) => index + end.length)];
}

/**
 * "… at noon. 12 people came." By Unicode's rules that is one sentence: of a number nobody can tell
 * whether it begins one. Behind a word, or a year, it does.
 */
const beforeNumber = /(?<=[\p{L}\p{M}]{2}|\b\d{4})[.!?]["')\]]*\s+(?=\d)/gu;

function longStarts(text: string): readonly number[] {
  const starts = sentenceStarts(text);
  const added = Array.from(text.matchAll(beforeNumber), ({ 0: end, index }) => index + end.length);
  if (added.length === 0) return starts;
  return [...new Set([...starts, ...added])].sort((left, right) => left - right);
}

/** `3. 5. 2026`, and `29. Juli`, which is cut as if the number ended a sentence. */
const afterDay =
  /^(?:\d|(?:Jan|Jän|Feb|Mär|Apr|Mai|Jun|Jul|Aug|Sep|Okt|Nov|Dez)(?:\.|[a-zäö]+\b))/u;

/** EV3: places of sentences, trimmed, none empty. */
export function sentencesIn(
  text: string,
): readonly { readonly start: number; readonly end: number }[] {
  const starts = text.length < shortChars ? shortStarts(text) : longStarts(text);
  const found: { start: number; end: number }[] = [];
  let begun = 0;
  for (const index of starts.keys()) {
    const end = behindEmphasis(text, starts[index + 1] ?? text.length);
    const piece = text.slice(begun, end);
    const isLast = index === starts.length - 1;
    const isDate =
      /(?:^|\s)\d{1,2}\.\s+$/.test(piece.slice(-8)) && afterDay.test(text.slice(end, end + 10));
    if (!isLast && (isDate || abbreviation.test(piece.slice(-16)) || isOpen(piece))) continue;
    const lead = piece.length - piece.trimStart().length;
    const whole = piece.trim();
    if (whole !== "") found.push({ start: begun + lead, end: begun + lead + whole.length });
    begun = end;
  }
  return found;
}

/** `**Who pays?** We do.`: what closes the emphasis is part of the sentence that it closes. */
const closingMarks = /[*_]{1,3}(?=\s|$)/y;

function behindEmphasis(text: string, at: number): number {
  closingMarks.lastIndex = at;
  return closingMarks.test(text) ? closingMarks.lastIndex : at;
}

function isOpen(piece: string): boolean {
  const at = piece.lastIndexOf("(");
  return at !== -1 && piece.length - at < openCharsMax && !piece.includes(")", at);
}
