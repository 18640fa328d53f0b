/**
 * Lexical matching: text to terms, and BM25 over them. Both shards' hits and the question go
 * through the same `terms`, so that a word matches whatever its case, accents or ending.
 */

import { stemmer } from "stemmer";
import type { LexicalMatch } from "../contract/candidate.ts";
import { limits } from "../contract/limits.ts";
import { stopWords } from "./stop-words.ts";
import { foldForTerms, withSpelledOut } from "./term-folding.ts";
import { splitUnspaced } from "./unspaced.ts";

/**
 * Goes up with every change of what a text's terms are: objects in cold with another number are
 * given new ones (activities/scrub).
 */
export const termsVersion = 4;

/** Longer words are data (hashes, base64), not language: their start is enough to match them. */
const termCharsMax = 64;

/**
 * The constants of BM25 (Robertson and Zaragoza, "The Probabilistic Relevance Framework", 2009):
 * how soon repetitions of a term stop counting, and how much a chunk's length weighs. Measured.
 */
export const bm25Constants = { k1: 1.5, b: 0.75 } as const;
const { k1, b } = bm25Constants;

/**
 * A word, or words joined as in `snake_case`, `kebab-case`, `a.b.c`, `user's`, `c++`, and by a
 * non-joiner as in Persian.
 */
