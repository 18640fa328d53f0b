import type { Effort } from "./effort.ts";
import {
  compact,
  isAsciiAlphanumeric,
  isDigit,
  isLetterOrDigit,
  joined,
  type Recogniser,
} from "./recogniser.ts";

const zero = 0x30;
const caseBit = 0x20;
/** `a` is 10. */
const letterBase = 0x61 - 10;
const gluedCharsMax = 6;

/** Length by country (SWIFT IBAN registry): tells where an IBAN ends when words follow it. */
const lengths: ReadonlyMap<string, number> = new Map(
  (
    "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 " +
    "DO28 EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 " +
    "IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 " +
    "MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 " +
    "SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30"
  )
    .split(" ")
    .map((entry) => [entry.slice(0, 2), Number(entry.slice(2))]),
);

/** The name may stand right before it: forms are copied with their labels. */
const startPattern = /[a-z]{2}[ .-]?\d{2}/gi;
const nameBefore = new RegExp(`(?<!${joined})iban$`, "iu");
/** What forms write right behind it. */
const glued = new RegExp(`^(?:[a-z]{3}(?!${joined})|bic|swift|iban)`, "iu");

/** IBANs with a right check number (ISO 13616, mod 97), in groups or not. */
export const iban: Recogniser = {
  kind: "IBAN",
  *find(text, effort) {
    for (const match of text.matchAll(startPattern)) {
      const start = match.index;
      const isInside = isLetterOrDigit(text[start - 1]);
      if (isInside && !nameBefore.test(text.slice(Math.max(0, start - 5), start))) continue;
      const end = ibanEnd(text, start, effort);
      if (end !== undefined) yield { start, end };
    }
  },
  normal: compact,
};

function ibanEnd(text: string, start: number, effort: Effort): number | undefined {
  const length = lengths.get(text.slice(start, start + 2).toUpperCase());
  if (length === undefined) return undefined;
  const codes: number[] = [];
  let at = start;
  for (; codes.length < length && at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (isAsciiAlphanumeric(code)) codes.push(code);
    else if (!isJoint(text, at)) break;
  }
  effort.visit(at - start);
  if (codes.length < length) return undefined;
  if (isLetterOrDigit(text[at]) && !glued.test(text.slice(at, at + gluedCharsMax)))
    return undefined;
  return checkNumber(codes) === 1 ? at : undefined;
}

/** Up to two spaces, a line end, a hyphen or a dot between two of its characters. */
function isJoint(text: string, at: number): boolean {
  if (isAsciiAlphanumeric(text.charCodeAt(at + 1))) return " -.\n".includes(text[at] ?? "x");
  const isDouble = isBlank(text[at]) && isBlank(text[at + 1]);
  return isDouble && isAsciiAlphanumeric(text.charCodeAt(at + 2));
}

function isBlank(character: string | undefined): boolean {
  return character === " " || character === "\n";
}

/** Country and check digits are read last; a letter counts as two digits, A as 10. */
function checkNumber(codes: readonly number[]): number {
  let rest = 0;
  for (let index = 0; index < codes.length; index += 1) {
    const code = codes[(index + 4) % codes.length] as number;
    rest = isDigit(code) ? rest * 10 + code - zero : rest * 100 + (code | caseBit) - letterBase;
    rest %= 97;
  }
  return rest;
}
