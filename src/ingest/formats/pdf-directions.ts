/**
 * Hebrew and Arabic in a PDF: pieces of a line stand where they are seen, from left to right, and
 * are read from right to left, but for the numbers and the words of other scripts in them. Pure.
 */

import { withoutEnd } from "../../contract/without-end.ts";

export interface PlacedText {
  readonly str: string;
  readonly width: number;
  /** Its last two numbers are where it stands: from the left, and up from the bottom. */
  readonly transform: readonly number[];
}

const leftwards =
  /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u;
const leftwardLetters =
  /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/gu;
const letters = /\p{L}/gu;
const rightwards = /[\p{L}\p{N}]/u;
/** Vowels over letters, before which the library sees a blank where they stand further back. */
const marks = /^\s*(\p{M}+)$/u;
const letter = /\p{L}/u;
/** Letters as they look beside others: nobody types these. */
const shapes = /[\ufb1d-\ufdff\ufe70-\ufefc]+/g;
/** Signs at the edge of a number stand on its other side when the line is read leftwards. */
const edgeSigns = " \t\n\r\u00a0.,;:!?+-";
const firstSigns = /^[ \t\n\r\u00a0.,;:!?+-]*/;
/** They are drawn as they are seen: what opens on the right looks as what closes on the left. */
const mirrored: Readonly<Record<string, string>> = {
  ...{ "(": ")", ")": "(", "[": "]", "]": "[", "{": "}", "}": "{", "«": "»", "»": "«" },
};
const bracket = /[()[\]{}«»]/g;
const paired = /^[^()[\]{}«»]*(?:\([^()]*\)|\[[^[\]]*\]|«[^«»]*»)/;

/** Whether a line is read from right to left. */
export function isLeftwards(text: string): boolean {
  const count = text.match(leftwardLetters)?.length ?? 0;
  return count * 2 > (text.match(letters)?.length ?? 0);
}

/** The text of pieces that stand beside each other, each of which is in order by itself. */
export function inReadingOrder(pieces: readonly PlacedText[]): string {
  const drawn = pieces.map(({ str }) => str).join("");
  if (!leftwards.test(drawn)) return drawn;
  const seen = seenFromLeft(pieces);
  const read = isLeftwards(drawn) ? readLeftwards(seen) : readRightwards(seen);
  return read.replace(shapes, (shape) => shape.normalize("NFKC"));
}

/** A mark belongs to the letter that is drawn behind it, wherever exactly it stands. */
function seenFromLeft(pieces: readonly PlacedText[]): readonly string[] {
  const placed: { x: number; text: string }[] = [];
  let pending = "";
  for (const { str, width, transform } of pieces) {
    const mark = marks.exec(str)?.[1];
    const isBlank = str.trim() === "";
    if (mark !== undefined) pending += mark;
    else if (!isBlank || width > 0) {
      const [x = 0] = transform.slice(4);
      placed.push(...wordsOf(isBlank ? str : str + pending).map((text) => ({ x, text })));
      if (!isBlank) pending = "";
    }
  }
  const sorted = placed.toSorted((left, right) => left.x - right.x).map(({ text }) => text);
  return pending === "" ? sorted : [pending, ...sorted];
}

/** Numbers with blanks between them are each a number, and no words that are read rightwards. */
function wordsOf(text: string): readonly string[] {
  return letter.test(text) ? [text] : text.split(/(\s+)/).filter((word) => word !== "");
}

function readLeftwards(seen: readonly string[]): string {
  const isOther = (text: string) => rightwards.test(text) && !leftwards.test(text);
  const runs = turned(seen, isOther, leftwards).toReversed();
  // Some programs say of a bracket what it means, and not how it is drawn.
  const isMeant = paired.test(runs.map(({ texts }) => texts.toReversed().join("")).join(""));
  return runs
    .map((run) => {
      if (run.kind === "turned") return aroundCore(run.texts.join(""));
      return run.texts
        .map((text) => (leftwards.test(text) ? text : [...text].toReversed().join("")))
        .toReversed()
        .join("")
        .replace(bracket, (sign) => (isMeant ? sign : (mirrored[sign] ?? sign)));
    })
    .join("");
}

function readRightwards(seen: readonly string[]): string {
  return turned(seen, (text) => leftwards.test(text), rightwards)
    .map(({ kind, texts }) => (kind === "turned" ? texts.toReversed() : texts).join(""))
    .join("");
}

function hasLetter(text: string): boolean {
  return letter.test(text);
}

interface Run {
  /** Against the direction of the line: from one such text to the last before another. */
  readonly kind: "turned" | "along";
  readonly texts: string[];
}

function turned(
  seen: readonly string[],
  isTurned: (text: string) => boolean,
  along: RegExp,
): readonly Run[] {
  const runs: Run[] = [];
  let between: string[] = [];
  for (const text of seen) {
    const last = runs.at(-1);
    if (isTurned(text)) {
      // Numbers beside each other are not one text, unless a word before them makes it one.
      const isOne =
        !between.some((each) => /\s/.test(each)) || last?.texts.some(hasLetter) === true;
      if (last?.kind === "turned" && isOne) last.texts.push(...between, text);
      else {
        if (between.length > 0) runs.push({ kind: "along", texts: between });
        runs.push({ kind: "turned", texts: [text] });
      }
      between = [];
    } else if (along.test(text)) {
      runs.push({ kind: "along", texts: [...between, text] });
      between = [];
    } else between.push(text);
  }
  return between.length === 0 ? runs : [...runs, { kind: "along", texts: between }];
}

function aroundCore(text: string): string {
  const before = firstSigns.exec(text)?.[0] ?? "";
  const core = withoutEnd(text.slice(before.length), edgeSigns);
  const behind = text.slice(before.length + core.length);
  const back = (signs: string) => [...signs].toReversed().join("");
  return back(behind) + core + back(before);
}
