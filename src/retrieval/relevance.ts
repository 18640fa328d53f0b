/**
 * Whether the best that was found is about the question at all. Scores of a ranking cannot say it:
 * the best of nothing has 1, too. Two signals can, and each sees what the other one misses: how
 * near the best chunk's meaning is, and how much of the question's words, rare ones first, it
 * holds. A logistic function of both, fitted on questions whose answer is in the documents against
 * questions whose subject is not (ops/decisions/0053-scores-that-mean-something.md).
 *
 * It tells "nothing here is about that" and no more: that a passage is about the subject and still
 * does not say what is asked is for whatever reads the passage to find out.
 */

import type { Candidate } from "../contract/candidate.ts";
import { shownText } from "../text/chunk-terms.ts";
import { isOfDay } from "../text/days.ts";
import { queryTerms, terms } from "../text/lexical.ts";
import { splitSentences } from "../text/sentences.ts";
import { stopWords } from "../text/stop-words.ts";
import { askingShare, onlyAsks } from "./asking-words.ts";
import type { Pooled } from "./pool.ts";
import { namesDayOf } from "./signals.ts";

export interface RelevanceSignals {
  /** Of the best chunk and the question, -1…1. */
  readonly cosine: number;
  /**
   * Share of the question's terms that the best chunk holds, weighted by their rarity, 0…1; without
   * words that only ask, and of a question with codes at least the share of those.
   */
  readonly coverage: number;
  /** The question names a code that nothing found names, and the best chunk another of its kind. */
  readonly isAnotherCode?: boolean | undefined;
}

/** Fitted for the cosines of all-MiniLM-L6-v2: those of another model lie elsewhere. */
const weights = { constant: -9.82, cosine: 17.45, coverage: 7.34 } as const;

/** The model for whose cosines it was fitted: the end of the name that it gives itself. */
export const relevanceFittedFor = "all-minilm-l6-v2";

/**
 * Below it nothing is relevant. Where one in a hundred of the answerable questions of squad-a is
 * declined, and none of cranfield.
 */
export const relevanceThreshold = 0.05;

/**
 * What a passage about `CVE-2019-0709` lacks where `CVE-2019-0708` was asked for: models see no
 * difference between the two, so all that cosine and words can say counts for nothing.
 */
const anotherCode = weights.cosine + weights.coverage;

/** 0…1, comparable between questions. */
export function relevanceOf({ cosine, coverage, isAnotherCode }: RelevanceSignals): number {
  const found = weights.constant + weights.cosine * cosine + weights.coverage * coverage;
  const evidence = isAnotherCode === true ? found - anotherCode : found;
  return 1 / (1 + Math.exp(-evidence));
}

/** As a rank knows them (signals.ts), but none that is as well an amount, a time or a score. */
const namingPattern = /^(?=\P{L}*\p{L}.*\p{N})[^:/]+$|^\p{N}{5,}|\p{N}\.\p{N}+\.\p{N}/u;

interface Asked {
  readonly question: string;
  /** Its terms, each with its rarity among the nearest. */
  readonly queried: readonly { readonly term: string; readonly rarity: number }[];
}

interface Best {
  readonly candidate: Candidate;
  readonly cosine: number;
}

/** @param pool all that was found */
export function relevanceSignals(
  best: Best | undefined,
  asked: Asked,
  pool: readonly Pooled[],
): RelevanceSignals {
  const { question, queried } = asked;
  if (best === undefined) return { cosine: -1, coverage: 0 };
  const coverage = Math.max(
    ...asksOf(question).map((part) => coverageOf(best.candidate, { question: part, queried })),
  );
  const isAnotherCode = namesAnother(best.candidate, queried, pool);
  return { cosine: best.cosine, coverage, isAnotherCode };
}

/** A longer one is no question any more, but holds some: a mail, a report. */
const questionChars = 1_000;

/** Of such a text its words tell less of what is asked than those of the sentences that ask. */
function asksOf(question: string): readonly string[] {
  if (question.length <= questionChars) return [question];
  const asks = splitSentences(question).filter((each) => /[?？؟]\s*$/u.test(each));
  return [question, ...asks.filter((each) => terms(each).filter(isSubject).length >= 2)];
}

const isSubject = (term: string): boolean => !stopWords.has(term) && !onlyAsks(term);

function coverageOf(best: Candidate, { question, queried }: Asked): number {
  const words = { all: 0, held: 0 };
  const codes = { all: 0, held: 0 };
  const isOnDay = namesDayOf(question)(best);
  const own = new Set(queryTerms(question));
  for (const [index, { term, rarity }] of queried.entries()) {
    if (!own.has(term)) continue;
    const isHeld = (best.lexical.frequencies[index] ?? 0) > 0 || (isOnDay && isOfDay(term));
    const groups = namingPattern.test(term) ? [words, codes] : [words];
    const asks = onlyAsks(term);
    if (!isHeld && asks) continue;
    // "Meaning" above a list of other codes is little evidence for "What does 418 mean?".
    const worth = asks ? askingShare * rarity : rarity;
    for (const group of groups) {
      group.all += worth;
      if (isHeld) group.held += worth;
    }
  }
  // A question without any word (`?`, an emoji) has no evidence in words: its meaning decides.
  const share = ({ all, held }: typeof words): number => (all === 0 ? 0 : held / all);
  return Math.max(share(words), share(codes));
}

/**
 * What names one thing: `ops2138`, `0x80070057`. None is an amount (`500mg`), a day, or one of an
 * order: of 3.1.5 "all before 3.2" says something, of a ticket nothing about another one does.
 */
const identityPattern =
  /^(?=\p{L}|(?:[^\p{N}.:/]*\p{N}){8})(?=(?:[^\p{N}.:/]*\p{N}){3})(?!\p{N}{4}-\p{N}{2}-\p{N}{2})[^.:/]+$/u;

/** `cve-2019-0708` and `cve-2021-44228` are of one kind; without letters before it, by length. */
function kindOf(code: string): string {
  const name = /^\P{N}*/u.exec(code)?.[0] ?? "";
  return name === "" ? `${code.length} signs` : name;
}

/** As it is named however it is written: `E619-1609` is `e6191609`, `CVE 2019 0708` has hyphens. */
function squeezed(text: string): string {
  return text.toLowerCase().replace(/[\s._/\u2010-\u2015-]+/g, "");
}

/** `2026-03-04` is a term as `20260304`, too, and a day is no code. */
function identitiesIn(list: readonly string[]): readonly string[] {
  const days = new Set(list.filter((term) => isDay.test(term)).map(squeezed));
  return list.filter((term) => identityPattern.test(term) && !days.has(term));
}

const isDay = /^\p{N}{4}-\p{N}{2}-\p{N}{2}$/u;

function namesAnother(
  best: Candidate,
  queried: readonly { readonly term: string }[],
  pool: readonly Pooled[],
): boolean {
  const named = identitiesIn(queried.map(({ term }) => term));
  // The first half of `E619-1610` is that of its neighbours, too.
  const asked = named.filter((term) =>
    named.every((other) => other === term || !other.includes(term)),
  );
  if (asked.length === 0) return false;
  const kinds = new Set(asked.map(kindOf));
  const held = identitiesIn(terms(shownText(best)));
  if (!held.some((term) => kinds.has(kindOf(term)))) return false;
  const codes = asked.map(squeezed);
  return !pool.some(({ candidate }) => {
    const { documentId, info } = candidate;
    const all = [documentId, info.title, info.source, shownText(candidate)];
    const text = squeezed(all.join("\n"));
    return codes.some((code) => text.includes(code));
  });
}
