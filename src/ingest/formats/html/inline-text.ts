/**
 * Elements whose parts are not read one after the other: formulas (MathML) and signs with their
 * readings (ruby). A half is no 12, and a word is not cut by how it is said. Both recurse: a tree
 * has a bound (PG1).
 */

import { headings, isBlock, isSilent } from "./elements.ts";
import { attributeOf, type Element, elementsOf, isElement, isText, rawText } from "./tree.ts";

/** Not one that nobody closed: the rest of a page stands in it, with its headings and tables. */
export function isWord(ruby: Element): boolean {
  return elementsOf(ruby).every(
    ({ tagName }) =>
      tagName === "rp" ||
      !(isBlock(tagName) || isSilent(tagName) || headings.has(tagName) || tagName === "pre"),
  );
}

/** `漢字(かんじ)`: the word whole, then its readings, however many pieces it is written in. */
export function rubyText(ruby: Element): string {
  const signs: string[] = [];
  const readings: string[] = [];
  for (const node of ruby.childNodes) {
    if (isText(node)) signs.push(node.value);
    else if (isElement(node) && !isSilent(node.tagName)) {
      const isReading = node.tagName === "rt" || node.tagName === "rtc";
      (isReading ? readings : signs).push(rawText(node));
    }
  }
  const said = readings.map((reading) => reading.trim()).filter((reading) => reading !== "");
  // Latin letters are words with blanks between, kana are not.
  const isLatin = said.some((reading) => /\p{Script=Latin}/u.test(reading));
  const word = withoutBreaks(signs.join(""));
  return said.length === 0 ? word : `${word}(${said.join(isLatin ? " " : "")})`;
}

/**
 * Lines of the source are joined: Latin words with a blank, signs without. Line by line, since a
 * pattern with blanks on both sides of a break takes the square of many blanks.
 */
function withoutBreaks(text: string): string {
  const lines = text.split("\n");
  if (lines.length === 1) return text;
  const ends = [lines[0]?.trimEnd(), ...lines.slice(1, -1).map((line) => line.trim())];
  const filled = [...ends, lines.at(-1)?.trimStart()].filter((line) => line !== undefined);
  const read: string[] = [];
  for (const line of filled.filter((each) => each !== "")) {
    const isApart = latinEnd.test((read.at(-1) ?? "").slice(-2)) && latinStart.test(line);
    read.push(isApart ? ` ${line}` : line);
  }
  return read.join("");
}

const latinStart = /^[\p{Script=Latin}\p{N}]/u;
const latinEnd = /[\p{Script=Latin}\p{N}]$/u;

/** A formula on one line, as people type it: `(a+b)/2`, `x^2`, `a_1`, `√2`. */
export function mathText(math: Element): string {
  return rowOf(math).replace(/\s+/g, " ").trim();
}

function rowOf(element: Element): string {
  return element.childNodes
    .map((node) => {
      if (isElement(node)) return isSilent(node.tagName) ? "" : elementText(node);
      // Between elements white space only makes the source readable.
      return isText(node) && node.value.trim() !== "" ? node.value : "";
    })
    .join("");
}

function elementText(element: Element): string {
  const { tagName } = element;
  switch (tagName) {
    case "mi":
    case "mn":
    case "mo":
    case "ms":
      // A function before what it is applied to: `sin x`.
      return rowOf(element).trim().replaceAll("\u2061", " ");
    case "mspace":
      return " ";
    case "mphantom":
      return "";
    case "mfenced":
      return fencedParts(element);
    case "mtable":
      return partsOf(element).join("; ");
    case "mtr":
    case "mlabeledtr":
      return partsOf(element).join(" ");
    default:
      return placed(tagName, element) ?? rowOf(element);
  }
}

/** What stands above, below or under a sign; undefined for what stands in a row. */
function placed(tagName: string, element: Element): string | undefined {
  const [base = "", second = "", third = ""] = partsOf(element);
  switch (tagName) {
    case "mfrac":
      return `${grouped(base)}/${grouped(second)}`;
    case "msup":
      return `${base}^${grouped(second)}`;
    case "msub":
      return `${base}_${grouped(second)}`;
    case "munder":
      return `${base}_${grouped(second)} `;
    case "msubsup":
      return `${base}_${grouped(second)}^${grouped(third)}`;
    case "munderover":
      return `${base}_${grouped(second)}^${grouped(third)} `;
    case "msqrt":
      return `√${grouped(rowOf(element))}`;
    case "mroot":
      return `${grouped(second)}√${grouped(base)}`;
    default:
      return undefined;
  }
}

/** The older way to write brackets, which name themselves: `(x, y)`. */
function fencedParts(element: Element): string {
  const [open, close] = [attributeOf(element, "open") ?? "(", attributeOf(element, "close") ?? ")"];
  const [sign = ""] = (attributeOf(element, "separators") ?? ",").trim();
  return open + partsOf(element).join(sign === "," ? ", " : sign) + close;
}

function partsOf(element: Element): string[] {
  return element.childNodes.filter(isElement).map(elementText);
}

/** One number or one name needs no brackets. */
function grouped(text: string): string {
  const part = text.trim();
  return /^(?:[\p{N}.,]*|\p{L}+|.)$/u.test(part) ? part : `(${part})`;
}