const compoundPattern =
  /[\p{L}\p{N}_][\p{L}\p{N}\p{M}_]*(?:['’.\-/:\u200c][\p{L}\p{N}_][\p{L}\p{N}\p{M}_]*)*(?:\+\+|#)?/gu;
/**
 * The same where all is ASCII, which most text is: without Unicode's tables it takes half the time.
 */
const asciiCompoundPattern = /[A-Za-z0-9_]+(?:['.\-/:][A-Za-z0-9_]+)*(?:\+\+|#)?/g;
const apostrophePattern = /['’]/g;
/** French and Italian: `l'accord` is found by `accord`. */
const elisionPattern =
  /^(?:[ldjmnstc]|qu|jusqu|lorsqu|puisqu|quoiqu|dell|all|nell|sull|dall|quell|un)['’](?=\p{L}{3})/iu;
/**
 * Turkish writes endings of names and numbers behind an apostrophe: `İstanbul'da` is found by
 * `istanbul`. English endings that are cut this way are few, and their words stop words.
 */
const endingPattern =
  /^(?<name>[\p{Script=Latin}\p{N}]{3,})['’](?:[aeiouAEIOU]|[\p{Script=Latin}]{2,})$/u;
/** `U.S.A.` is `USA` and no letter of it, which every list has; of `a.b` each may be meant. */
const initialsPattern = /^\p{Lu}(?:\.\p{Lu})+$|^\p{Script=Latin}(?:\.\p{Script=Latin})+$/u;
const spelledPattern = /^\p{Lu}(?:\.\p{Lu})+$|^\p{Script=Latin}(?:\.\p{Script=Latin}){2,}$/u;
/** Names in capitals, stop words in small letters. */
const capitalNames: ReadonlySet<string> = new Set(["IT", "US", "WHO"]);
/** Where all is in capitals nobody can tell them. */
const isShouted = (text: string): boolean =>
  !/\p{Ll}/u.test(text) && /\p{Lu}\P{L}+\p{Lu}/u.test(text);
/** `v2.0.0` is `2.0.0`. */
const versionPattern = /^[vV](?=\p{N}+\.\p{N})/u;
/** The Arabic article, alone or behind a one-letter word that is written with it. */
const arabicArticlePattern =
  /^(?:[\u0648\u0641\u0628\u0643]?\u0627\u0644|\u0644\u0644)(?=\p{L}{3})/u;
const joinerPattern = /[._\-/:\u200c]+/;
const asciiOnlyPattern = /^[\0-\x7f]*$/;
const plainWordPattern = /^[A-Z]?[a-z0-9]+$/;
const latinWordPattern = /^[a-z]{3,}$/;
/**
 * `5kg` is `5 kg`, and `err1042` is `err-1042`: where letters and digits meet once they part. A
 * word in which they alternate is a key or a hash, whose pieces say nothing.
 */
const metPattern = /^(?:(?<name>\p{L}+)(?<digits>\p{N}+)|(?<count>\p{N}+)(?<unit>\p{L}+))$/u;
/** `50x70`: a size; `120m3`: an area or a volume. */
const sizePattern = /^\p{N}+(?:x\p{N}+)+$/iu;
const powerPattern = /^(?<count>\p{N}+)(?<unit>[cdk]?m|mm|ft|in|yd)(?<power>[23])$/iu;
/**
 * `err-1042`, `e-mail` and `max_ack_pending` are also written `err1042`, `email`, `maxAckPending`.
 * Between digits a hyphen may say "to": `1-12` is not 112, and `11-2` neither.
 */
const hyphenPattern = /[-_\u200c]/g;
const betweenDigits = /\p{N}[-_]\p{N}/u;
/** Numbers of books, parts and days, written with hyphens or without. */
const longNumberPattern = /^\p{N}+(?:-\p{N}+)*-[\p{N}xX]+$/u;
const longNumberDigits = 8;
const hasDigitPattern = /\d/;
/** What groups the digits of a number, as it is printed: `1,375,000`. */
const groupPattern = /[,\u00a0\u2009\u202f]\d{3}(?!\d)/;
const groupedPattern = /(?<![\d.,])\d{1,3}(?:[,\u00a0\u2009\u202f]\d{3})+(?![\d,])/g;
const groupMarkPattern = /[,\u00a0\u2009\u202f]/g;
/** The same with dots, as German and Spanish have it; a version of two parts is read so as well. */
const dottedNumberPattern = /^[0-9]{1,3}(?:\.[0-9]{3})+$/;

export interface CorpusStats {
  /** Chunks in the corpus. */
  readonly documents: number;
  /** Mean number of terms of a chunk. */
  readonly averageLength: number;
  /** Chunks that hold the term. */
  documentFrequency(term: string): number;
}

/**
 * The terms of a text, in order and with repetitions: case-folded, without accents
 * (term-folding.ts), English words stemmed (Porter), unspaced scripts as pairs of letters
 * (unspaced.ts). An identifier gives its parts and itself, so that
 * `maxAckPending` is found by "ack" and by its whole name, a number with groups of digits (`1,000`)
 * also gives the one without. Stop words go, unless nothing else is left. Linear in the text.
 */
export function terms(text: string): string[] {
  const { kept, stopped } = cut(text);
  return kept.length > 0 ? kept : stopped;
}

/** What the title of a document brings to the terms of each of its chunks. */
export interface TitleTerms {
  readonly counts: ReadonlyMap<string, number>;
  readonly length: number;
  /** These count only beside nothing else, and then all of them do. */
  readonly hasStopWords: boolean;
}

export function titleTerms(title: string | undefined): TitleTerms {
  const { kept, stopped } = cut(title ?? "");
  return { counts: termCounts(kept), length: kept.length, hasStopWords: stopped.length > 0 };
}

function cut(text: string): { readonly kept: string[]; readonly stopped: string[] } {
  const kept: string[] = [];
  const stopped: string[] = [];
  for (const compound of compoundsOf(text)) {
    const isWord = capitalNames.has(compound) && isShouted(text);
    const known = remembered(isWord ? compound.toLowerCase() : compound);
    // One by one: a text without a space is one compound, too long to spread into arguments.
    for (const word of known.kept) kept.push(word);
    for (const word of known.stopped) stopped.push(word);
  }
  return { kept, stopped };
}

/**
 * The different terms of a question, in the order in which they first occur: what shards and fusion
 * count by.
 */
export function queryTerms(question: string): string[] {
  return [...new Set(terms(question))];
}

function compoundsOf(text: string): readonly string[] {
  const counted = groupPattern.test(text) ? text.replace(groupedPattern, withWhole) : text;
  const found = asciiOnlyPattern.test(counted)
    ? counted.match(asciiCompoundPattern)
    : foldForTerms(withSpelledOut(counted)).match(compoundPattern);
  return found ?? [];
}

/** The groups stay, too: `101,102,103` may be three rooms. */
function withWhole(grouped: string): string {
  return `${grouped} ${grouped.replace(groupMarkPattern, "")}`;
}

interface CompoundTerms {
  readonly kept: readonly string[];
  readonly stopped: readonly string[];
}

/**
 * A corpus repeats its words, and splitting and stemming one costs more than finding it:
 * remembering them makes a text about three times cheaper. A function of the compound alone, so
 * forgetting changes nothing.
 */
const memory = new Map<string, CompoundTerms>();

function remembered(compound: string): CompoundTerms {
  const known = memory.get(compound);
  if (known !== undefined) return known;
  if (memory.size >= limits.lexicalMemoryWordsMax) memory.clear();
  const own = unsliced(compound);
  const made = compoundTerms(own);
  if (own.length <= termCharsMax) {
    memory.set(own, { kept: exact(made.kept), stopped: exact(made.stopped) });
  }
  return made;
}

const none: readonly string[] = [];

/** Without the room that V8 gives an array that grew: for a word it would be nine tenths of it. */
function exact(words: readonly string[]): readonly string[] {
  return words.length === 0 ? none : Array.of(...words);
}

/** Shorter strings are copied anyway; a longer one cut from a text keeps the whole text alive. */
const sliceMin = 13;

/** The same string in memory of its own. */
export function unsliced(text: string): string {
  return text.length < sliceMin ? text : Buffer.from(text).toString();
}

function compoundTerms(compound: string): CompoundTerms {
  const kept: string[] = [];
  const stopped: string[] = [];
  for (const word of wordsOf(compound)) {
    if (stopWords.has(word)) stopped.push(word);
    else kept.push(latinWordPattern.test(word) ? stemmer(word) : word);
  }
  return { kept, stopped };
}

/** How often each term occurs. */
export function termCounts(list: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const term of list) counts.set(term, (counts.get(term) ?? 0) + 1);
  return counts;
}

/**
 * BM25 of one chunk for a question; 0 when no term matches, never negative. A term that the
 * question repeats counts once: questions are short, and repetition in them is not emphasis.
 */
export function bm25(options: {
  readonly queryTerms: Iterable<string>;
  readonly counts: ReadonlyMap<string, number>;
  /** Number of terms of the chunk. */
  readonly length: number;
  readonly stats: CorpusStats;
}): number {
  const { counts, length, stats } = options;
  const queried = [...new Set(options.queryTerms)];
  const frequencies = queried.map((term) => counts.get(term) ?? 0);
  return bm25Of({ frequencies, length }, termWeights(queried, stats));
}

/** What a question's terms weigh in a corpus: the same for each of its chunks. */
export interface TermWeights {
  /** Of each term, in the order of the question's. */
  readonly rarities: readonly number[];
  /** Mean number of terms of a chunk. */
  readonly averageLength: number;
}

export function termWeights(queried: readonly string[], stats: CorpusStats): TermWeights {
  const rarities = queried.map((term) => inverseFrequency(stats, term));
  return { rarities, averageLength: stats.averageLength };
}

/**
 * `bm25` of a chunk of which it is known how often it holds each term of the question.
 * @param lengthWeight how much its length weighs; by default as in the lists of both shards
 */
export function bm25Of(
  { frequencies, length }: LexicalMatch,
  { rarities, averageLength }: TermWeights,
  lengthWeight: number = b,
): number {
  const relativeLength = averageLength > 0 ? length / averageLength : 1;
  let score = 0;
  for (let index = 0; index < frequencies.length; index += 1) {
    const count = frequencies[index] as number;
    if (count === 0) continue;
    const damping = k1 * (1 - lengthWeight + lengthWeight * relativeLength);
    const saturation = (count * (k1 + 1)) / (count + damping);
    score += (rarities[index] as number) * saturation;
  }
  return score;
}

/** What no chunk reaches, however often it holds every term. */
export function bm25Max({ rarities }: TermWeights): number {
  let score = 0;
  for (const rarity of rarities) score += rarity * (k1 + 1);
  return score;
}

/** The form of Lucene, positive also for terms that most chunks hold. */
function inverseFrequency(stats: CorpusStats, term: string): number {
  const frequency = Math.min(stats.documentFrequency(term), stats.documents);
  return Math.log(1 + (stats.documents - frequency + 0.5) / (frequency + 0.5));
}

function wordsOf(compound: string): string[] {
  // Most words have no part: looking for one costs more than all that follows.
  if (plainWordPattern.test(compound)) {
    const word = compound.toLowerCase();
    return hasDigitPattern.test(word) ? parted(word).map(cutWord) : [cutWord(word)];
  }
  const plain = compound
    .replace(elisionPattern, "")
    .replace(apostrophePattern, "")
    .replace(versionPattern, "");
  const pieces = plain
    .split(joinerPattern)
    .flatMap(splitCamelCase)
    .filter((piece) => piece !== "");
  const words = spelledPattern.test(plain) ? [] : pieces.flatMap(splitUnspaced).flatMap(parted);
  // The whole joins its parts only where they fit: a 200-letter path is found by its parts.
  if (pieces.length > 1 && plain.length <= termCharsMax) words.push(...wholesOf(plain));
  const name = endingPattern.exec(compound)?.groups?.["name"];
  if (name !== undefined) words.push(name);
  return words.map(termOf);
}

/** What a compound is as one word, in each way that it is written. */
function wholesOf(plain: string): string[] {
  if (initialsPattern.test(plain)) {
    const joined = plain.replaceAll(".", "");
    const capital = joined.toUpperCase();
    const name = capitalNames.has(capital) ? capital : joined;
    return spelledPattern.test(plain) ? [name] : [plain, name];
  }
  if (dottedNumberPattern.test(plain)) return [plain, plain.replaceAll(".", "")];
  const joined = plain.replace(hyphenPattern, "");
  if (!betweenDigits.test(plain)) return [joined];
  const isLong = longNumberPattern.test(plain) && joined.length >= longNumberDigits;
  return isLong ? [plain, joined] : [plain];
}

function termOf(word: string): string {
  if (capitalNames.has(word)) return word;
  const lower = word.toLowerCase();
  const folded = asciiOnlyPattern.test(lower)
    ? lower
    : // Lower case makes a sigma at the end of a word another letter.
      lower.replaceAll("ς", "σ").replace(arabicArticlePattern, "");
  return cutWord(folded);
}

function cutWord(word: string): string {
  return word.slice(0, termCharsMax);
}

/** The two sides of a word where letters and digits meet, and the word. */
function parted(word: string): string[] {
  if (sizePattern.test(word)) return [...word.split(/x/i), word];
  const power = powerPattern.exec(word)?.groups;
  if (power !== undefined) {
    const unit = `${power["unit"]}${power["power"]}`;
    return [power["count"] ?? "", ...parted(unit), word];
  }
  const { name, digits, count, unit } = metPattern.exec(word)?.groups ?? {};
  const [first, second] = [name ?? count, digits ?? unit];
  return first === undefined || second === undefined ? [word] : [first, second, word];
}

function splitCamelCase(word: string): string[] {
  return word
    .replace(/(\p{Ll})(\p{Lu})/gu, "$1 $2")
    .replace(/(\p{Lu})(\p{Lu}\p{Ll})/gu, "$1 $2")
    .split(" ");
}
