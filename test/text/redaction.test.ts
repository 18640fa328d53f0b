import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { redact, redactorVersion } from "../../src/text/redaction.ts";

const redacted = (text: string) => redact(text).text;

const finds: readonly (readonly [string, string])[] = [
  // e-mail
  ["write to jane.doe+x@mail.example.co.uk.", "write to [EMAIL]."],
  ["<jane@example.com>, 'bob@example.org'", "<[EMAIL]>, '[EMAIL]'"],
  ["|jörg@müller.de|", "|[EMAIL]|"],
  ["mailto:a@b.io?subject=x", "mailto:[EMAIL]?subject=x"],
  ["jane＠example．com", "[EMAIL]"],
  ["ja\u200bne@exam\u200bple.com", "[EMAIL]"],
  // phone
  ["+49 30 901820 or +1 (202) 555-0143", "[PHONE] or [PHONE]"],
  ["call 0170 1234567 today", "call [PHONE] today"],
  ["Tel.: 030/901820-12", "Tel.: [PHONE]"],
  ["(415) 555-2671", "[PHONE]"],
  ["on 2024-01-05 415-555-2671 answered", "on 2024-01-05 [PHONE] answered"],
  ["tel:+4930901820", "tel:[PHONE]"],
  ["0049 30 901820", "[PHONE]"],
  ["+٤٩ ٣٠ ٩٠١٨٢٠", "[PHONE]"],
  // card
  ["4111 1111 1111 1111 exp 12/27", "[CARD] exp 12/27"],
  ["card 5555-5555-5555-4444.", "card [CARD]."],
  ["378282246310005", "[CARD]"],
  ["４１１１１１１１１１１１１１１１", "[CARD]"],
  ["no 12 4111 1111 1111 1111 99", "no 12 [CARD] 99"],
  // iban
  ["IBAN DE89 3704 0044 0532 0130 00 is mine", "IBAN [IBAN] is mine"],
  ["gb82west12345698765432", "[IBAN]"],
  ["NO9386011117947,", "[IBAN],"],
  // ip
  ["from 203.0.113.7:8080", "from [IP]:8080"],
  ["http://10.1.2.3/x and root@192.168.1.20", "http://[IP]/x and root@[IP]"],
  ["host=10.20.30.40", "host=[IP]"],
  ["[2001:db8::ff00:42:8329]:443", "[[IP]]:443"],
  ["2001:0db8:0000:0000:0000:ff00:0042:8329.", "[IP]."],
  ["::ffff:192.0.2.128", "[IP]"],
  ["fe80::1%eth0", "[IP]%eth0"],
  // keys
  [`id ${"AKIA"}IOSFODNN7EXAMPLE`, "id [API_KEY]"],
  [`${"ghp_"}${"a1B2".repeat(9)}`, "[API_KEY]"],
  [`${"github_pat_"}${"a1B2".repeat(6)}`, "[API_KEY]"],
  [`${"xoxb-"}123456789012-abcdefABCDEF`, "[API_KEY]"],
  [`${"sk-"}proj-abc123DEF456ghi789jkl`, "[API_KEY]"],
  [`${"AIza"}${"Sy1_-".repeat(7)}`, "[API_KEY]"],
  [`${"sk_live_"}4eC39HqLyjWDarjtT1zdp7dc`, "[API_KEY]"],
  [`${"eyJ"}hbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N`, "[API_KEY]"],
  ['api_key = "q8Zt3LmP0vXw7RkB2nYs"', 'api_key = "[API_KEY]"'],
  ["Authorization: Bearer 8f14e45fceea167a5a36dedd4bea2543", "Authorization: Bearer [API_KEY]"],
  ["?access_token=Zx81kQp93LmVt62Rb&x=1", "?access_token=[API_KEY]&x=1"],
  [
    `a\n-----BEGIN RSA ${"PRIVATE"} KEY-----\nMIIE+/=\nabc\n-----END RSA PRIVATE KEY-----\nb`,
    "a\n[API_KEY]\nb",
  ],
];

