/**
 * Which of the ranked sentences are quoted, and what comes with them (ES2-ES5 of
 * cited-sentences.ts). Pure.
 */

import { limits } from "../contract/limits.ts";
import type { EvidenceSentence } from "./evidence.ts";

const answerCharsMax = limits.extractiveCharsMax;
const sentenceCharsMax = limits.extractiveSentenceCharsMax;
const listCharsMax = limits.extractiveListCharsMax;

export interface Scored {
  readonly sentence: EvidenceSentence;
  readonly score: number;
  /** It holds what the question asks for: a date, a number. */
  readonly isMet: boolean;
  /** Of it only the names of its columns hold words of the question. */
  readonly isNamedOnly: boolean;
}

export interface Choice {
  readonly all: readonly EvidenceSentence[];
  readonly countMax: number;
  /** Lines of a list that answers as a whole. */
  readonly linesMax: number;
  /** The question asks for one date, number or name. */
  readonly asksForOne: boolean;
  /** Of a question for a date or a number: whether a text holds one. */
  readonly holdsIt?: ((text: string) => boolean) | undefined;
}

/** Behind the best sentence only those that reach this share of its score. */
const shareMin = 0.65;
/** What of a list is as good as this answers with the best of it, however many they are. */
const siblingShareMin = 0.75;

/** ES2, ES4. Overlapping chunks and copied passages hold the same sentence: it is quoted once. */
export function choose(ranked: readonly Scored[], choice: Choice): EvidenceSentence[] {
  const { all, countMax } = choice;
  const chosen: EvidenceSentence[] = [];
  let best = 0;
  let chars = 0;
  for (const scored of ranked) {
    const { sentence, score } = scored;
    if (score < shareMin * best) break;
    const [first] = chosen;
    const lead = first && lineLead(first, all);
    const isReserved = lead !== undefined && !chosen.includes(lead);
    const room = countMax - chosen.length - (isReserved ? 1 : 0);
    if (room <= 0) {
      if (score < siblingShareMin * best) break;
      const isWith = chosen.length < choice.linesMax && areSiblings(first, sentence, all);
      const isNew = chosen.every(({ text }) => text !== sentence.text);
      if (!isWith || !isNew || chars + sentence.text.length > listCharsMax) continue;
      chosen.push(sentence);
      chars += sentence.text.length;
      continue;
    }
    const group = groupOf(scored, { ...choice, countMax: room }, chosen);
    const isList = group.length > countMax;
    for (const each of group) {
      if (chosen.some(({ text }) => text === each.text)) continue;
      const isSaid = chosen.some(({ opens }) => opens === undefined);
      if (isSaid && chars + each.text.length > (isList ? listCharsMax : answerCharsMax)) {
        // A list without one in the middle would look whole.
        if (isList) break;
        continue;
      }
      chosen.push(each);
      chars += each.text.length;
    }
    if (best === 0 && chosen.length > 0) best = score;
  }
  const [first] = ranked;
  return chosen.length === 0 && first !== undefined ? [first.sentence] : chosen;
}

/** A sentence with what it is quoted with; empty where it is not. */
function groupOf(
  { sentence, isMet, isNamedOnly }: Scored,
  choice: Choice,
  chosen: readonly EvidenceSentence[],
): readonly EvidenceSentence[] {
  const { opens, columns, number } = sentence;
  const isFirst = chosen.length === 0;
  if (isNamedOnly && columns !== undefined) {
    const isAnswered = chosen.some((each) => areSiblings(each, sentence, choice.all));
    if (isAnswered || (!isFirst && choice.asksForOne)) return [];
    if (choice.linesMax <= choice.countMax) return [sentence];
    const rows = choice.all.filter(
      (each) => each.number === number && each.columns?.start === columns.start,
    );
    const header = choice.all.filter(
      (each) => each.number === number && each.start === columns.start,
    );
    return [...header.slice(0, 1), ...rows.slice(0, choice.linesMax)];
  }
  // A heading says what the best sentences are about; another one says it of others. An answer
  // without its question would be read as one to this question.
  if (!isFirst && (opens === "heading" || (opens !== undefined && choice.countMax < 2))) return [];
  if (!isFirst && number !== chosen[0]?.number && pronoun.test(sentence.text)) {
    const before = choice.all[choice.all.indexOf(sentence) - 1];
    if (before?.number !== number) return [];
    if (!chosen.includes(before)) {
      // The best one's own comes first.
      const roomMin = pronoun.test(chosen[0]?.text ?? "") ? 3 : 2;
      return before.opens === undefined && choice.countMax >= roomMin ? [before, sentence] : [];
    }
  }
  // Nor would an item be understood without what it is one of.
  const lead = isFirst ? undefined : lineLead(sentence, choice.all);
  const isLed = lead?.opens !== "list" || chosen.includes(lead);
  if (!isLed && lead !== (chosen[0] && lineLead(chosen[0], choice.all))) return [];
  const group = withFollowing(sentence, choice);
  return group.length === 0 && isMet && opens === "heading" ? [sentence] : group;
}

