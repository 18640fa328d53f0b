/**
 * Sentences of the sources as evidence: an answer without a model, and markers for a model that
 * cites nothing.
 *
 *   ES1  a sentence leaves whole, with its marker, and once; only one that alone is longer than any
 *        sentence should be is cut, where nothing else is there to say;
 *   ES2  at most `sentencesMax` of them (`max_sentences` of the question may ask for fewer), and
 *        after the best only such as are nearly as good: who quotes everything answers nothing;
 *   ES3  a sentence that begins with a word like "it" or "they" brings the one before it, where
 *        there is room, a row of a table the names of its columns, and an item what it is one of:
 *        `knives` says the opposite without `Do not bring:`;
 *   ES4  what only names its answer (a heading, a question of the source, `you need:`) brings what
 *        stands behind it, and gives way to that where there is room for one;
 *   ES5  lines that answer together, of a list, a table, a procedure, leave together: beyond
 *        `sentencesMax`, up to a bound of their own, unless `max_sentences` asks for fewer.
 */

import { limits } from "../contract/limits.ts";
import type { Source } from "../contract/query.ts";
import { cutText } from "../contract/well-formed.ts";
import { daysIn } from "../text/days.ts";
import { terms } from "../text/lexical.ts";
import { splitSentences } from "../text/sentences.ts";
import { stopWords } from "../text/stop-words.ts";
import { citedNumbers, filterCitations } from "./citations.ts";
import { type EvidenceSentence, evidenceOf, isInText } from "./evidence.ts";
import { declined } from "./prompt.ts";
import { agreesIn, comparedIn, cueOf, deniesFor, meets, wantsSteps } from "./question-cue.ts";
import { type Choice, choose, opensSteps, type Scored, withLead } from "./sentence-choice.ts";
import { subjectsOf, type Worded, wordScores } from "./sentence-scores.ts";

const sentencesMax = limits.extractiveSentencesMax;
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
  /** It denies what the question asks for, and only names it. */
  denied: -0.25,
  /** It opens the numbered list that "how do I" asks for. */
  steps: 0.25,
  /** It names the day that the question names, however both write it. */
  day: 0.5,
  /** What was carried over from the conversation, beside the question's own words. */
  carried: 0.25,
} as const;

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
  const linesMax = options.sentencesMax === undefined ? limits.extractiveListLinesMax : countMax;
  const { own = options.question } = options;
  const cue = cueOf(own);
  const holdsIt =
    cue === undefined || cue === "name" ? undefined : (text: string) => meets(cue, text);
  const choice = { all, countMax, linesMax, asksForOne: cue !== undefined, holdsIt };
  const chosen = chooseForEach(options, choice) ?? choose(fitting, choice);
  return inOrder(withLead(chosen, choice))
    .map((each) => `${isVerbatim ? spanOf(each, sources) : each.text} [${each.number}]`)
    .join(" ");
}

const fittingOf = (ranked: readonly Scored[]): Scored[] =>
  ranked.filter(({ sentence }) => sentence.text.length <= sentenceCharsMax);

/**
 * Of several questions in one, and of two things that are compared, each has its sentences: chosen
 * for all together, two that say the same of the first one leave no room for the second. Undefined
 * of a single question.
 */
function chooseForEach(asked: Extraction, choice: Choice): EvidenceSentence[] | undefined {
  const { all, countMax } = choice;
  const { question, own = question } = asked;
  const asks = own.split(/(?<=[?？؟])\s+/u).filter((part) => terms(part).some(isSubject));
  const parts = asks.length === 1 ? (comparedIn(own) ?? asks) : asks;
  if (own !== question || parts.length < 2 || parts.length > countMax) return undefined;
  const ranked = parts.map((part) => {
    const others = asks.length === 1 ? "" : parts.filter((each) => each !== part).join(" ");
    return fittingOf(rank({ ...asked, question: `${part} ${others}`, own: part }, all));
  });
  const best = Math.max(...ranked.map(([first]) => first?.score ?? 0));
  const answered = ranked.filter(([first]) => (first?.score ?? 0) >= partShareMin * best);
  const each = Math.floor(countMax / Math.max(1, answered.length));
  const chosen = answered.flatMap((list) => choose(list, { ...choice, countMax: each }));
  const different = [...new Map(chosen.map((sentence) => [sentence.text, sentence])).values()];
  // One sentence that says both is the best of the whole question, too.
  return asks.length === 1 && different.length < 2 ? undefined : different;
}

const isSubject = (term: string): boolean => !stopWords.has(term);
/** A question whose best sentence is worth less than this share of another's has no answer here. */
const partShareMin = 0.5;

