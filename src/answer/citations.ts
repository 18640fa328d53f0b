/**
 * What of a model's words may leave. The same for a streamed answer and a whole one, however it is
 * split: every decision waits until its text is complete or its bound is reached.
 *
 *   CC1  a marker `[n]` leaves only if source n was shown to the model;
 *   CC2  no Markdown image, link or reference, and no loading HTML tag leaves: a document could
 *       have made the model write one, and a reader's browser would then send the address to a
 *       stranger;
 *   CC3  everything else leaves as it was written, also what looks like a marker in code: `[0]` is
 *        an index there, and cites nothing.
 */

import { CodePlace, withoutCode } from "../contract/code-spans.ts";

export interface TextGate {
  /** The text that may leave now. */
  push(text: string): string;
  /** What was held back, once nothing more comes. */
  end(): string;
}

/** Longer text in brackets is no marker and no link's text; its opening bracket is dropped. */
const bracketCharsMax = 200;
const targetCharsMax = 2_000;
const tagCharsMax = 2_000;

/**
 * `1`, `1, 2`, `1-3` is read as 1 and 3; also `Source 1`, which small models write, and `^1`, a
 * foot note's. That is one number: `[^0-9]` is a pattern of signs.
 */
const markerPattern = /^\s*(?:sources?[\s:#]*|\^(?=\d+\s*$))?(\d{1,6}(?:[\s,;&–-]+\d{1,6})*)\s*$/iu;
/**
 * `【1】`, and with a place behind it `【1†L2-L5】` or `【1:0†source】`, as models write that were
 * taught to browse. These brackets are those of Chinese and Japanese: `【2023】` is a year, and
 * `【1:概要】` a heading.
 */
const wideMarker = /^【\s{0,3}(\d{1,3})(?::\d{1,6})?\s{0,3}(?:†[^【】]{0,80})?】/u;
const wideMarkerBegun = /^【\s{0,3}(?:\d{1,3}(?::\d{0,6})?\s{0,3}(?:†[^【】]{0,80})?)?$/u;
const loadingTag =
  /^<\/?(?:img|a|iframe|script|style|object|embed|link|svg|video|audio|source|form|input|button|meta|base)(?![a-z0-9-])/i;
const loadingTagNameCharsMax = 9;
const autolink = /^<(?:https?|ftp|mailto|data|javascript):/i;

/** One construct at the start of a text: how much it takes, and what leaves for it. */
interface Token {
  readonly length: number;
  readonly text: string;
  /** Nothing of it leaves, so the space before it goes too. */
  readonly removed?: boolean | undefined;
  /** Of code: brackets in a row are indices. */
  readonly isCode?: boolean | undefined;
}

/** `undefined`: it takes more text to tell. */
type Reader = (text: string, isLast: boolean) => Token | undefined;

export function createCitationFilter(options: { readonly shown: number }): TextGate {
  const read = createReader(options.shown);
  const joiner = new Joiner();
  let held = "";

  function drain(isLast: boolean): string {
    let at = 0;
    while (at < held.length) {
      const rest = held.slice(at);
      const token = read(rest, isLast);
      if (token === undefined) break;
      joiner.add(token, rest.slice(0, token.length) === token.text);
      at += token.length;
    }
    held = held.slice(at);
    return joiner.take(isLast);
  }

  return {
    push(text) {
      held += text;
      return drain(false);
    },
    end: () => drain(true),
  };
}

/**
 * Joins what leaves. Where something was taken out, what stood apart must not grow together into a
 * new tag, link or marker, so a space goes between; and the space before what went goes with it.
 */
class Joiner {
  #out: string[] = [];
  #spaces = "";
  #last = "";
  #seam = false;

  add(token: Token, isVerbatim: boolean): void {
    if (token.removed === true) this.#spaces = "";
    // What is broken in code only got longer.
    const isSeam = !isVerbatim && token.isCode !== true;
    if (isSeam) this.#seam = true;
    if (/^[ \t]+$/.test(token.text)) this.#spaces += token.text;
    else if (token.text !== "") this.#emit(token);
    if (isSeam) this.#seam = true;
  }

  take(isLast: boolean): string {
    if (isLast) this.#out.push(this.#spaces);
    const text = this.#out.join("");
    this.#out = [];
    return text;
  }

  #emit({ text, isCode = false }: Token): void {
    // A marker followed by other text in brackets would be a reference link.
    const isReference = !isCode && this.#last === "]" && /^\[(?!\d)/.test(text);
    const growsTogether =
      (this.#seam || isReference) &&
      this.#spaces === "" &&
      /\S/.test(this.#last) &&
      /^[^\s.,;?!)]/.test(text);
    this.#out.push(growsTogether ? " " : this.#spaces, text);
    this.#last = text.at(-1) ?? "";
    this.#spaces = "";
    this.#seam = false;
  }
}

/** The filter for a text that is whole. */
export function filterCitations(text: string, shown: number): string {
  const filter = createCitationFilter({ shown });
  return filter.push(text) + filter.end();
}

/** Numbers of the markers in a filtered text, each once. */
export function citedNumbers(text: string): number[] {
  const found = withoutCode(text).matchAll(/\[(\d+)\]/g);
  return [...new Set(Array.from(found, (match) => Number(match[1])))];
}

function createReader(shown: number): Reader {
  const place = new CodePlace();
  const readProse = proseReader(shown);

  function next(text: string, isLast: boolean): Token | undefined {
    const token = place.isFenced ? readCode(text, isLast, readProse) : readProse(text, isLast);
    if (token !== undefined) place.readAll(token.text);
    return token;
  }

  return (text, isLast) => {
    if (!text.startsWith("`")) return next(text, isLast);
    const length = place.ticks(text, isLast);
    if (length === undefined) return undefined;
    const token = { length, text: text.slice(0, length) };
    place.read(token.text);
    return token;
  };
}

/**
 * `[1]`, `[^1]`, `[i]`, `[1:-1]`: whatever brackets mean in code. What would begin a link, a
 * picture or a tag is broken by a space, not taken out: `handlers[0](event)` is code, and a line
 * that got shorter could be read in another way by who looks for the end of its backticks (MC1).
 */
function readCode(text: string, isLast: boolean, readProse: Reader): Token | undefined {
  // Nothing that is taken out may close the fence.
  const lineFeed = text.indexOf("\n");
  const isWhole = isLast || lineFeed !== -1;
  const line = lineFeed <= 0 ? text : text.slice(0, lineFeed);
  const isBracket = line.startsWith("[") || line.startsWith("]");
  const own = /^(?:\[[^[\]<(\n]{0,200}\]|\]|【)/.exec(line)?.[0];
  if (own === undefined) return broken(line, readProse(line, isWhole));
  if (isBracket && own.length === line.length && !isWhole) return undefined;
  const opens = isBracket && line[own.length] === "(";
  return { length: own.length, text: opens ? `${own} ` : own, isCode: true };
}

function broken(line: string, token: Token | undefined): Token | undefined {
  if (token === undefined || token.text.length >= token.length) return token;
  return { length: 1, text: `${line.slice(0, 1)} `, isCode: true };
}

function proseReader(shown: number): Reader {
  return (text, isLast) => {
    switch (text[0]) {
      case "[":
        return readBracket(text, isLast, shown);
      case "!":
        return readExclamation(text, isLast);
      case "]":
        return readClosing(text, isLast);
      case "<":
        return readTag(text, isLast);
      case "【":
        return readWideBracket(text, isLast, shown);
      default: {
        const plain = /^(?:[ \t]+|\n|[^[\]!<【 \t\n`]+)/.exec(text)?.[0] ?? text.slice(0, 1);
        return { length: plain.length, text: plain };
      }
    }
  };
}

function readBracket(text: string, isLast: boolean, shown: number): Token | undefined {
  const rest = text.slice(1, bracketCharsMax);
  const stop = rest.search(/[[\]<]/);
  const dropped: Token = { length: 1, text: "" };
  if (stop === -1) return isLast || rest.length === bracketCharsMax - 1 ? dropped : undefined;
  // Brackets in brackets: what is inside is read for itself, and cannot be joined to a new marker.
  if (rest[stop] !== "]") return dropped;
  const inner = rest.slice(0, stop);
  const length = stop + 2;
  const next = text[length];
  if (next === undefined && !isLast) return undefined;
  const target = next === "(" ? readTarget(text.slice(length), isLast) : 0;
  if (target === undefined) return undefined;
  const marker = markerPattern.exec(inner)?.[1];
  if (marker !== undefined) return markerToken(marker, { length: length + target, shown, next });
  const isLink = next === "(" || next === "[" || next === ":";
  return { length: length + target, text: isLink ? inner : `[${inner}]` };
}

function readWideBracket(text: string, isLast: boolean, shown: number): Token | undefined {
  const found = wideMarker.exec(text);
  if (found === null) {
    return !isLast && wideMarkerBegun.test(text) ? undefined : { length: 1, text: "【" };
  }
  const [{ length }, marker = ""] = found;
  return markerToken(marker, { length, shown, next: text[length] });
}

function markerToken(
  marker: string,
  options: { readonly length: number; readonly shown: number; readonly next: string | undefined },
): Token {
  const { length, shown, next } = options;
  const numbers = marker.split(/\D+/).map(Number);
  const valid = [...new Set(numbers)].filter((number) => number >= 1 && number <= shown);
  if (valid.length === 0) return { length, text: "", removed: true };
  const text = valid.map((number) => `[${number}]`).join("");
  // `[1]: address` would define where every `[1]` leads.
  return { length, text: next === ":" ? `${text} ` : text };
}

/** Length of `(…)` with balanced parentheses, or up to its bound. */
function readTarget(text: string, isLast: boolean): number | undefined {
  let depth = 0;
  const end = Math.min(text.length, targetCharsMax);
  for (let at = 0; at < end; at += 1) {
    if (text[at] === "(") depth += 1;
    if (text[at] === ")") depth -= 1;
    if (depth === 0) return at + 1;
  }
  return isLast || end === targetCharsMax ? end : undefined;
}

function readExclamation(text: string, isLast: boolean): Token | undefined {
  if (text.length === 1 && !isLast) return undefined;
  if (text[1] !== "[") return { length: 1, text: "!" };
  const close = text.slice(1, bracketCharsMax + 1).indexOf("]") + 1;
  const next = text[close + 1];
  if (close === 0 && !isLast && text.length <= bracketCharsMax) return undefined;
  if (close > 0 && next === undefined && !isLast) return undefined;
  // "It works![1]" is no image, nor can a space between make it one.
  if (close === 0 || next !== "(") return { length: 1, text: "! " };
  const target = readTarget(text.slice(close + 1), isLast);
  if (target === undefined) return undefined;
  return { length: close + 1 + target, text: "", removed: true };
}

/** A bracket that closes nothing must not open a target either. */
function readClosing(text: string, isLast: boolean): Token | undefined {
  if (text.length === 1 && !isLast) return undefined;
  const opens = text[1] === "(" || text[1] === "[" || text[1] === ":";
  return { length: 1, text: opens ? "] " : "]" };
}

function readTag(text: string, isLast: boolean): Token | undefined {
  if (text.length < loadingTagNameCharsMax + 3 && !isLast && !text.includes(">")) return undefined;
  if (!loadingTag.test(text) && !autolink.test(text)) return { length: 1, text: "<" };
  const close = text.slice(0, tagCharsMax).indexOf(">");
  if (close === -1 && !isLast && text.length < tagCharsMax) return undefined;
  const length = close === -1 ? Math.min(text.length, tagCharsMax) : close + 1;
  return { length, text: "", removed: true };
}
