/**
 * Sentences of the sources as evidence: an answer without a model, and markers for a model that
 * cites nothing.
 *
 *   ES1  a sentence leaves whole, with its marker, and once; only one that alone is longer than any
 *        sentence should be is cut, where nothing else is there to say;
 *   ES2  at most `sentencesMax` of them (`max_sentences` of the question may ask for fewer), and
 *        after the best only such as are nearly as good: who quotes everything answers nothing;
 *   ES3  a sentence that begins with a word like "it" or "they" brings the one before it, where
 *        there is room, and a row of a table the names of its columns;
 *   ES4  what only names its answer (a heading, a question of the source, `you need:`) brings what
 *        stands behind it, and gives way to that where there is room for one.
 */

import { limits } from "../contract/limits.ts";
import type { Source } from "../contract/query.ts";
import { cutText } from "../contract/well-formed.ts";
import { bm25Of, termCounts, terms, termWeights } from "../text/lexical.ts";
import { splitSentences } from "../text/sentences.ts";
import { stopWords } from "../text/stop-words.ts";
import { citedNumbers, filterCitations } from "./citations.ts";
import { type EvidenceSentence, evidenceOf } from "./evidence.ts";
import { declined } from "./prompt.ts";
import { agreesIn, cueOf, meets } from "./question-cue.ts";

const sentencesMax = limits.extractiveSentencesMax;
const answerCharsMax = limits.extractiveCharsMax;
const sentenceCharsMax = limits.extractiveSentenceCharsMax;

/**
 * Measured on squad-a (`npm run bench -- quality`): half of its articles chose the values, the
 * other half shows nearly the same. What the question's words bring is 1 at most.
 */
const weights = {
  /** The rank of its source, which also knows of meaning. */
  source: 0.5,
  /** What the sentence after it holds of the question: together they say it. */
  next: 0.2,
  /** It holds a date, a number or a name where the question asks for one. */
  cue: 0.25,
  /** It denies something where the question does. */
  negated: 0.25,
  /** A word of the same beginning: Norman for Normandy. */
  related: 0.5,
  /** What was carried over from the conversation, beside the question's own words. */
  carried: 0.25,
} as const;
/** Behind the best sentence only those that reach this share of its score. */
const shareMin = 0.65;
const relatedChars = 4;

interface Scored {
  readonly sentence: EvidenceSentence;
  readonly score: number;
}

export interface Extraction {
  readonly question: string;
  /** Of a question that carries words of the conversation behind its own: its own. */
  readonly own?: string | undefined;
  readonly sources: readonly Source[];
  readonly sentencesMax?: number | undefined;
  /** True: each is a span of its source's text, to the letter. */
  readonly isVerbatim?: boolean | undefined;
}

/**
 * The sentences that answer best, each with its marker; those of one source in their order there.
 * Empty only when the sources hold no words.
 */
export function extractiveAnswer(options: Extraction): string {
  const { sources, isVerbatim = false } = options;
  const all = evidenceOf(sources).filter(
    (each) => !isVerbatim || spanOf(each, sources) !== undefined,
  );
  const ranked = rank(options, all);
  const fitting = fittingOf(ranked);
  const [longest] = ranked;
  if (fitting.length === 0 && longest !== undefined && !isVerbatim) {
    const { text, number } = longest.sentence;
    return `${shorten(text)} [${number}]`;
  }
  const countMax = Math.min(options.sentencesMax ?? sentencesMax, sentencesMax);
  const chosen = chooseForEach(options, { all, countMax }) ?? choose(fitting, { all, countMax });
  return inOrder(withLead(chosen, all, countMax))
    .map((each) => `${isVerbatim ? spanOf(each, sources) : each.text} [${each.number}]`)
    .join(" ");
}

const fittingOf = (ranked: readonly Scored[]): Scored[] =>
  ranked.filter(({ sentence }) => sentence.text.length <= sentenceCharsMax);

