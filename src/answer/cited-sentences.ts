/**
 * Sentences of the sources as evidence: an answer without a model, and markers for a model that
 * cites nothing. Both rank by the question's terms, rare ones first.
 */

import type { Source } from "../contract/query.ts";
import { cutText } from "../contract/well-formed.ts";
import { bm25, type CorpusStats, termCounts, terms } from "../text/lexical.ts";
import { splitSentences } from "../text/sentences.ts";
import { citedNumbers, filterCitations } from "./citations.ts";
import { declined } from "./prompt.ts";

const sentencesMax = 3;
const sentenceCharsMax = 400;

interface Sentence {
  readonly text: string;
  /** Number of its source, from 1. */
  readonly number: number;
  readonly counts: ReadonlyMap<string, number>;
  readonly length: number;
}

/**
 * The sentences that answer best, each with its marker. Without a word in common the best source's
 * beginning stands in, because its meaning was near. Empty only when the sources hold no words.
 */
export function extractiveAnswer(options: {
  readonly question: string;
  readonly sources: readonly Source[];
}): string {
  const sentences = options.sources.flatMap((source, index) => sentencesOf(source.text, index + 1));
  const stats = statsOf(sentences);
  const queryTerms = new Set(terms(options.question));
  const ranked = sentences
    .map((sentence, order) => ({
      sentence,
      order,
      score: bm25({ queryTerms, stats, ...sentence }),
    }))
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score || a.order - b.order)
    .filter(({ sentence }, rank, all) => isFirst(sentence, all.slice(0, rank)))
    .slice(0, sentencesMax);
  const chosen = ranked.length > 0 ? ranked.map(({ sentence }) => sentence) : sentences.slice(0, 1);
  return chosen.map(({ text, number }) => `${text} [${number}]`).join(" ");
}

/** Overlapping chunks and copied passages hold the same sentence: it is quoted once. */
function isFirst(sentence: Sentence, better: readonly { readonly sentence: Sentence }[]): boolean {
  return better.every((each) => each.sentence.text !== sentence.text);
}

/** The share of an answer's terms that a source must hold to be named as its evidence. */
const evidenceShareMin = 0.5;
const evidenceTermsMin = 2;
const evidenceMax = 3;

/**
 * What to append to an answer that cites nothing: markers of the sources that hold most terms of
 * one of its sentences. Empty when the answer cites, declines, or says what no source says: a wrong
 * source is worse than none.
 */
export function missingCitations(answer: string, sources: readonly Source[]): string {
  if (citedNumbers(answer).length > 0 || answer.includes(declined)) return "";
  const known = sources.map(({ text, title }) => new Set(terms(`${title ?? ""}\n${text}`)));
  const cited = new Set<number>();
  for (const sentence of splitSentences(answer)) {
    const wanted = [...new Set(terms(sentence))];
    const shares = known.map((set) => wanted.filter((term) => set.has(term)).length);
    const best = Math.max(0, ...shares);
    if (best >= evidenceTermsMin && best >= wanted.length * evidenceShareMin) {
      cited.add(shares.indexOf(best) + 1);
    }
  }
  const numbers = [...cited].sort((a, b) => a - b).slice(0, evidenceMax);
  return numbers.map((number) => `[${number}]`).join("");
}

/** A picture that is a link, as at the head of many a README: nothing of it is a sentence. */
const badgePattern = /\[!\[[^\]]{0,200}\]\([^)]{0,500}\)\]\([^)]{0,500}\)/g;

/**
 * Markers and links in a source are its own: they would cite and lead where nothing was checked.
 */
function sentencesOf(text: string, number: number): Sentence[] {
  const prose = filterCitations(text.replace(badgePattern, ""), 0).replace(
    /^[ \t]*(?:#{1,6}[ \t]|```.*$|~~~.*$|[=-]{3,}$)/gm,
    "",
  );
  return prose
    .split("\n\n")
    .flatMap(splitSentences)
    .flatMap((sentence) => {
      const plain = sentence.replace(/\s+/g, " ").trim();
      const list = terms(plain);
      if (list.length === 0) return [];
      return [{ text: shorten(plain), number, counts: termCounts(list), length: list.length }];
    });
}

function shorten(sentence: string): string {
  if (sentence.length <= sentenceCharsMax) return sentence;
  const cut = cutText(sentence, sentenceCharsMax);
  const space = cut.lastIndexOf(" ");
  return `${space > 0 ? cut.slice(0, space) : cut}…`;
}

function statsOf(sentences: readonly Sentence[]): CorpusStats {
  const frequency = new Map<string, number>();
  for (const { counts } of sentences) {
    for (const term of counts.keys()) frequency.set(term, (frequency.get(term) ?? 0) + 1);
  }
  const total = sentences.reduce((sum, { length }) => sum + length, 0);
  return {
    documents: sentences.length,
    averageLength: total / (sentences.length || 1),
    documentFrequency: (term) => frequency.get(term) ?? 0,
  };
}