function areSiblings(
  one: EvidenceSentence | undefined,
  other: EvidenceSentence,
  all: readonly EvidenceSentence[],
): boolean {
  if (one?.part === undefined || one.part !== other.part || one.number !== other.number) {
    return false;
  }
  switch (one.part) {
    case "row":
      return one.columns?.start === other.columns?.start;
    case "item":
      return openerOf(one, all) === openerOf(other, all);
    case "record":
      return true;
    case "code":
      return false;
  }
}

/**
 * What a sentence is quoted with (ES4): behind a heading or a question what says it, of a list, a
 * table or a procedure all. Empty where the passage ends before it is said: a question or a heading
 * alone says nothing.
 */
function withFollowing(
  sentence: EvidenceSentence,
  { all, countMax, linesMax }: Choice,
): EvidenceSentence[] {
  if (sentence.opens === undefined) return [sentence];
  const { openers, said } = followingOf(sentence, {
    ...{ all, countMax },
    linesMax: Math.max(linesMax, countMax),
  });
  if (said.length === 0) return sentence.opens === "list" ? [sentence] : [];
  const room = Math.max(0, countMax - said.length);
  // The nearest says what they are: `Do not bring:` more than the heading above it.
  if (room > 0) return [...openers.slice(-room), ...said];
  if (linesMax > countMax) {
    const [first] = said;
    const header = first?.columns && lineLead(first, all);
    return [...(header ? [header] : openers.slice(-1)), ...said];
  }
  // Of a list what it is a list of is worth an item.
  return countMax > 1
    ? [...openers.slice(-1), ...said.slice(0, countMax - 1)]
    : said.slice(0, countMax);
}

function followingOf(
  sentence: EvidenceSentence,
  { all, countMax, linesMax }: Pick<Choice, "all" | "countMax" | "linesMax">,
): { readonly openers: EvidenceSentence[]; readonly said: EvidenceSentence[] } {
  const openers = [sentence];
  const said: EvidenceSentence[] = [];
  for (const next of all.slice(all.indexOf(sentence) + 1)) {
    const { opens, text } = openers.at(-1) ?? sentence;
    const asks = opens === "question" || (opens === "heading" && isQuestion.test(text));
    const [first] = said;
    if (next.number !== sentence.number || next.opens === "heading") break;
    if (next.text.length > sentenceCharsMax) break;
    if (first === undefined) {
      if (next.opens !== undefined && next.part !== "item") {
        if (opens === "question" && next.opens === "question") break;
        openers.push(next);
        continue;
      }
    } else if (!goesOn(first, next)) break;
    if (next.isHeader === true) continue;
    said.push(next);
    if (said.length >= linesMax) break;
    // Records behind a question may be those of the next one: `Q: …`, `A: …`.
    if (next.part !== undefined && (next.part !== "record" || !asks)) continue;
    if (asks) said.push(...restOf(next, all, countMax - 1 - said.length));
    break;
  }
  return { openers, said };
}

