/**
 * What a question asks for, by its words, and whether a sentence holds such a thing: a date for
 * "when", a number for "how many", a name for "who" and "where". English, and a hint only: what a
 * cue misses costs a sentence some rank, never the answer. Pure.
 */

export type Cue = "time" | "count" | "price" | "name";

const asksForTime =
  /\bwhen\b|\b(?:what|which|how many) (?:years?|century|decade|date|day|month|time)\b|\bhow (?:long|old|often)\b/i;
const asksForPrice =
  /\bhow much (?:is|are|was|were|do|does|did|will|for)\b|\b(?:costs?|prices?|fees?|rent|salary|deposit)\b/i;
const asksForCount =
  /\bhow (?:many|much|far|large|big|high|tall|fast|deep|wide)\b|\b(?:what|which) (?:version|release|percent\w*|number|amount|share|price|cost|size)\b/i;
const asksForName =
  /\bwho(?:m|se)?\b|\bwhere\b|\b(?:what|which) (?:country|city|state|town|place|region|continent|person|company|team|king|queen|president)\b/i;

export function cueOf(question: string): Cue | undefined {
  if (asksForTime.test(question)) return "time";
  if (asksForPrice.test(question)) return "price";
  if (asksForCount.test(question)) return "count";
  return asksForName.test(question) ? "name" : undefined;
}

const time =
  /\b(?:1\d{3}|20\d\d)s?\b|\b\d{1,2}:\d\d\b|\b\d{1,2}(?:st|nd|rd|th)\b|\b\d+(?:\.\d+)? ?(?:ms|seconds?|minutes?|hours?|days?|weeks?|months?|years?|[ap]m|o'clock)\b|\b\d{1,2} ?(?:to|until|till) ?\d{1,2}\b|\b(?:January|February|March|April|May|June|July|August|September|October|November|December|(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day|century|centuries|decades?|noon|midnight|today|yesterday|tomorrow)\b/;
const count =
  /\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozens?|hundreds?|thousands?|millions?|billions?|half|third|quarter|once|twice|both|none)\b/i;
const currency =
  "(?:[€$£¥₹₽₩]|\\p{Lu}{2,3}[$€]|(?:EUR|USD|GBP|CHF|NOK|SEK|DKK|PLN|CZK|JPY|INR|kr|zł|euros?|dollars?|pounds?|francs?|cents?|yen|rupees?)\\b)";
const price = new RegExp(`${currency}\\s?\\d|\\d[\\d.,]*(?:\\s?[-–—]{1,2})?\\s?${currency}`, "iu");
/** Not the word that every sentence begins with. */
const name = /\S\s+["'(]?\p{Lu}[\p{L}\p{M}'’-]+/u;

export function meets(cue: Cue, sentence: string): boolean {
  switch (cue) {
    case "time":
      return time.test(sentence);
    case "count":
      return count.test(sentence);
    case "price":
      return price.test(sentence);
    case "name":
      return name.test(sentence);
  }
}

const negatedQuestion = /\b(?:not|never|cannot|without|except)\b|n['’]t\b/i;
const negatedSentence =
  /\b(?:no|not|never|none|nothing|nobody|cannot|without|except|forbidden|prohibited)\b|n['’]t\b/i;

/** "What must I not bring?": what has to be brought answers the opposite. */
export function agreesIn(question: string): (sentence: string) => boolean {
  return negatedQuestion.test(question) ? (text) => negatedSentence.test(text) : () => false;
}

const asksForSteps =
  /\bhow (?:do|can|could|should|would|must|to)\b|\b(?:steps?|procedure|instructions)\b/i;

/** "How do I restart it?" is answered by what is numbered. */
export const wantsSteps = (question: string): boolean => asksForSteps.test(question);

const asksWhat = /^\W*(?:what|which|who|when|where|how)\b/i;

/** "What should I bring?": what must not be brought answers the opposite. */
export function deniesFor(question: string): (sentence: string) => boolean {
  const isPlain = asksWhat.test(question) && !negatedQuestion.test(question);
  return isPlain ? (text) => negatedSentence.test(text) : () => false;
}

const compares =
  /\b(?:or|vs|versus|compare|compared|comparison|differences?|between|oder|Unterschied)\b/iu;
const article = "(?:(?:the|a|an|der|die|das|dem|den)\\s+)?";
const named =
  "((?:\\p{Lu}|\\d)[\\p{L}\\p{N}-]{0,40}(?:\\s(?:\\p{Lu}|\\d)[\\p{L}\\p{N}-]{0,40}){0,3})";
const pair = new RegExp(
  `${article}${named}\\s+(?:or|and|vs\\.?|versus|oder|und)\\s+${article}${named}`,
  "u",
);

/** "Which is cheaper, A or B?" as two questions, about one each. */
export function comparedIn(question: string): readonly [string, string] | undefined {
  if (!compares.test(question)) return undefined;
  const found = pair.exec(question);
  const [both, one, other] = found ?? [];
  if (both === undefined || one === undefined || other === undefined) return undefined;
  return [question.replace(both, () => one), question.replace(both, () => other)];
}
