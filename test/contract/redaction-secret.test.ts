import { describe, expect, it } from "vitest";
import {
  decodeRedactionSecret,
  encodeRedactionSecret,
  type RedactionSecret,
} from "../../src/contract/redaction-secret.ts";

describe("the stored secret of redaction", () => {
  it.each<RedactionSecret>([
    { kind: "kept", secret: Uint8Array.from({ length: 32 }, (_, n) => n * 7) },
    { kind: "configured", check: "0123456789abcdef" },
  ])("comes back as it was: $kind", (secret) => {
    expect(decodeRedactionSecret(encodeRedactionSecret(secret))).toEqual(secret);
  });

  it.each(["", "{}", "null", '{"format":1,"kind":"kept","secret":"c2hvcnQ="}', '{"format":2}'])(
    "is nothing else: %s",
    (json) => expect(decodeRedactionSecret(json)).toBeUndefined(),
  );
});