const isQuestion = /[?？؟]["'”’»*_)]*$/u;

/** What goes on with the answer to a question: `Yes. It costs 2 EUR.` */
function restOf(
  answer: EvidenceSentence,
  all: readonly EvidenceSentence[],
  countMax: number,
): EvidenceSentence[] {
  const at = all.indexOf(answer) + 1;
  const after = all.slice(at, at + Math.max(0, countMax));
  const end = after.findIndex(
    ({ number, isFirst, opens, text }) =>
      number !== answer.number ||
      isFirst !== false ||
      opens !== undefined ||
      text.length > sentenceCharsMax,
  );
  return end === -1 ? after : after.slice(0, end);
}

/** Between the steps of a procedure stands its code; a question begins something else. */
function goesOn(first: EvidenceSentence, { part, opens }: EvidenceSentence): boolean {
  if (opens === "question" && part !== "item") return false;
  return part === first.part || (first.part === "item" && part === "code");
}

/** Words that a sentence does not begin with unless the one before says what is meant. */
const leaning =
  /^(?:(?:but|and|however|also|then|yet|so),? )?(?:it|its|he|his|she|her|they|their|this|these|those|that|such|both|the (?:former|latter|same))\b/i;

/** Of another source than the best sentence, it would be read as said of what that is about. */
const pronoun = /^(?:it|its|he|his|she|her|they|their)\b/i;

/** ES3, of the best one: who reads it needs what stands before it. */
export function withLead(
  chosen: readonly EvidenceSentence[],
  choice: Choice,
): readonly EvidenceSentence[] {
  const { all, countMax, linesMax } = choice;
  const [best] = chosen;
  if (best === undefined) return chosen;
  const line = lineLead(best, all);
  const dated = headingThatHolds(chosen, choice);
  const leaned = leaning.test(best.text) ? all[all.indexOf(best) - 1] : undefined;
  const before = [dated, line ?? leaned].filter(
    (each) => each?.number === best.number && !chosen.includes(each),
  );
  const isList = linesMax > countMax && line !== undefined && countMax > 1;
  const leads = before.flatMap((each) => each ?? []);
  const room = isList ? leads.length : Math.max(0, countMax - chosen.length);
  const used = leads.slice(0, room);
  const chars = [...used, ...chosen].reduce((sum, { text }) => sum + text.length, 0);
  const charsMax = chosen.length >= countMax ? listCharsMax : answerCharsMax;
  return chars > charsMax ? chosen : [...used, ...chosen];
}

/** `## 2.2.0 - 2026-08-15` says when what stands below it came. */
function headingThatHolds(
  chosen: readonly EvidenceSentence[],
  { all, holdsIt }: Choice,
): EvidenceSentence | undefined {
  const [best] = chosen;
  if (best === undefined || holdsIt === undefined) return undefined;
  if (chosen.some(({ text }) => holdsIt(text))) return undefined;
  let level = best.opens === "heading" ? (best.level ?? 1) : Infinity;
  for (let at = all.indexOf(best) - 1; at >= 0; at -= 1) {
    const each = all[at];
    if (each?.number !== best.number) return undefined;
    if (each.opens !== "heading" || each.level === undefined || each.level >= level) continue;
    if (holdsIt(each.text)) return each;
    level = each.level;
  }
  return undefined;
}

/** What a row or an item says nothing without: the names of its columns, `Do not bring:`. */
function lineLead(
  sentence: EvidenceSentence,
  all: readonly EvidenceSentence[],
): EvidenceSentence | undefined {
  const { columns, part, number } = sentence;
  if (columns !== undefined) {
    return all.find((each) => each.number === number && each.start === columns.start);
  }
  return part === "item" ? openerOf(sentence, all) : undefined;
}

const isWholeSentence = /[.!?。！？।]["'”’»)\]*_]*$/u;

/** What an item stands below; a heading says nothing that a whole sentence needs. */
function openerOf(
  item: EvidenceSentence,
  all: readonly EvidenceSentence[],
): EvidenceSentence | undefined {
  const depth = item.depth ?? 0;
  for (let at = all.indexOf(item) - 1; at >= 0; at -= 1) {
    const each = all[at];
    if (each?.number !== item.number) return undefined;
    if (each.part === "item") {
      if (each.opens === "list" && (each.depth ?? 0) < depth) return each;
    } else if (each.part !== "code") {
      const isSaid = each.opens === "heading" && isWholeSentence.test(item.text);
      return each.opens === undefined || isSaid ? undefined : each;
    }
  }
  return undefined;
}

/** What opens a numbered list. */
export function opensSteps(all: readonly EvidenceSentence[]): ReadonlySet<EvidenceSentence> {
  const found = all.filter((each, at) => {
    const next = all[at + 1];
    return each.opens !== undefined && next?.number === each.number && next.isStep === true;
  });
  return new Set(found);
}
