/**
 * Redaction: personal and secret data is replaced by the name of its kind before anything is
 * embedded, indexed, shown to a model or logged (I10). Deterministic, versioned, linear in the text.
 *
 *   R1  redacting twice changes nothing more;
 *   R2  of overlapping finds the longest wins, so that a card number is not half a phone number;
 *   R3  what is not found stays exactly as it was written.
 */

import { fold, unfold } from "./fold.ts";
import { apiKey } from "./recognisers/api-key.ts";
import { card } from "./recognisers/card.ts";
import { email } from "./recognisers/email.ts";
import { iban } from "./recognisers/iban.ts";
import { ip } from "./recognisers/ip.ts";
import { phone } from "./recognisers/phone.ts";
import { type Kind, kinds, type Recogniser, type Span } from "./recognisers/recogniser.ts";

/** Stored with every record; changes whenever the same text may be redacted differently. */
export const redactorVersion = "1";

export interface Redacted {
  readonly text: string;
  readonly counts: Readonly<Record<Kind, number>>;
}

export interface Redactor {
  readonly version: string;
  redact(text: string): Redacted;
}

/** In order of precedence between finds of equal length. */
const recognisers: readonly Recogniser[] = [apiKey, iban, card, email, ip, phone];

/**
 * A replacement changes what its neighbours stand beside, so redaction repeats until nothing is
 * found (R1). Each round leaves less to find; two are usual, and nobody's text needs this many.
 */
const roundsMax = 16;

export function redact(text: string): Redacted {
  const counts = Object.fromEntries(kinds.map((kind) => [kind, 0])) as Record<Kind, number>;
  let current = text;
  for (let round = 0; round < roundsMax; round += 1) {
    const finds = longestFirst(findAll(current));
    if (finds.length === 0) break;
    for (const { kind } of finds) counts[kind] += 1;
    current = replaceAll(current, finds);
  }
  return { text: current, counts };
}

export const defaultRedactor: Redactor = { version: redactorVersion, redact };

interface Find extends Span {
  readonly kind: Kind;
}

function findAll(text: string): Find[] {
  const folded = fold(text);
  const finds: Find[] = [];
  for (const { kind, find } of recognisers) {
    for (const span of find(folded.text)) finds.push({ kind, ...unfold(folded, span) });
  }
  return finds;
}

/** R2. The sort is stable, so recognisers' order decides between equals. Result in order of the text. */
function longestFirst(finds: readonly Find[]): Find[] {
  const byLength = [...finds].sort((a, b) => b.end - b.start - (a.end - a.start));
  const taken = new Set<number>();
  const kept: Find[] = [];
  for (const each of byLength) {
    let free = each.end > each.start;
    // Every earlier find is at least as long: one that overlaps this one covers one of its ends.
    if (taken.has(each.start) || taken.has(each.end - 1)) free = false;
    if (!free) continue;
    for (let at = each.start; at < each.end; at += 1) taken.add(at);
    kept.push(each);
  }
  return kept.sort((a, b) => a.start - b.start);
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
