/**
 * Redaction: personal and secret data is replaced by the name of its kind and a keyed digest before
 * anything is embedded, indexed, shown to a model or logged (I10). Deterministic, versioned, linear
 * in the text.
 *
 *   RD1  redacting twice changes nothing more;
 *   RD2  of overlapping finds the longest wins, so that a card number is not half a phone number;
 *        what another one has beside it goes as well;
 *   RD3  what is not found stays exactly as it was written;
 *   RD4  the work is bounded by the text's length alone; where a bound is hit, what could not be
 *        looked at goes;
 *   RD5  under one key equal values have equal placeholders, however they are written, and other
 *        values have others (38 bits of a digest): who asks for a value finds what held it.
 */

import { type Folded, fold, unfold } from "./fold.ts";
import { Placeholders, placeholderSpans } from "./placeholders.ts";
import { apiKey } from "./recognisers/api-key.ts";
import { birthDate } from "./recognisers/birth-date.ts";
import { card } from "./recognisers/card.ts";
import { Effort, Spent } from "./recognisers/effort.ts";
import { email } from "./recognisers/email.ts";
import { iban } from "./recognisers/iban.ts";
import { ip } from "./recognisers/ip.ts";
import { mac } from "./recognisers/mac.ts";
import { nationalId } from "./recognisers/national-id.ts";
import { phone } from "./recognisers/phone.ts";
import { type Kind, kinds, type Recogniser, type Span } from "./recognisers/recogniser.ts";
import { wallet } from "./recognisers/wallet.ts";

/** Stored with every record; changes whenever the same text may be redacted differently. */
export const redactorVersion = "5";

export interface Redacted {
  readonly text: string;
  readonly counts: Readonly<Record<Kind, number>>;
}

export interface Redactor {
  readonly version: string;
  /** @param effort shared with other texts; else the text has one of its own */
  redact(text: string, effort?: Effort): Redacted;
  /** The same for a text behind a label that says what it is. */
  redactLabelled(label: string, text: string, effort?: Effort): Redacted;
}

/** In order of precedence between finds of equal length. */
const recognisers: readonly Recogniser[] = [
  apiKey,
  iban,
  card,
  nationalId,
  birthDate,
  email,
  ip,
  mac,
  wallet,
  phone,
];
const normalOf = new Map(recognisers.map(({ kind, normal }) => [kind, normal]));

/**
 * Looks at a text, and how many characters beside each find go with it. A replacement changes what
 * its neighbours stand beside, so a text with a find is looked at again until there is none (RD1):
 * two looks are usual. A text that was made so that each look uncovers another find loses what
 * surrounds them, in the end all of it: that ends it, and hides more, never less.
 */
const margins = [0, 0, 0, 64, 4_096, Number.POSITIVE_INFINITY] as const;

export interface RedactOptions {
  /** Of the tenant (`redaction-keys.ts`). */
  readonly key: Uint8Array;
  /**
   * Shared with other texts; else each look has what the text's length gives it, so that RD1 holds
   * beyond bounds too.
   */
  readonly effort?: Effort | undefined;
  readonly spent?: Spent | undefined;
  /** So many characters at the start are context: they are looked at and stay. */
  readonly keepChars?: number | undefined;
}

export function redact(text: string, options: RedactOptions): Redacted {
  const { spent = new Spent(), keepChars = 0 } = options;
  const counts = Object.fromEntries(kinds.map((kind) => [kind, 0])) as Record<Kind, number>;
  const placeholders = new Placeholders(options.key, text.length);
  let current = text;
  for (const margin of margins) {
    const effort = options.effort ?? Effort.of(current.length, spent);
    const found = findAll(current, effort).flatMap((find) => behind(find, keepChars));
    if (found.length === 0) break;
    const apart = longestFirst(found, current.length);
    const finds = widened(apart, { margin, from: keepChars, to: current.length });
    for (const { kind } of finds) counts[kind] += 1;
    current = replaceAll(current, finds, placeholders);
  }
  return { text: current.slice(keepChars), counts };
}

export function createRedactor(key: Uint8Array): Redactor {
  return {
    version: redactorVersion,
    redact: (text, effort) => redact(text, { key, effort }),
    redactLabelled: (label, text, effort) =>
      redact(label + text, { key, effort, keepChars: label.length }),
  };
}

interface Find extends Span {
  readonly kind: Kind;
  readonly value: string;
}

/** What of a find lies behind the context. */
function behind(find: Find, keepChars: number): readonly Find[] {
  if (find.start >= keepChars) return [find];
  return find.end <= keepChars ? [] : [{ ...find, start: keepChars }];
}

function findAll(text: string, effort: Effort): readonly Find[] {
  const folded = fold(text);
  const wasExhausted = effort.isExhausted;
  const finds = findIn(folded, effort);
  const all = effort.isExhausted && !wasExhausted ? findIn(folded, effort) : finds;
  if (all.length === 0) return all;
  const replaced = placeholderSpans(text);
  return all.filter((find) => !replaced.covers(find));
}

function findIn(folded: Folded, effort: Effort): Find[] {
  const finds: Find[] = [];
  effort.visit(folded.text.length);
  for (const { kind, find } of recognisers) {
    for (const span of find(folded.text, effort)) {
      const value = folded.text.slice(span.start, span.end);
      finds.push({ kind, value, ...unfold(folded, span) });
    }
  }
  return finds;
}

/**
 * RD2. The sort is stable, so recognisers' order decides between equals. Result in order of the
 * text.
 */
function longestFirst(finds: readonly Find[], chars: number): readonly Find[] {
  const byLength = [...finds].sort((a, b) => b.end - b.start - (a.end - a.start));
  const taken = new Uint8Array(chars);
  const kept: Find[] = [];
  for (const each of byLength) {
    // Every earlier find is at least as long: one that overlaps this one covers one of its ends.
    let { start, end } = each;
    while (start < end && taken[start] === 1) start += 1;
    while (end > start && taken[end - 1] === 1) end -= 1;
    if (start >= end) continue;
    taken.fill(1, start, end);
    const isWhole = start === each.start && end === each.end;
    const value = isWhole ? each.value : `${each.value}/${start - each.start}/${end - each.end}`;
    kept.push({ ...each, start, end, value });
  }
  return kept.sort((a, b) => a.start - b.start);
}

interface Margin {
  readonly margin: number;
  readonly from: number;
  readonly to: number;
}

/** Finds with what surrounds them; those that come to touch are one. */
function widened(finds: readonly Find[], { margin, from, to }: Margin): readonly Find[] {
  if (margin === 0) return finds;
  const wide: Find[] = [];
  for (const { kind, value, ...span } of finds) {
    const start = Math.max(from, span.start - margin);
    const end = Math.min(to, span.end + margin);
    const last = wide.at(-1);
    if (last === undefined || start > last.end) wide.push({ kind, value, start, end });
    else wide[wide.length - 1] = { ...last, end };
  }
  return wide;
}

function replaceAll(text: string, finds: readonly Find[], placeholders: Placeholders): string {
  const pieces: string[] = [];
  let end = 0;
  for (const { kind, value, ...span } of finds) {
    const normal = normalOf.get(kind)?.(value) ?? value;
    pieces.push(text.slice(end, span.start), placeholders.of({ kind, normal, ...span }));
    end = span.end;
  }
  pieces.push(text.slice(end));
  return pieces.join("");
}
