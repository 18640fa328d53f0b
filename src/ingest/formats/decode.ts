/** Bytes to text, or no text at all: wrong bytes never become replacement characters. */

import { Unreadable } from "./convert.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true });

const sampleChars = 4_096;
const nulShareMax = 0.2;

/** Without a byte order mark. @throws Unreadable encoding */
export function decodeText(bytes: Uint8Array): string {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    throw new Unreadable("encoding");
  }
  // UTF-16 without a mark is valid UTF-8, with a NUL beside each letter.
  const nuls = text.slice(0, sampleChars).split("\0").length - 1;
  if (nuls > Math.min(text.length, sampleChars) * nulShareMax) throw new Unreadable("encoding");
  return text;
}
