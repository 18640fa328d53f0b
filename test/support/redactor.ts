/** Redaction under a key of the tests, and texts as they read whatever the key is. */

import { createRedactor, type Redactor } from "../../src/text/redaction.ts";

export const testKey = new Uint8Array(32).fill(7);

export const testRedactor: Redactor = createRedactor(testKey);

/** `[EMAIL:c3f9a1c2b4]` as `[EMAIL]`. */
export function withoutDigests(text: string): string {
  return text.replace(/\[([A-Z_]+):[a-f][0-9a-f]{9}\]/g, "[$1]");
}
