/** From what a token classifier says of each word to whole names and addresses. Pure. */

import type { Span } from "./recognisers/recogniser.ts";

export const nameKinds = ["NAME", "ADDRESS"] as const;
export type NameKind = (typeof nameKinds)[number];

/** What a word may be part of; the rest of the model's labels have recognisers of their own. */
export const parts = ["name", "street", "area", "code"] as const;
export type Part = (typeof parts)[number];

const partOfLabel: Readonly<Record<string, Part>> = {
  GIVEN_NAME: "name",
  SURNAME: "name",
  BUILDING_NUMBER: "street",
  STREET_NAME: "street",
  SECONDARY_ADDRESS: "street",
  CITY: "area",
  STATE: "area",
  ZIP_CODE: "code",
};

/** For `B-GIVEN_NAME` and `I-GIVEN_NAME` alike. */
export function partOf(label: string): Part | undefined {
  return partOfLabel[label.replace(/^[BI]-/, "")];
}

export interface TaggedWord extends Span {
  readonly part: Part | undefined;
}

export interface NameFind extends Span {
  readonly kind: NameKind;
}

/** What may stand between two words of one name, and of one address. */
const betweenNames = /^(?: ?| ?[-'’] ?)$/u;
/** Behind an initial; behind a word a full stop ends a sentence. */
const behindInitial = /^\.[ -]?$/u;
const initialCharsMax = 2;
const separator = "[ \\t]{0,2}[,.;/#:-]{0,2}[ \\t]{0,2}\\n?[ \\t]{0,4}";
/** A code of a state or country between two parts counts, also where the model does not know it. */
const betweenLines = new RegExp(`^(?:${separator}|${separator}\\p{Lu}{2,3}${separator})$`, "u");
const twoLetters = /\p{L}.*\p{L}/su;

/**
 * Names are words side by side. An address is a row of its parts, also over a line end; a town, a
 * country or a number alone is none: they are facts, and name nobody.
 */
export function findsOf(text: string, words: readonly TaggedWord[]): readonly NameFind[] {
  return [...runs(text, words, "NAME"), ...runs(text, words, "ADDRESS")].sort(
    (left, right) => left.start - right.start,
  );
}

function runs(text: string, words: readonly TaggedWord[], kind: NameKind): readonly NameFind[] {
  const finds: NameFind[] = [];
  let run: { start: number; end: number; lastStart: number; seen: Set<Part> } | undefined;
  const close = (): void => {
    if (run !== undefined && isWhole(text, run, kind))
      finds.push({ kind, start: run.start, end: run.end });
    run = undefined;
  };
  for (const { start, end, part } of words) {
    if (part === undefined || (part === "name") !== (kind === "NAME")) continue;
    if (run === undefined || !isBetween(text.slice(run.end, start), run, kind)) {
      close();
      run = { start, end, lastStart: start, seen: new Set([part]) };
    } else {
      run.end = end;
      run.lastStart = start;
      run.seen.add(part);
    }
  }
  close();
  return finds;
}

function isBetween(
  gap: string,
  { lastStart, end }: { readonly lastStart: number; readonly end: number },
  kind: NameKind,
): boolean {
  if (kind === "ADDRESS") return betweenLines.test(gap);
  return betweenNames.test(gap) || (end - lastStart <= initialCharsMax && behindInitial.test(gap));
}

interface Run extends Span {
  readonly seen: ReadonlySet<Part>;
}

function isWhole(text: string, { start, end, seen }: Run, kind: NameKind): boolean {
  if (!twoLetters.test(text.slice(start, end))) return false;
  if (kind === "NAME") return true;
  return seen.has("street") || (seen.has("code") && seen.has("area"));
}

/** One spelling of a value: `Jane  DOE` and `Jane Doe` are one person. */
export function normalName(value: string): string {
  return value
    .normalize("NFKC")
    .toLowerCase()
    .replace(/[^\p{L}\p{M}\p{N}]+/gu, " ")
    .trim();
}

/** As many words as full names usually have, initials and particles among them. */
const wordsMax = 5;
const charsMin = 5;
const wordPattern = /\p{L}[\p{L}\p{M}'’-]*/gu;

/**
 * A full name that was found once is one wherever it stands in the same document; a single word may
 * be another word elsewhere. Linear: each row of words is looked up, not searched for.
 */
export class FullNames {
  readonly #names: ReadonlySet<string>;

  constructor(names: readonly string[]) {
    this.#names = new Set(
      names.filter((name) => name.length >= charsMin && /\p{L}[.]?[ \t]\S*\p{L}/u.test(name)),
    );
  }

  in(text: string): readonly NameFind[] {
    if (this.#names.size === 0) return [];
    const words = [...text.matchAll(wordPattern)];
    const finds: NameFind[] = [];
    for (let at = 0; at < words.length; at += 1) {
      const start = words[at]?.index ?? 0;
      for (let count = Math.min(wordsMax, words.length - at); count >= 2; count -= 1) {
        const last = words[at + count - 1];
        const end = (last?.index ?? 0) + (last?.[0].length ?? 0);
        if (!this.#names.has(text.slice(start, end))) continue;
        finds.push({ kind: "NAME", start, end });
        at += count - 1;
        break;
      }
    }
    return finds;
  }
}
