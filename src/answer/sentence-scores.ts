/**
 * What each sentence holds of a question's words, with what it stands below. Pure.
 */

import type { Source } from "../contract/query.ts";
import { bm25Of, termCounts, terms, termWeights } from "../text/lexical.ts";
import type { EvidenceSentence } from "./evidence.ts";

/** A word of the same beginning: Norman for Normandy. */
const relatedWeight = 0.5;
const relatedChars = 4;

/**
 * Of each sentence: terms of its document's title, of the headings that it stands below, and of
 * what its list is one of.
 */
export function subjectsOf(
  all: readonly EvidenceSentence[],
  sources: readonly Source[],
): readonly ReadonlySet<string>[] {
  const titles = sources.map(({ title, heading }) => terms([title, heading].join("\n")));
  const open = sources.map((): { level: number; list: readonly string[] }[] => []);
  const known = titles.map((list) => new Set(list));
  const lists = sources.map((): { depth: number; list: readonly string[] }[] => []);
  return all.map(({ number, opens, part, depth = 0, text, level = innermost }) => {
    const around = lists[number - 1] ?? [];
    const least = part === "item" ? depth : part === undefined ? -1 : Infinity;
    while ((around.at(-1)?.depth ?? -2) >= least) around.pop();
    const outerLists = around.flatMap(({ list }) => list);
    if (opens === "list") around.push({ depth: part === "item" ? depth : -1, list: terms(text) });
    if (opens !== "heading") {
      const above = known[number - 1] ?? new Set();
      return outerLists.length === 0 ? above : new Set([...above, ...outerLists]);
    }
    const stack = open[number - 1] ?? [];
    while ((stack.at(-1)?.level ?? 0) >= level) stack.pop();
    const outer = new Set([...(titles[number - 1] ?? []), ...stack.flatMap(({ list }) => list)]);
    stack.push({ level, list: terms(text) });
    known[number - 1] = new Set([...outer, ...terms(text)]);
    return outer;
  });
}

/** Of what names its part of a text without being a heading of Markdown. */
const innermost = 7;

export interface Worded {
  /** A share of having all of the question's words. */
  readonly score: number;
  /** A row of which only the names of its columns hold any of them: it is as good as all others. */
  readonly isNamedOnly: boolean;
}

/**
 * What each holds of the question's words, rare ones first. A line (`Weight: 22 kg`) leaves its
 * subject to what stands above it: where it has a word of the question it has those of its subject,
 * too, or each line of a data sheet would lose to its heading. So does a heading to the outer ones.
 * @param hasSubject whose subject counts without a word of its own
 */
export function wordScores(
  question: string,
  all: readonly EvidenceSentence[],
  options: {
    readonly subjects: readonly ReadonlySet<string>[];
    readonly hasSubject: ReadonlySet<EvidenceSentence>;
  },
): readonly Worded[] {
  const queried = [...new Set(terms(question))];
  const held = all.map((sentence) => {
    const { text, columns, part, opens } = sentence;
    const own = terms(text);
    const list = columns === undefined ? own : [...terms(columns.text), ...own];
    const isLine = part !== undefined || opens === "heading" || opens === "list";
    return { counts: termCounts(list), own, length: list.length, isLine, sentence };
  });
  const frequency = termCounts(held.flatMap(({ counts }) => [...counts.keys()]));
  const total = held.reduce((sum, { length }) => sum + length, 0);
  const rarity = termWeights(queried, {
    documents: held.length,
    averageLength: total / (held.length || 1),
    documentFrequency: (term) => frequency.get(term) ?? 0,
  });
  const full = rarity.rarities.reduce((sum, each) => sum + each, 0);
  if (full === 0) return all.map(() => ({ score: 0, isNamedOnly: false }));
  return held.map(({ counts, own, length, isLine, sentence }, index) => {
    const frequencies = frequenciesIn(queried, counts);
    const subject = isLine ? options.subjects[index] : undefined;
    const saysMore =
      options.hasSubject.has(sentence) ||
      queried.some((term, at) => frequencies[at] !== 0 && !subject?.has(term));
    const whole =
      subject === undefined || !saysMore
        ? frequencies
        : frequencies.map((count, at) =>
            subject.has(queried[at] ?? "") ? Math.max(count, 1) : count,
          );
    // A line is short because it is one, not because it says one thing alone.
    const counted = isLine ? Math.max(length, total / held.length) : length;
    const isRow = sentence.columns !== undefined;
    return {
      score: bm25Of({ frequencies: whole, length: counted }, rarity) / full,
      isNamedOnly: isRow && frequenciesIn(queried, termCounts(own)).every((count) => count === 0),
    };
  });
}

function frequenciesIn(queried: readonly string[], counts: ReadonlyMap<string, number>): number[] {
  const beginnings = new Set<string>();
  for (const term of counts.keys()) beginnings.add(beginningOf(term));
  return queried.map((term) => {
    const isRelated = isWord(term) && beginnings.has(beginningOf(term));
    return counts.get(term) ?? (isRelated ? relatedWeight : 0);
  });
}

/** `host-42` and `host-41` begin alike and are two things; 1880 and the 1880s are not. */
const isWord = (term: string): boolean =>
  term.length >= relatedChars && (!/\d/.test(term) || /^(?:1\d|20)\d\ds?$/.test(term));
const beginningOf = (term: string): string => term.slice(0, relatedChars);