/**
 * Of several questions in one each has its sentences: chosen for all together, two that say the
 * same of the first one leave no room for the second. Undefined of a single question.
 */
function chooseForEach(
  asked: Extraction,
  { all, countMax }: Choice,
): EvidenceSentence[] | undefined {
  const { question, own = question } = asked;
  const parts = own.split(/(?<=[?？؟])\s+/u).filter((part) => terms(part).some(isSubject));
  if (own !== question || parts.length < 2 || parts.length > countMax) return undefined;
  const ranked = parts.map((part) => {
    const others = parts.filter((each) => each !== part).join(" ");
    return fittingOf(rank({ ...asked, question: `${part} ${others}`, own: part }, all));
  });
  const best = Math.max(...ranked.map(([first]) => first?.score ?? 0));
  const answered = ranked.filter(([first]) => (first?.score ?? 0) >= partShareMin * best);
  const each = Math.floor(countMax / Math.max(1, answered.length));
  const chosen = answered.flatMap((list) => choose(list, { all, countMax: each }));
  return [...new Map(chosen.map((sentence) => [sentence.text, sentence])).values()];
}

const isSubject = (term: string): boolean => !stopWords.has(term);
/** A question whose best sentence is worth less than this share of another's has no answer here. */
const partShareMin = 0.5;

/** The text of its source, where that may leave as it is. */
function spanOf(
  { number, start, end }: EvidenceSentence,
  sources: readonly Source[],
): string | undefined {
  const span = sources[number - 1]?.text.slice(start, end) ?? "";
  return filterCitations(span, 0) === span ? span : undefined;
}

/** Best first. */
function rank(asked: Extraction, all: readonly EvidenceSentence[]): Scored[] {
  const { question, own = question, sources } = asked;
  const byWords = scoresOf(asked, all);
  const asksFor = cueOf(own) ?? cueOf(question);
  const isNegated = agreesIn(own);
  // "How much does it weigh?" asks for no price: where nobody names one, any number may be meant.
  const hasPrice = asksFor !== "price" || all.some(({ text }) => meets("price", text));
  const cue = hasPrice ? asksFor : "count";
  const scored = all.map((sentence, index): Scored => {
    if (sentence.isHeader === true) return { sentence, score: 0 };
    const follows = all[index + 1]?.number === sentence.number ? (byWords[index + 1] ?? 0) : 0;
    const words = (byWords[index] ?? 0) + weights.next * follows;
    if (words === 0) return { sentence, score: 0 };
    const isMet = cue !== undefined && meets(cue, sentence.text);
    const near = weights.source * (sources[sentence.number - 1]?.score ?? 0);
    const agrees = isNegated(sentence.text) ? weights.negated : 0;
    return { sentence, score: words + near + (isMet ? weights.cue : 0) + agrees };
  });
  const ranked = scored.sort((left, right) => right.score - left.score);
  const [best] = ranked;
  // Without a word in common the best source's beginning stands in: its meaning was near.
  if (best?.score === 0) return [best];
  return ranked.filter(({ score }) => score > 0);
}

/** Else the sentence that was the last answer, whose words are carried over, answers again. */
function scoresOf(
  { question, own, sources }: Extraction,
  all: readonly EvidenceSentence[],
): number[] {
  const subjects = subjectsOf(all, sources);
  const byAll = wordScores(question, all, subjects);
  const isCarried = own !== undefined && own !== question && question.startsWith(own);
  if (!isCarried || !saysWhatItAsks(own)) return byAll;
  const byOwn = wordScores(own, all, subjects);
  return byAll.map((each, at) => each * weights.carried + (byOwn[at] ?? 0) * (1 - weights.carried));
}

/** "And where?" asks, and "Und wann?", for something of what was talked about. */
function saysWhatItAsks(own: string): boolean {
  const isShort = (own.match(/[\p{L}\p{N}]+/gu) ?? []).length < 3;
  return !isShort && terms(own).some(isSubject);
}

