/**
 * Redaction: personal and secret data is replaced by the name of its kind before anything is
 * embedded, indexed, shown to a model or logged (I10). Deterministic, versioned, linear in the
 * text.
 *
 *   RD1  redacting twice changes nothing more;
 *   RD2  of overlapping finds the longest wins, so that a card number is not half a phone number;
 *   RD3  what is not found stays exactly as it was written;
 *   RD4  the work is bounded by the text's length alone; where a bound is hit, what could not be
 *       looked at goes.
 */

import { limits } from "../contract/limits.ts";
import { cleanLine } from "./clean.ts";
import { type Folded, fold, unfold } from "./fold.ts";
import { apiKey } from "./recognisers/api-key.ts";
import { card } from "./recognisers/card.ts";
import { Effort, Spent } from "./recognisers/effort.ts";
import { email } from "./recognisers/email.ts";
import { iban } from "./recognisers/iban.ts";
import { ip } from "./recognisers/ip.ts";
import { phone } from "./recognisers/phone.ts";
import { type Kind, kinds, type Recogniser, type Span } from "./recognisers/recogniser.ts";

/** Stored with every record; changes whenever the same text may be redacted differently. */
export const redactorVersion = "2";

export interface Redacted {
  readonly text: string;
  readonly counts: Readonly<Record<Kind, number>>;
}

export interface Redactor {
  readonly version: string;
  /** @param effort shared with other texts; else the text has one of its own */
  redact(text: string, effort?: Effort): Redacted;
}

/** In order of precedence between finds of equal length. */
const recognisers: readonly Recogniser[] = [apiKey, iban, card, email, ip, phone];

/**
 * Looks at a text, and how many characters beside each find go with it. A replacement changes what
 * its neighbours stand beside, so a text with a find is looked at again until there is none (RD1):
 * two looks are usual. A text that was made so that each look uncovers another find loses what
 * surrounds them, in the end all of it: that ends it, and hides more, never less.
 */
const margins = [0, 0, 0, 64, 4_096, Number.POSITIVE_INFINITY] as const;

export interface RedactOptions {
  /**
   * Shared with other texts; else each look has what the text's length gives it, so that RD1 holds
   * beyond bounds too.
   */
  readonly effort?: Effort | undefined;
  readonly spent?: Spent | undefined;
}

export function redact(text: string, options: RedactOptions = {}): Redacted {
  const { spent = new Spent() } = options;
  const counts = Object.fromEntries(kinds.map((kind) => [kind, 0])) as Record<Kind, number>;
  let current = text;
  for (const margin of margins) {
    const found = findAll(current, options.effort ?? Effort.of(current.length, spent));
    if (found.length === 0) break;
    const finds = widened(longestFirst(found, current.length), margin, current.length);
    for (const { kind } of finds) counts[kind] += 1;
    current = replaceAll(current, finds);
  }
  return { text: current, counts };
}

export const defaultRedactor: Redactor = {
  version: redactorVersion,
  redact: (text, effort) => redact(text, { effort }),
};

/** For the texts of one question, which are lines, and share what redacting them may cost. */
export function questionRedactor(): (text: string) => string {
  const effort = new Effort(limits.questionRedactionCandidatesMax);
  return (text) => redact(cleanLine(text), { effort }).text;
}

interface Find extends Span {
  readonly kind: Kind;
}

function findAll(text: string, effort: Effort): Find[] {
  const folded = fold(text);
  const wasExhausted = effort.isExhausted;
  const finds = findIn(folded, effort);
  return effort.isExhausted && !wasExhausted ? findIn(folded, effort) : finds;
}

function findIn(folded: Folded, effort: Effort): Find[] {
  const finds: Find[] = [];
  effort.visit(folded.text.length);
  for (const { kind, find } of recognisers) {
    for (const span of find(folded.text, effort)) finds.push({ kind, ...unfold(folded, span) });
  }
  return finds;
}

/**
 * RD2. The sort is stable, so recognisers' order decides between equals. Result in order of the
 * text.
 */
function longestFirst(finds: readonly Find[], chars: number): Find[] {
  const byLength = [...finds].sort((a, b) => b.end - b.start - (a.end - a.start));
  const taken = new Uint8Array(chars);
  const kept: Find[] = [];
  for (const each of byLength) {
    if (each.end <= each.start) continue;
    // Every earlier find is at least as long: one that overlaps this one covers one of its ends.
    if (taken[each.start] === 1 || taken[each.end - 1] === 1) continue;
    taken.fill(1, each.start, each.end);
    kept.push(each);
  }
  return kept.sort((a, b) => a.start - b.start);
}

/** Finds with what surrounds them; those that come to touch are one. */
function widened(finds: readonly Find[], margin: number, chars: number): readonly Find[] {
  if (margin === 0) return finds;
  const wide: Find[] = [];
  for (const { kind, ...span } of finds) {
    const start = Math.max(0, span.start - margin);
    const end = Math.min(chars, span.end + margin);
    const last = wide.at(-1);
    if (last === undefined || start > last.end) wide.push({ kind, start, end });
    else wide[wide.length - 1] = { ...last, end };
  }
  return wide;
}

function replaceAll(text: string, finds: readonly Find[]): string {
  const pieces: string[] = [];
  let end = 0;
  for (const each of finds) {
    pieces.push(text.slice(end, each.start), `[${each.kind}]`);
    end = each.end;
  }
  pieces.push(text.slice(end));
  return pieces.join("");
}
