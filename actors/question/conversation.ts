/**
 * What comes with a question besides its words and its filter: the conversation before it and
 * wishes for the answer. Both reach a prompt, so both are redacted like the question (I10).
 */

import type { AnswerForm } from "../../src/answer/port.ts";
import { canonicalLanguage } from "../../src/contract/language.ts";
import type { Question, Turn } from "../../src/contract/query.ts";
import type { AnswerDefaults } from "../../src/contract/quota.ts";
import type { NamesText } from "../../src/text/names.ts";
import type { RedactionWork } from "./parts.ts";

export interface Conversation {
  readonly history: readonly Turn[];
  /** Undefined where nothing is wished for. */
  readonly form: AnswerForm | undefined;
}

type Wishes = Pick<Question, "history" | "instructions" | "language" | "max_sentences" | "quote">;

/** @param defaults of the tenant, where the question says nothing */
export async function redactedConversation(
  question: Wishes,
  defaults: AnswerDefaults,
  work: RedactionWork,
): Promise<Conversation> {
  const { history = [], instructions = "" } = question;
  const { instructions: house = "" } = defaults;
  const given = [...history.map(({ content }) => content), instructions, house];
  const isSilent = given.every((text) => text === "");
  const texts = isSilent ? given : await redactedTexts(given, work);
  const [own, ofHouse] = texts.slice(history.length);
  const form = formOf({ ...defaults, ...question }, { instructions: own, house: ofHouse });
  return {
    history: history.map((turn, index) => ({ ...turn, content: texts[index] ?? "" })),
    form,
  };
}

/** With a turn for others before each: the first of them stood behind the question. */
async function redactedTexts(
  given: readonly string[],
  { redactor, sliceChars, turn, names }: RedactionWork,
): Promise<readonly string[]> {
  const redacted: string[] = [];
  let slice = sliceChars;
  for (const text of given) {
    if (slice + text.length > sliceChars) {
      await turn();
      slice = 0;
    }
    slice += text.length;
    redacted.push(redactor.line(text));
  }
  if (names === undefined) return redacted;
  const asked = redacted.map(
    (text, index): NamesText => ({ text, charsBefore: given[index]?.length ?? text.length }),
  );
  return names(asked);
}

function formOf(
  { language, max_sentences: maxSentences, quote }: Wishes,
  redacted: Pick<AnswerForm, "instructions" | "house">,
): AnswerForm | undefined {
  const { instructions = "", house = "" } = redacted;
  const form = {
    ...(house === "" ? {} : { house }),
    ...(instructions === "" ? {} : { instructions }),
    ...(language === undefined ? {} : { language: canonicalLanguage(language) }),
    ...(maxSentences === undefined ? {} : { maxSentences }),
    ...(quote === true ? { isQuoted: true } : {}),
  };
  return Object.keys(form).length === 0 ? undefined : form;
}
