/**
 * Questions that lean on the conversation before them: whether one does, and what it is with the
 * words that it leaves out. Pure, and English: a question in another language stands alone unless
 * it is very short.
 *
 *   FU1  without history every question stands alone;
 *   FU2  what is carried over stood in the history; the question's own words stay as they are.
 */

import { limits } from "../contract/limits.ts";
import type { Turn } from "../contract/query.ts";
import { cutText } from "../contract/well-formed.ts";
import { terms } from "../text/lexical.ts";
import { stopWords } from "../text/stop-words.ts";

export interface Leaning {
  /** Redacted, as are the turns. */
  readonly question: string;
  readonly history: readonly Turn[];
}

/** People in talk begin so when they go on from what was said. */
const opener =
  /^(?:and|but|so|or|also|then|ok(?:ay)?|yes|no|what about|how about|what else|who else|where else|which ones?|why not|how so|why so|anything else|tell me more|more)\b/i;
const person = /\b(?:he|him|his|she|her|hers|they|them|their|theirs|it|its)\b/i;
/** "that" joins sentences, too; here it stands for something. */
const pointer =
  /\b(?:this|these|those|the (?:same|former|latter))\b|\bthat(?=\s*[?.!]*$)|\b(?:what|why|how|when|where|who|is|are|was|were|does|did|do|about|like|and|from|in|at|to|of|near|before|after|since|until|during)\s+(?:that|then)\b|\b(?:from|to|in|near|over) there\b|\bthere\s*[?.!]*$/i;
const name = /(?=\p{Lu})(?<=\S\s+["'(]?)\p{Lu}[\p{L}\p{M}\p{N}'’-]*/u;
/** Shorter ones are the end of something: "And when?", "How many?" */
const wordsMin = 3;

export function standsAlone({ question, history }: Leaning): boolean {
  if (history.length === 0) return true; // FU1
  const text = question.trim();
  if (opener.test(text) || pointer.test(text)) return false;
  const at = person.exec(text);
  // A name before it is what it stands for.
  if (at !== null && !name.test(text.slice(0, at.index))) return false;
  const words = text.match(/[\p{L}\p{N}]+/gu) ?? [];
  // A question of stop words alone has terms, too: they are those.
  return words.length >= wordsMin && terms(text).some((term) => !stopWords.has(term));
}

/** The question with the names, and failing these the words, of what was talked about. */
export function carriedOver({ question, history }: Leaning): string {
  const own = new Set(terms(question));
  const carried = new Map<string, string>();
  const carry = (words: readonly string[]): void => {
    for (const word of words) {
      const list = terms(word);
      if (carried.size >= limits.carriedTermsMax || list.every((term) => own.has(term))) continue;
      const key = list.join(" ");
      if (![...carried.keys()].some((known) => known.includes(key))) carried.set(key, word);
    }
  };
  for (const said of recentTexts(history)) {
    // Markers and placeholders of redaction are no words of the talk.
    const text = said.replace(/\[[^[\]]{0,60}\]/g, " ");
    const names = namesIn(text);
    carry(names.length > 0 || carried.size > 0 ? names : contentWords(text));
    if (carried.size >= limits.carriedTermsMax) break;
  }
  if (carried.size === 0) return question;
  return cutText(`${question} (${[...carried.values()].join(", ")})`, limits.questionCharsMax);
}

/** Earlier ones are another topic by now. */
const questionsLookedAt = 2;

/** The last question, what was answered, and the question before, which it may lean on itself. */
function recentTexts(history: readonly Turn[]): readonly string[] {
  const asked = history.filter(({ role }) => role === "user").slice(-questionsLookedAt);
  const answered = history.at(-1)?.role === "assistant" ? history.at(-1) : undefined;
  const [before, last] = asked.length > 1 ? asked : [undefined, asked[0]];
  const leans = last !== undefined && before !== undefined;
  return [
    last?.content ?? "",
    ...(answered === undefined ? [] : [firstSentences(answered.content)]),
    ...(leans && !standsAlone({ question: last.content, history: [before] })
      ? [before.content]
      : []),
  ];
}

/** What an answer says later is more than was asked for. */
const answerCharsMax = 300;

function firstSentences(answer: string): string {
  return cutText(answer, answerCharsMax);
}

/** With the number behind it: a Falcon 5 is no Falcon 4. */
const namePattern =
  /\p{Lu}[\p{L}\p{M}\p{N}'’-]*(?:\s+(?:(?:of|the|de|von|van|der|and)\s+)*\p{Lu}[\p{L}\p{M}\p{N}'’-]*)*(?:[ \t]\d{1,4}(?:\.\d{1,3})*(?![\p{L}\p{N}:]|[.,]\d))?|\b\d{3,4}s?\b|"[^"]{2,60}"/gu;
const askingWords =
  /^(?:what|when|where|who|whom|whose|why|how|which|much|many|long|often|in|is|are|was|were|do|does|did|can|could|will|would|should|has|have|had|the|a|an|and|but|on|at|of|for|to|from|by|i|it|he|she|they|this|that|these|those|their|his|her|its|we|our|my|your|there|then|if|as|with|after|before|during|while|since|yes|no|tell|name)$/i;

/** Runs of words with a capital, years, and what stands in quotation marks. */
function namesIn(text: string): string[] {
  return (text.match(namePattern) ?? []).flatMap((found) => {
    // The first word of a sentence has a capital whatever it is.
    const words = found.split(/\s+/);
    while (words[0] !== undefined && askingWords.test(words[0])) words.shift();
    const rest = words.join(" ");
    return rest.length > 1 ? [rest] : [];
  });
}

function contentWords(text: string): string[] {
  return (text.match(/[\p{L}\p{N}][\p{L}\p{M}\p{N}'’._/-]*/gu) ?? []).filter(
    (word) => !askingWords.test(word) && terms(word).length > 0 && word.length > 2,
  );
}

/** What a model made of it; undefined where that is no question about the same things. */
export function acceptRewrite(said: string, leaning: Leaning): string | undefined {
  const [line = ""] = said.trim().split("\n");
  const text = line
    .replace(/^(?:rewritten |stand-?alone )?question:\s*/i, "")
    .replace(/^["“]|["”]$/g, "")
    .trim();
  const isBounded = text.length > 0 && text.length <= rewriteCharsMax && !/[[\]<>]/.test(text);
  if (!isBounded) return undefined;
  const known = new Set(
    terms([leaning.question, ...leaning.history.map(({ content }) => content)].join("\n")),
  );
  const made = terms(text);
  const foreign = made.filter((term) => !known.has(term)).length;
  // A word of its own may be grammar; more would be an answer, or another topic.
  return made.length === 0 || foreign > Math.max(1, made.length / 4) ? undefined : text;
}

const rewriteCharsMax = 400;
