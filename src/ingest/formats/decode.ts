/** Bytes to text, or no text at all: wrong bytes never become replacement characters. */

import { isUtf8 } from "node:buffer";
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
    const isWide = hasManyNuls(Buffer.from(bytes.subarray(0, sampleChars)).toString("latin1"));
    const place = `line ${wrongLine(bytes)} is the first that is no UTF-8`;
    throw new Unreadable("encoding", isWide ? wideText : place);
  }
  if (hasManyNuls(text.slice(0, sampleChars))) throw new Unreadable("encoding", wideText);
  return text;
}

const wideText = "it is no text, or text in UTF-16: iconv -f utf-16 -t utf-8";

/** UTF-16 without a mark is often valid UTF-8, with a NUL beside each letter. */
function hasManyNuls(sample: string): boolean {
  return sample.split("\0").length - 1 > sample.length * nulShareMax;
}

const lineFeed = 0x0a;

/** A line end is no part of any other character of UTF-8, so each line is right or wrong alone. */
function wrongLine(bytes: Uint8Array): number {
  let number = 1;
  for (let from = 0; from < bytes.length; number += 1) {
    const end = bytes.indexOf(lineFeed, from);
    const to = end === -1 ? bytes.length : end;
    if (!isUtf8(bytes.subarray(from, to))) return number;
    from = to + 1;
  }
  return number;
}