/** The text of its source, where that may leave as it is. */
function spanOf(
  { number, start, end }: EvidenceSentence,
  sources: readonly Source[],
): string | undefined {
  if (!isInText({ start })) return undefined;
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
  const isDenied = deniesFor(own);
  const steps = stepsFor(own, all);
  const onDay = sameDay(own);
  const scored = all.map((sentence, index): Scored => {
    const { score: byOwn = 0, isNamedOnly = false } = byWords[index] ?? {};
    const isMet = cue !== undefined && !isNamedOnly && meets(cue, sentence.text);
    const none = { sentence, isMet, isNamedOnly, score: 0 };
    if (sentence.isHeader === true) return none;
    const next = all[index + 1]?.number === sentence.number ? byWords[index + 1] : undefined;
    const words = byOwn + weights.next * (next?.score ?? 0);
    const isOnDay = onDay(sentence.text) === "same";
    if (words === 0 && !isOnDay) return none;
    const near = weights.source * (sources[sentence.number - 1]?.score ?? 0);
    const agrees = isNegated(sentence.text) ? weights.negated : 0;
    const denies = sentence.opens !== undefined && isDenied(sentence.text) ? weights.denied : 0;
    const begins = steps.has(sentence) ? weights.steps : 0;
    const dated = isOnDay ? weights.day : 0;
    const score = words + near + (isMet ? weights.cue : 0) + agrees + denies + begins + dated;
    return { ...none, score };
  });
  const ranked = scored.sort((left, right) => right.score - left.score);
  const [best] = ranked;
  // Without a word in common the best source's beginning stands in: its meaning was near.
  if (best?.score === 0) {
    return ranked.filter(({ sentence }) => sentence.isHeader !== true).slice(0, 1);
  }
  const namesOf = namesOther(own, best?.sentence);
  const isAnswered = best !== undefined && onDay(best.sentence.text) === "same";
  const isOther = (sentence: EvidenceSentence): boolean =>
    namesOf(sentence) || (isAnswered && onDay(sentence.text) === "other");
  return ranked.filter(({ sentence, score }) => score > 0 && !isOther(sentence));
}

/** Of a question that names a day: whether a text names it, too, or only others. */
function sameDay(question: string): (text: string) => "same" | "other" | "none" {
  const asked = daysIn(question);
  if (asked.size === 0) return () => "none";
  return (text) => {
    const named = daysIn(text);
    if (named.size === 0) return "none";
    return [...named].some((day) => asked.has(day)) ? "same" : "other";
  };
}

const codePattern = /^(?<kind>\P{N}{1,40})\p{N}{1,40}$/u;

function kindOf(term: string): string | undefined {
  const kind = codePattern.exec(term)?.groups?.["kind"];
  return kind !== undefined && /\p{L}/u.test(kind) ? kind : undefined;
}

/** Where the best line names the `host-42` that was asked for, a line that names `host-41` goes. */
function namesOther(
  question: string,
  best: EvidenceSentence | undefined,
): (sentence: EvidenceSentence) => boolean {
  const asked = new Set(terms(question).filter((term) => kindOf(term) !== undefined));
  const kinds = new Set([...asked].map(kindOf));
  const holds = (list: readonly string[]): boolean => list.some((term) => asked.has(term));
  if (best?.part === undefined || asked.size === 0 || !holds(terms(best.text))) return () => false;
  return ({ part, text }) => {
    const held = terms(text);
    return part === best.part && !holds(held) && held.some((term) => kinds.has(kindOf(term) ?? ""));
  };
}

const noSteps: ReadonlySet<EvidenceSentence> = new Set();

const stepsFor = (
  question: string,
  all: readonly EvidenceSentence[],
): ReadonlySet<EvidenceSentence> => (wantsSteps(question) ? opensSteps(all) : noSteps);

/** Else the sentence that was the last answer, whose words are carried over, answers again. */
function scoresOf(
  { question, own = question, sources }: Extraction,
  all: readonly EvidenceSentence[],
): readonly Worded[] {
  const options = { subjects: subjectsOf(all, sources), hasSubject: stepsFor(own, all) };
  const byAll = wordScores(question, all, options);
  const isCarried = own !== question && question.startsWith(own);
  if (!isCarried || !saysWhatItAsks(own)) return byAll;
  const byOwn = wordScores(own, all, options);
  return byAll.map((each, at) => ({
    ...each,
    score: each.score * weights.carried + (byOwn[at]?.score ?? 0) * (1 - weights.carried),
  }));
}

/** "And where?" asks, and "Und wann?", for something of what was talked about. */
function saysWhatItAsks(own: string): boolean {
  const isShort = (own.match(/[\p{L}\p{N}]+/gu) ?? []).length < 3;
  return !isShort && terms(own).some(isSubject);
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