/** Of each sentence: terms of its document's title, and of the headings that it stands below. */
function subjectsOf(
  all: readonly EvidenceSentence[],
  sources: readonly Source[],
): readonly ReadonlySet<string>[] {
  const above = sources.map(({ title, heading = [] }) => terms([title, ...heading].join("\n")));
  const known = above.map((list) => new Set(list));
  return all.map(({ number, opens, text }) => {
    const outer = above[number - 1] ?? [];
    if (opens === "heading") known[number - 1] = new Set([...outer, ...terms(text)]);
    return known[number - 1] ?? new Set();
  });
}

/**
 * What each holds of the question's words, rare ones first: a share of having them all. A line
 * (`Weight: 22 kg`) leaves its subject to what stands above it: where it has a word of the question
 * it has those of its subject, too, or each line of a data sheet would lose to its heading.
 */
function wordScores(
  question: string,
  all: readonly EvidenceSentence[],
  subjects: readonly ReadonlySet<string>[],
): number[] {
  const queried = [...new Set(terms(question))];
  const held = all.map(({ text, columns, part, opens }) => {
    const list = terms(columns === undefined ? text : `${columns.text} ${text}`);
    return { counts: termCounts(list), length: list.length, part, opens };
  });
  const frequency = termCounts(held.flatMap(({ counts }) => [...counts.keys()]));
  const total = held.reduce((sum, { length }) => sum + length, 0);
  const rarity = termWeights(queried, {
    documents: held.length,
    averageLength: total / (held.length || 1),
    documentFrequency: (term) => frequency.get(term) ?? 0,
  });
  const full = rarity.rarities.reduce((sum, each) => sum + each, 0);
  if (full === 0) return all.map(() => 0);
  return held.map(({ counts, length: own, part, opens }, index) => {
    // A line is short because it is one, not because it says one thing alone.
    const isLine = part !== undefined || opens === "heading";
    const length = isLine ? Math.max(own, total / held.length) : own;
    const beginnings = new Set<string>();
    for (const term of counts.keys()) beginnings.add(beginningOf(term));
    const frequencies = queried.map((term) => {
      const isRelated = isWord(term) && beginnings.has(beginningOf(term));
      return counts.get(term) ?? (isRelated ? weights.related : 0);
    });
    const subject = part === undefined ? undefined : subjects[index];
    const saysMore = queried.some((term, at) => frequencies[at] !== 0 && !subject?.has(term));
    const whole =
      subject === undefined || !saysMore
        ? frequencies
        : frequencies.map((count, at) =>
            subject.has(queried[at] ?? "") ? Math.max(count, 1) : count,
          );
    return bm25Of({ frequencies: whole, length }, rarity) / full;
  });
}

/** `host-42` and `host-41` begin alike and are two things; 1880 and the 1880s are not. */
const isWord = (term: string): boolean =>
  term.length >= relatedChars && (!/\d/.test(term) || /^(?:1\d|20)\d\ds?$/.test(term));
const beginningOf = (term: string): string => term.slice(0, relatedChars);

interface Choice {
  readonly all: readonly EvidenceSentence[];
  readonly countMax: number;
}