const kept: readonly string[] = [
  "react@18.2.0, @types/node, user@localhost",
  "git@github.com:owner/name.git",
  "released 2024-02-29 at 12:34:56, build 20240229123456",
  "between 1,000 and 2.000.000 people, 10 000 000 in all",
  "v1.2.3.4, version 10.0.0.1, Chrome/120.0.0.0, foo==1.2.3.4",
  "listen on 127.0.0.1 or 0.0.0.0 or ::1, mask 255.255.255.0",
  "std::vector a::b crate::io 12:34:56 aa:bb:cc:dd:ee:ff",
  "4111 1111 1111 1112 and 1234567890123456",
  "DE89 3704 0044 0532 0130 01 has a wrong check number",
  "token = process.env.GITHUB_TOKEN; password: required",
  "sk-estimator-html-representation-of-things",
  "the secret is out",
  "1.2.3.4.5 and 999.1.1.1",
  "ISBN 978-3-16-148410-0",
];

describe("redaction", () => {
  test.each(finds)("%j becomes %j", (text, expected) => {
    expect(redacted(text)).toBe(expected);
  });

  test.each(kept)("RD3: %j stays", (text) => {
    expect(redacted(text)).toBe(text);
  });

  test("counts what it replaced, by kind", () => {
    const { counts } = redact("a@b.de, c@d.de and 203.0.113.7");
    expect(counts).toEqual({ EMAIL: 2, PHONE: 0, CARD: 0, IBAN: 0, IP: 1, API_KEY: 0 });
  });

  test("RD2: the longest of overlapping finds wins", () => {
    expect(redacted("phone 4111 1111 1111 1111")).toBe("phone [CARD]");
    expect(redacted("call DE89370400440532013000")).toBe("call [IBAN]");
  });

  const fragments = fc.oneof(
    fc.constantFrom(...finds.flat(), ...kept),
    fc.constantFrom(
      " ",
      "",
      "@",
      ".",
      ":",
      "-",
      "+",
      "4",
      "１",
      "a",
      "\u200b",
      "é",
      "[IP]",
      "tel ",
    ),
    fc.string({ unit: "binary", maxLength: 12 }),
    fc.stringMatching(/^[-+0-9 .()/]{0,40}$/),
    fc.stringMatching(/^[a-f0-9:.@]{0,40}$/),
  );

  test("RD1: redacting twice changes nothing more", () => {
    fc.assert(
      fc.property(fc.array(fragments, { maxLength: 12 }), (parts) => {
        const once = redacted(parts.join(""));
        expect(redacted(once)).toBe(once);
      }),
      { numRuns: 1_000 },
    );
  });

  test("a find is found wherever it stands between words", () => {
    fc.assert(
      fc.property(
        fc.lorem(),
        fc.constantFrom(...finds),
        fc.lorem(),
        (before, [text, to], after) => {
          expect(redacted(`${before}\n${text}\n${after}`)).toBe(`${before}\n${to}\n${after}`);
        },
      ),
    );
  });

  test("has a version", () => expect(redactorVersion).toMatch(/^\d+$/));

  const size = 262_144;
  const fill = (text: string) => text.repeat(Math.ceil(size / text.length)).slice(0, size);
  const walls = [
    "1",
    "1 ",
    "+1 ",
    "+1",
    "+0 0 ",
    "(",
    "1.",
    "1.1.1.1.",
    ":",
    "a:",
    "::1",
    "@",
    "a@",
    "a@a.",
    "@a",
    "a.",
    "-",
    "4111 ",
    "4-",
    "DE89",
    "DE89 ",
    "DE89 3704 0044 0532 0130 01 ",
    "eyJ",
    "eyJaaaaaaaa.",
    "AKIA",
    "sk-",
    "token=",
    "token ",
    "bearer ",
    "tel ",
    "-----BEGIN PRIVATE KEY-----",
    "x",
    "é",
    "１",
    "a@b.de ",
    "+49 30 901820 ",
    "call 1234567 ",
    "phone phone ",
    "ﷺ",
    "\u200b",
    "a-a@",
  ];
  test.each(walls)("256 KiB of %j end", (wall) => {
    expect(redacted(fill(wall)).length).toBeGreaterThanOrEqual(0);
  });
});
