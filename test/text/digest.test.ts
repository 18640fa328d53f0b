import { createHmac } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { keyedDigest } from "../../src/text/digest.ts";
import { codePoint } from "../support/code-point.ts";

test("a keyed digest is HMAC-SHA-256", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), fc.string({ unit: codePoint }), (key, text) => {
      const expected = createHmac("sha256", key).update(text).digest("hex");
      expect(keyedDigest(key, text)).toBe(expected);
    }),
  );
});