/** ES2, ES4. Overlapping chunks and copied passages hold the same sentence: it is quoted once. */
function choose(ranked: readonly Scored[], { all, countMax }: Choice): EvidenceSentence[] {
  const chosen: EvidenceSentence[] = [];
  let best = 0;
  let chars = 0;
  for (const { sentence, score } of ranked) {
    if (score < shareMin * best) break;
    // A row comes with the names of its columns (ES3).
    const isRow = chosen[0]?.columns !== undefined;
    const room = countMax - chosen.length - (isRow ? 1 : 0);
    if (room <= 0) break;
    // A heading says what the best sentences are about; another one says it of others. An answer
    // without its question would be read as one to this question.
    const { opens } = sentence;
    if (chosen.length > 0 && (opens === "heading" || (opens !== undefined && room < 2))) continue;
    const group = withFollowing(sentence, { all, countMax: room });
    for (const each of group) {
      if (chosen.some(({ text }) => text === each.text)) continue;
      const isSaid = chosen.some(({ opens }) => opens === undefined);
      if (isSaid && chars + each.text.length > answerCharsMax) continue;
      chosen.push(each);
      chars += each.text.length;
    }
    if (best === 0 && chosen.length > 0) best = score;
  }
  const [first] = ranked;
  return chosen.length === 0 && first !== undefined ? [first.sentence] : chosen;
}

/**
 * What a sentence is quoted with (ES4): behind a heading or a question what says it, behind a colon
 * the items, rows or lines. Empty where the passage ends before it is said: a question or a heading
 * alone says nothing.
 */
function withFollowing(sentence: EvidenceSentence, { all, countMax }: Choice): EvidenceSentence[] {
  if (sentence.opens === undefined) return [sentence];
  const openers = [sentence];
  const said: EvidenceSentence[] = [];
  for (const next of all.slice(all.indexOf(sentence) + 1)) {
    const { opens } = openers.at(-1) ?? sentence;
    const [first] = said;
    if (next.number !== sentence.number || next.opens === "heading") break;
    if (next.text.length > sentenceCharsMax) break;
    if (first === undefined && next.opens !== undefined && opens !== "question") {
      openers.push(next);
    } else if (next.opens !== undefined || (first !== undefined && next.part !== first.part)) {
      break;
    } else if (next.isHeader !== true) {
      said.push(next);
      if (opens !== "list" || next.part === undefined || said.length >= countMax) break;
    }
  }
  if (said.length === 0) return sentence.opens === "list" ? [sentence] : [];
  const room = Math.max(0, countMax - said.length);
  // The nearest says what they are: `Do not bring:` more than the heading above it.
  if (room > 0) return [...openers.slice(-room), ...said];
  // Of a list what it is a list of is worth an item.
  return countMax > 1 ? [...openers.slice(-1), ...said.slice(0, countMax - 1)] : said;
}

/** Words that a sentence does not begin with unless the one before says what is meant. */
const leaning =
  /^(?:(?:but|and|however|also|then|yet|so),? )?(?:it|its|he|his|she|her|they|their|this|these|those|that|such|both|the (?:former|latter|same))\b/i;

/** ES3, of the best one: who reads it needs what stands before it. */
function withLead(
  chosen: readonly EvidenceSentence[],
  all: readonly EvidenceSentence[],
  countMax: number,
): readonly EvidenceSentence[] {
  const [best] = chosen;
  if (best === undefined || chosen.length >= countMax) return chosen;
  const { columns } = best;
  if (columns === undefined && !leaning.test(best.text)) return chosen;
  const before =
    columns === undefined
      ? all[all.indexOf(best) - 1]
      : all.find(({ number, start }) => number === best.number && start === columns.start);
  if (before?.number !== best.number || chosen.includes(before)) return chosen;
  const chars = chosen.reduce((sum, { text }) => sum + text.length, before.text.length);
  return chars > answerCharsMax ? chosen : [before, ...chosen];
}

/** As a reader would meet them: the best source first, and in it from top to bottom. */
function inOrder(chosen: readonly EvidenceSentence[]): EvidenceSentence[] {
  const numbers = [...new Set(chosen.map(({ number }) => number))];
  return numbers.flatMap((number) =>
    chosen
      .filter((sentence) => sentence.number === number)
      .sort((left, right) => left.start - right.start),
  );
}

function shorten(sentence: string): string {
  const cut = cutText(sentence, sentenceCharsMax);
  const space = cut.lastIndexOf(" ");
  return `${space > 0 ? cut.slice(0, space) : cut}…`;
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
