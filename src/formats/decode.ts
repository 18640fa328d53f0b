/** Bytes to text, or no text at all: wrong bytes never become replacement characters. */

import { Unreadable } from "./convert.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Without a byte order mark. @throws Unreadable encoding */
export function decodeText(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new Unreadable("encoding");
  }
}
