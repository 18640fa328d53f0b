/**
 * National numbers by how they are written: no other number is grouped so. Each is checked against
 * the numbering plans of the countries that write it.
 */

import type { CountryCode } from "libphonenumber-js/max";

export interface NationalForm {
  readonly pattern: RegExp;
  readonly countries: readonly CountryCode[];
}

export const nationalForms: readonly NationalForm[] = [
  { pattern: /^0[1-9](?:[ .-]\d\d){4}$/, countries: ["FR"] },
  { pattern: /^(?:0\d{4} \d{6}|0\d{3} \d{3} \d{4}|0\d{2} \d{4} \d{4})$/, countries: ["GB"] },
  { pattern: /^\(0\d{2,4}\) ?\d{3,4}[ -]?\d{3,4}$/, countries: ["GB", "AU", "DE"] },
  { pattern: /^01[5-7]\d{1,2}(?: ?[/-] ?| )\d{3,4}(?:[ -]?\d{2,5}){1,2}$/, countries: ["DE"] },
  { pattern: /^0\d{1,3}-\d{2,4}-\d{4}$/, countries: ["JP", "KR"] },
  { pattern: /^04\d\d \d{3} \d{3}$/, countries: ["AU"] },
  { pattern: /^06[- ]\d{8}$/, countries: ["NL"] },
  { pattern: /^\(\d\d\) ?9?\d{4}-\d{4}$/, countries: ["BR"] },
  { pattern: /^1[3-9]\d([ -])\d{4}\1\d{4}$/, countries: ["CN"] },
  { pattern: /^0\d{1,3}-\d{2,3} \d{2} \d{2,3}$/, countries: ["SE"] },
  { pattern: /^0\d\d \d{3} \d\d \d\d$/, countries: ["CH"] },
  { pattern: /^0\d{3} \d{3} \d\d \d\d$/, countries: ["TR"] },
  { pattern: /^8 ?\(\d{3}\) ?\d{3}-\d\d-\d\d$/, countries: ["RU"] },
  { pattern: /^0\d{4}[ -]\d{6}$/, countries: ["IN", "GB"] },
  { pattern: /^0\d{2,4}\/\d{3,4}[ -]\d{2,4}$/, countries: ["DE", "AT"] },
];

/** How they begin. */
export const nationalStart = /^(?:\(?0|\(\d\d\)|1[3-9]\d[ -]|8 ?\()/;
/** One of them: asked first, because hardly any number is. */
export const anyNational = new RegExp(
  nationalForms.map(({ pattern }) => pattern.source.replace("\\1", "[ -]")).join("|"),
);

/** North America's own form: with its separators it is unlike any other number. */
export const nanpPattern = /^(?:1[-. ])?(?:\([2-9]\d\d\)[ -]?|[2-9]\d\d[-. ])[2-9]\d\d[-. ]\d{4}$/;
/** Its longest form has so many characters. */
export const nanpCharsMax = 16;
/** Area 555 was never given: examples write their numbers with it, whatever follows. */
export const fictionalPattern = /^(?:1[-. ])?(?:\(555\)[ -]?|555[-.])\d{3}[-.]\d{4}$/;
/** The same without any separator, or with spaces alone: what stands around it decides. */
export const barePattern = /^1?[2-9]\d\d ?[2-9]\d\d ?\d{4}$/;
/** The largest numbers of 32 bits look like one of Dallas. */
export const notPhones: ReadonlySet<string> = new Set(["2147483647", "2147483648", "4294967295"]);

/** A date, alone or behind a version: announced or not, it is no number to call. */
export function looksLikeDate(number: string): boolean {
  return /(?<!\d)(?:(?:19|20)\d\d([-./])\d{1,2}\1\d{1,2}|\d{1,2}([-./])\d{1,2}\2(?:19|20)\d\d)(?!\d)/.test(
    number,
  );
}
