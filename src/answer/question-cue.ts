/**
 * What a question asks for, by its words, and whether a sentence holds such a thing: a date for
 * "when", a number for "how many", a name for "who" and "where". English, and a hint only: what a
 * cue misses costs a sentence some rank, never the answer. Pure.
 */

export type Cue = "time" | "count" | "name";

const asksForTime =
  /\bwhen\b|\b(?:what|which|how many) (?:years?|century|decade|date|day|month|time)\b|\bhow (?:long|old|often)\b/i;
const asksForCount =
  /\bhow (?:many|much|far|large|big|high|tall|fast|deep|wide)\b|\bwhat (?:percent\w*|number|amount|share|price|cost|size)\b/i;
const asksForName =
  /\bwho(?:m|se)?\b|\bwhere\b|\b(?:what|which) (?:country|city|state|town|place|region|continent|person|company|team|king|queen|president)\b/i;

export function cueOf(question: string): Cue | undefined {
  if (asksForTime.test(question)) return "time";
  if (asksForCount.test(question)) return "count";
  return asksForName.test(question) ? "name" : undefined;
}

const time =
  /\b(?:1\d{3}|20\d\d)s?\b|\b\d{1,2}:\d\d\b|\b\d{1,2}(?:st|nd|rd|th)\b|\b\d+(?:\.\d+)? ?(?:ms|seconds?|minutes?|hours?|days?|weeks?|months?|years?)\b|\b(?:January|February|March|April|May|June|July|August|September|October|November|December|(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day|century|centuries|decades?|noon|midnight|today|yesterday|tomorrow)\b/;
const count =
  /\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozens?|hundreds?|thousands?|millions?|billions?|half|third|quarter|once|twice|both|none)\b/i;
/** Not the word that every sentence begins with. */
const name = /\S\s+["'(]?\p{Lu}[\p{L}\p{M}'’-]+/u;

export function meets(cue: Cue, sentence: string): boolean {
  switch (cue) {
    case "time":
      return time.test(sentence);
    case "count":
      return count.test(sentence);
    case "name":
      return name.test(sentence);
  }
}
