/**
 * Questions that lean on the one before, made from a collection whose neighbouring questions are
 * about one document: a name that both share becomes a pronoun in the second.
 */

import type { Judged } from "./beir.ts";

export interface FollowUpPair {
  readonly first: Judged;
  /** As it stands in the collection. */
  readonly second: Judged;
  /** The same with a pronoun in place of the shared name. */
  readonly leaning: string;
}

const namePattern =
  /(?<=\S\s)(?:the\s+)?\p{Lu}[\p{L}'’-]+(?:\s+(?:of\s+|the\s+)*\p{Lu}[\p{L}'’-]+)*/gu;

/** At most `countMax` of all pairs, evenly from the whole collection. */
export function followUpPairs(queries: readonly Judged[], countMax: number): FollowUpPair[] {
  const all = queries.flatMap((second, index): FollowUpPair[] => {
    const first = queries[index - 1];
    if (first === undefined || !isSameDocument(first, second)) return [];
    const leaning = withPronoun(first, second.text);
    return leaning === undefined ? [] : [{ first, second, leaning }];
  });
  const step = Math.max(1, all.length / countMax);
  return all.filter((_pair, index) => Math.floor(index / step) !== Math.floor((index - 1) / step));
}

function isSameDocument(first: Judged, second: Judged): boolean {
  return [...second.gains.keys()].some((document) => first.gains.has(document));
}

function withPronoun(first: Judged, text: string): string | undefined {
  const said = [first.text, ...first.answers].join("\n").toLowerCase();
  const shared = (text.match(namePattern) ?? [])
    .filter((found) => said.includes(found.toLowerCase().replace(/^the /, "")))
    .sort((left, right) => right.length - left.length);
  const [name] = shared;
  if (name === undefined) return undefined;
  return /['’]s$/.test(name) ? text.replace(name, "its") : text.replace(name, "it");
}
