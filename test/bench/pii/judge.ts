/**
 * Whether what redaction took out of a real document is what it says: by rules of their own, not by
 * those that found it.
 */

import { isIP } from "node:net";
import { parsePhoneNumberFromString } from "libphonenumber-js/max";

export interface Taken {
  readonly kind: string;
  readonly value: string;
  /** What stands before it, and the whole document. */
  readonly before: string;
  readonly document: string;
}

const judges: Readonly<Record<string, (taken: Taken) => boolean>> = {
  EMAIL: ({ value }) => /^[^\s@]{1,64}(?:@|%40|&#64;)[\p{L}\d.-]+\.[\p{L}\d-]{2,}$/u.test(value),
  IP: ({ value, before }) => isIP(unpadded(value)) > 0 && !/version|release|section/i.test(before),
  API_KEY: ({ value, before }) =>
    /\d/.test(value) && /token|passw|secret|key|auth|cookie|sig|:\/\//i.test(before),
  // A document about phone numbers is full of them; elsewhere it takes a country's plan.
  PHONE: ({ value, before, document }) =>
    /phone|tel|call|mobile|fax/i.test(before) ||
    /phone number/i.test(document) ||
    parsePhoneNumberFromString(value)?.isValid() === true,
  WALLET: ({ value }) => /^(?:0x[\da-f]{40}|bc1|[13])/i.test(value),
};

/** A kind without a judge is never right: the documents hold none of it. */
export function isRight(taken: Taken): boolean {
  return judges[taken.kind]?.(taken) ?? false;
}

/** `192.068.001.000` is an address to programs that read it so. */
function unpadded(address: string): string {
  return address.includes(":") ? address : address.replace(/(?<![\d])0+(?=\d)/g, "");
}
