/**
 * Redaction of what is not running text: titles, sources, names and values of metadata. A document
 * and a filter go through the same steps, so that a filter finds what it names.
 */

import { limits } from "../contract/limits.ts";
import { cleanLine } from "./clean.ts";
import { onePlaceholder } from "./placeholders.ts";
import { Effort } from "./recognisers/effort.ts";
import type { Redactor } from "./redaction.ts";

type Scalar = string | number | boolean;

export interface FieldRedactor {
  /** A title, a source, a question: one line. */
  line(text: string): string;
  /** A key of metadata: programs choose them, some from what people enter. */
  name(name: string): string;
  /** A value of metadata; its key says what a number or a word is. */
  value<Value extends Scalar>(name: string, value: Value): Value | string;
}

/** Shorter numbers are counts, years and prices, whatever they are called. */
const numberMin = 1_000_000;
const wordBreaks = /[^\p{L}\p{N}]+|(?<=\p{Ll})(?=\p{Lu})/gu;

/** @param effort for all of them together: many short values must not each cost the minimum */
export function fieldRedactor(redactor: Redactor, effort: Effort): FieldRedactor {
  const redactValue = (name: string, value: string): string =>
    redactor.redactLabelled(labelOf(name), cleanLine(value), effort).text;
  const redactNumber = (name: string, value: number): number | string => {
    if (!Number.isSafeInteger(value) || value < numberMin) return value;
    const redacted = redactValue(name, String(value));
    return onePlaceholder.test(redacted) ? redacted : value;
  };
  return {
    line: (text) => redactor.redact(cleanLine(text), effort).text,
    name: (name) => redactor.redact(name.normalize("NFC"), effort).text,
    value: <Value extends Scalar>(name: string, value: Value): Value | string => {
      if (typeof value === "string") return redactValue(name, value);
      return typeof value === "number" ? (redactNumber(name, value) as Value | string) : value;
    },
  };
}

/** `phoneNumber`, `phone_number` and `phone.number` are words: "phone number: ". */
export function labelOf(name: string): string {
  return `${name.replace(wordBreaks, " ").trim()}: `;
}

/** For the texts of one question, which share what redacting them may cost. */
export function questionRedactor(redactor: Redactor): FieldRedactor {
  return fieldRedactor(redactor, new Effort(limits.questionRedactionCandidatesMax));
}
