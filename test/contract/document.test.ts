/**
 * The numbers are rows of the matrix of bad input; those here concern the bytes of a
 * document.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Operation,
  type ParsedOperation,
  parseOperation,
} from "../../src/contract/document.ts";
import { limits } from "../../src/contract/limits.ts";
import { runs } from "../support/runs.ts";

const textBytesMax = 1_000;
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const parse = (payload: string | Uint8Array): ParsedOperation =>
  parseOperation(typeof payload === "string" ? bytesOf(payload) : payload, textBytesMax);

/** A good document with some fields replaced, as JSON. */
const document = (fields: Readonly<Record<string, unknown>>): string =>
  JSON.stringify({ id: "d1", text: "a text", ...fields });

function accepted(payload: string | Uint8Array): Operation {
  const parsed = parse(payload);
  if (!parsed.ok) throw parsed.error;
  return parsed.operation;
}

function refusal(payload: string | Uint8Array) {
  const parsed = parse(payload);
  if (parsed.ok) throw new Error(`accepted: ${JSON.stringify(parsed.operation)}`);
  return { code: parsed.error.code, message: parsed.error.message, id: parsed.id };
}

const deep = (open: string, close: string, depth: number): string =>
  `{"id":"d1","text":"x","metadata":{"k":${open.repeat(depth)}1${close.repeat(depth)}}}`;

describe("refused with a code, never with a throw", () => {
  it.each<[string, string | Uint8Array, string]>([
    ["1: an empty payload", "", "invalid_json"],
    ["2: no JSON", "hello", "invalid_json"],
    ["3: null", "null", "invalid_document"],
    ["3: an array", "[]", "invalid_document"],
    ["3: a number", "1", "invalid_document"],
    ["3: a string", '"d1"', "invalid_document"],
    ["4: truncated JSON", '{"id":"d1","text":"a', "invalid_json"],
    ["4: JSON with more behind it", `${document({})} {}`, "invalid_json"],
    ["5: UTF-8 that is invalid", Uint8Array.from([0x22, 0xc3, 0x28, 0x22]), "invalid_json"],
    ["5: UTF-16", Uint8Array.from(Buffer.from(document({}), "utf16le")), "invalid_json"],
    ["5: an overlong encoding", Uint8Array.from([0x22, 0xc0, 0xaf, 0x22]), "invalid_json"],
    ["5: an encoded surrogate", Uint8Array.from([0x22, 0xed, 0xa0, 0x80, 0x22]), "invalid_json"],
    ["8: a lone surrogate in the id", document({ id: "\ud800" }), "invalid_document"],
    ["11: arrays 100,000 deep", deep("[", "]", 100_000), "invalid_document"],
    ["11: objects 100,000 deep", deep('{"k":', "}", 100_000), "invalid_document"],
    ["11: an unclosed nest", "[".repeat(1_000_000), "invalid_json"],
    ["12: a field twice", '{"id":"d1","text":"a","text":"b"}', "invalid_json"],
    ["12: an op twice", '{"op":"delete","id":"d1","op":"upsert","text":"b"}', "invalid_json"],
    [
      "12: a key of metadata twice",
      '{"id":"d1","text":"a","metadata":{"k":1,"\\u006b":2}}',
      "invalid_json",
    ],
    [
      "13: __proto__ beside the fields",
      '{"id":"d1","text":"x","__proto__":{}}',
      "invalid_document",
    ],
    [
      "13: __proto__ in the metadata",
      '{"id":"d1","text":"x","metadata":{"__proto__":"v"}}',
      "invalid_document",
    ],
    ["13: constructor beside the fields", document({ constructor: {} }), "invalid_document"],
    [
      "10: a text of nothing but colours",
      document({ text: "\u001b[31m\u001b[0m" }),
      "invalid_document",
    ],
    ["14: a schema version that nobody asked for", document({ version: 2 }), "invalid_document"],
    ["15: no id", '{"text":"x"}', "invalid_document"],
    ["16: an empty id", document({ id: "" }), "invalid_document"],
    ["16: an id of 513 bytes", document({ id: "x".repeat(513) }), "invalid_document"],
    [
      "16: an id of 171 characters and 513 bytes",
      document({ id: "€".repeat(171) }),
      "invalid_document",
    ],
    ["16: a line break in the id", document({ id: "a\r\nb" }), "invalid_document"],
    ["16: a control character in the id", document({ id: "a\u0085b" }), "invalid_document"],
    ["16: an id that is no string", document({ id: 7 }), "invalid_document"],
    ["17: a tenant in the body", document({ tenant: "other" }), "invalid_document"],
    ["23: no text", '{"id":"d1"}', "invalid_document"],
    ["23: an empty text", document({ text: "" }), "invalid_document"],
    ["23: white space only", document({ text: " \n\t\u00a0\ufeff" }), "invalid_document"],
    ["23: a text that is no string", document({ text: ["x"] }), "invalid_document"],
    ["24: a text above the limit", document({ text: "x".repeat(1_001) }), "document_too_large"],
    ["24: above it in bytes only", document({ text: "é".repeat(501) }), "document_too_large"],
    ["30: 65 metadata keys", document({ metadata: keys(65) }), "invalid_document"],
    ["30: a nested metadata value", document({ metadata: { k: { a: 1 } } }), "invalid_document"],
    ["30: a list in a list", document({ metadata: { k: [["a"]] } }), "invalid_document"],
    ["30: null as a value", document({ metadata: { k: null } }), "invalid_document"],
    ["30: a key without a name", document({ metadata: { "": 1 } }), "invalid_document"],
    [
      "30: a key of 65 characters",
      document({ metadata: { ["k".repeat(65)]: 1 } }),
      "invalid_document",
    ],
    [
      "30: half a character in a key",
      document({ metadata: { "label \ud83c": 1 } }),
      "invalid_document",
    ],
    ["30: metadata that is a list", document({ metadata: ["a"] }), "invalid_document"],
    ["30: metadata of 128 KB", document({ metadata: bulk(4) }), "document_too_large"],
    ["30: NaN", '{"id":"d1","text":"x","metadata":{"n":NaN}}', "invalid_json"],
    ["31: 1e400", '{"id":"d1","text":"x","metadata":{"n":1e400}}', "invalid_document"],
    [
      "31: -1e400 in a list",
      '{"id":"d1","text":"x","metadata":{"n":[-1e400]}}',
      "invalid_document",
    ],
    ["32: 1e400 as timestamp", '{"id":"d1","text":"x","timestamp":1e400}', "invalid_document"],
    [
      "32: a second after the year 9999",
      document({ timestamp: 253_402_300_800 }),
      "invalid_document",
    ],
    ["32: milliseconds instead of seconds", document({ timestamp: 1.7e12 }), "invalid_document"],
    ["32: February 30th", document({ timestamp: "2024-02-30T00:00:00Z" }), "invalid_document"],
    ["32: no time zone", document({ timestamp: "2024-02-01T00:00:00" }), "invalid_document"],
    ["32: a date alone", document({ timestamp: "2024-02-01" }), "invalid_document"],
    ["32: the year 10000", document({ timestamp: "10000-01-01T00:00:00Z" }), "invalid_document"],
    ["32: null", document({ timestamp: null }), "invalid_document"],
    ["33: a vector of its own", document({ vector: [1, 2] }), "invalid_document"],
    ["35: an unknown op", '{"id":"d1","op":"erase"}', "unknown_operation"],
    ["35: an op that is no string", '{"id":"d1","op":{}}', "unknown_operation"],
    [
      "35: an op inherited from __proto__",
      '{"id":"d1","__proto__":{"op":"delete"}}',
      "invalid_document",
    ],
    ["36: a delete with a text", '{"id":"d1","op":"delete","text":"x"}', "invalid_document"],
    ["46: gzip", Uint8Array.from([0x1f, 0x8b, 0x08, 0x00]), "invalid_json"],
    ["a title above its limit", document({ title: "x".repeat(1_001) }), "invalid_document"],
    ["a source above its limit", document({ source: "x".repeat(2_001) }), "invalid_document"],
  ])("%s", (_row, payload, code) => {
    expect(refusal(payload).code).toBe(code);
  });

  it("for any bytes at all", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(() => parse(bytes)).not.toThrow();
      }),
    );
  });

  it("for any JSON at all, in any field", () => {
    const field = fc.constantFrom("id", "text", "title", "source", "timestamp", "metadata", "op");
    fc.assert(
      fc.property(field, fc.jsonValue(), (name, value) => {
        expect(() => parse(document({ [name]: value }))).not.toThrow();
      }),
      { numRuns: runs(500) },
    );
  });
});

describe("a key twice", () => {
  it("is named when it is a field, and never when its sender chose it (I10)", () => {
    expect(refusal('{"id":"d1","text":"a","text":"b"}')).toMatchObject({
      message: 'the key "text" stands in an object twice',
      id: "d1",
    });
    const { message } = refusal('{"id":"d1","text":"a","metadata":{"jane":1,"jane":2}}');
    expect(message).toBe("a key stands in an object twice");
  });

  it("leaves no id to tell of when it is the id", () => {
    expect(refusal('{"id":"d1","text":"a","id":"d2"}').id).toBeUndefined();
  });
});

describe("accepted", () => {
  it.each<[string, string | Uint8Array, Partial<Operation>]>([
    ["6: a byte order mark", Uint8Array.from([0xef, 0xbb, 0xbf, ...bytesOf(document({}))]), {}],
    // Cleaning is the work of src/text: the contract carries text as it came.
    ["7: NUL in the text", document({ text: "a\0b" }), { text: "a\0b" }],
    ["8: a lone surrogate in the text", document({ text: "a\ud800b" }), { text: "a\ud800b" }],
    ["9: a text at the limit", document({ text: "x".repeat(1_000) }), { text: "x".repeat(1_000) }],
    ["13: constructor as a metadata key", document({ metadata: { constructor: "v" } }), {}],
    ["16: an id with . * > and a space", document({ id: "a.*.> b" }), {}],
    ["16: an id of 512 bytes", document({ id: "x".repeat(512) }), {}],
    ["25: one long token", document({ text: "x".repeat(999) }), {}],
    ["27: emoji, CJK, RTL", document({ text: "🚀 漢字 שלום" }), { text: "🚀 漢字 שלום" }],
    ["29: the model's own marks", document({ text: "[CLS] <|im_start|>" }), {}],
    ["36: a delete", '{"id":"d1","op":"delete"}', { op: "delete" }],
    ["an upsert that says so", document({ op: "upsert" }), { op: "upsert" }],
    ["metadata of scalars and lists", document({ metadata: { a: [1, "b", true] } }), {}],
    ["64 metadata keys", document({ metadata: keys(64) }), {}],
  ])("%s", (_row, payload, expected) => {
    expect(accepted(payload)).toMatchObject(expected);
  });

  it.each<[string, unknown, number]>([
    ["unix seconds", 1_700_000_000, 1_700_000_000_000],
    ["unix seconds with a fraction", 1.5, 1_500],
    ["before 1970", -1, -1_000],
    ["RFC 3339 in UTC", "2024-01-01T00:00:00Z", 1_704_067_200_000],
    ["RFC 3339 with an offset", "2024-01-01T01:30:00+01:30", 1_704_067_200_000],
    ["more digits than milliseconds", "2024-01-01T00:00:00.123456789Z", 1_704_067_200_123],
    ["32: the year 0", "0000-01-01T00:00:00Z", -62_167_219_200_000],
    ["32: the year 9999", "9999-12-31T23:59:59Z", 253_402_300_799_000],
  ])("a timestamp: %s, as unix milliseconds", (_form, timestamp, expected) => {
    expect(accepted(document({ timestamp }))).toMatchObject({ timestamp: expected });
  });

  it("never yields a timestamp that is no whole number of milliseconds", () => {
    const digits = (count: number) => fc.stringMatching(new RegExp(`^[0-9]{${count}}$`));
    const rfc3339 = fc
      .tuple(digits(4), digits(2), digits(2), digits(2), digits(2), digits(2), digits(2), digits(2))
      .map(([y, mo, d, h, mi, s, oh, om]) => `${y}-${mo}-${d}T${h}:${mi}:${s}+${oh}:${om}`);
    const plausible = fc
      .date({ min: new Date("0001-01-01"), max: new Date("9999-12-31"), noInvalidDate: true })
      .map((date) => date.toISOString());
    fc.assert(
      fc.property(fc.oneof(rfc3339, plausible, fc.double()), (timestamp) => {
        const parsed = parse(document({ timestamp }));
        if (!parsed.ok || parsed.operation.op === "delete") return;
        expect(Number.isSafeInteger(parsed.operation.timestamp)).toBe(true);
      }),
      { numRuns: runs(1_000) },
    );
  });

  it("30: keeps control characters in a key, by which a filter finds the document", () => {
    const metadata = { "we\u0000ird": "a", "sep\u001fkey": "b" };
    const operation = accepted(JSON.stringify({ id: "d1", text: "x", metadata }));
    expect(operation).toMatchObject({ metadata });
  });

  it("31: keeps decimals as the nearest double", () => {
    const operation = accepted(
      '{"id":"d1","text":"x","metadata":{"n":0.30000000000000001,"z":-0}}',
    );
    expect(operation).toMatchObject({ metadata: { n: 0.3, z: -0 } });
  });
});

describe("what a refusal says", () => {
  it("names the document when its id could be read", () => {
    expect(refusal('{"id":"d1","op":"erase"}').id).toBe("d1");
    expect(refusal(document({ text: "" })).id).toBe("d1");
    expect(refusal('{"text":"x"}').id).toBeUndefined();
    expect(refusal("nonsense").id).toBeUndefined();
  });

  it.each([
    ["text", document({ text: 5 }), "text: "],
    ["metadata", document({ metadata: { k: {} } }), "metadata: "],
    ["timestamp", document({ timestamp: "soon" }), "timestamp: "],
  ])("names the field %s", (_field, payload, start) => {
    expect(refusal(payload).message.startsWith(start)).toBe(true);
  });

  const long = "x".repeat(limits.metadataValueCharsMax + 1);

  it.each([
    [{ id: undefined }, "id: is missing"],
    [{ id: 42 }, "id: is text: a number stands in quotes"],
    [{ text: undefined }, "text: is missing"],
    [{ metadata: { "": 1 } }, "metadata: a key has 1 to 64 characters"],
    [{ metadata: { [long]: 1 } }, "metadata: a key has 1 to 64 characters"],
    [{ metadata: { "a\ud83c": 1 } }, "metadata: a key is text of whole characters"],
    [{ metadata: { k: Array.from({ length: 33 }, String) } }, "metadata: a list has at most 32"],
    [{ metadata: { k: ["x", long] } }, "metadata: too big: expected string to have <=1000"],
    [{ metadata: { k: long } }, "metadata: too big: expected string to have <=1000 characters"],
    [{ metadata: { k: [["x"]] } }, "metadata: a value is text, a number, true or false, or a list"],
    [{ metadata: { k: [null] } }, "metadata: a value is text, a number, true or false, or a list"],
  ])("says what is wrong with a value or its key: %j", (fields, start) => {
    expect(refusal(document(fields)).message).toContain(start);
  });

  it("names a field of ours that is in the wrong place", () => {
    const { message } = refusal('{"id":"d1","op":"delete","text":"x"}');
    expect(message).toBe("document: text has no place here");
  });

  it("I10: repeats nothing of what the publisher wrote, and stays short", () => {
    const secret = fc.constantFrom(
      "anna@example.com",
      "x\r\nFreshet-Kind: upsert",
      "k".repeat(9_999),
    );
    const place = fc.constantFrom<(value: string) => Readonly<Record<string, unknown>>>(
      (value) => ({ [value]: 1 }),
      (value) => ({ metadata: { [value]: {} } }),
      (value) => ({ metadata: { k: [value, {}] } }),
      (value) => ({ timestamp: value }),
      (value) => ({ id: `${value}\n`.repeat(60) }),
      (value) => ({ text: value.repeat(400) }),
      (value) => ({ title: value.repeat(400) }),
      (value) => ({ op: value }),
    );
    fc.assert(
      fc.property(secret, place, (value, put) => {
        const { message } = refusal(document(put(value)));
        expect(message).not.toContain(value);
        expect(message).toMatch(/^[\x20-\x7e]{1,120}$/);
      }),
    );
  });
});

function keys(count: number): Record<string, number> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, index]));
}

/** `count` lists of as many and as long values as a list may have: about 32 KB each. */
function bulk(count: number): Record<string, string[]> {
  const list = Array.from({ length: limits.metadataListMax }, () =>
    "v".repeat(limits.metadataValueCharsMax),
  );
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, list]));
}

describe("labels, language and expiry", () => {
  it("are kept in one form: labels as a sorted set, language canonical, times as milliseconds", () => {
    const fields = { acl: ["b", "a", "b"], language: "zh-hans-cn", expires_at: 12.5 };
    expect(accepted(document(fields))).toMatchObject({
      acl: ["a", "b"],
      language: "zh-Hans-CN",
      expires_at: 12_500,
    });
    const text = "2026-11-01T00:00:00+01:00";
    expect(accepted(document({ expires_at: text }))).toMatchObject({
      expires_at: Date.parse(text),
    });
    expect(accepted(document({ acl: [] }))).toMatchObject({ acl: [] });
  });

  it("may be an address or a name in any script: a label is no text", () => {
    const acl = ["jane@example.com", "группа", "team:ops/on call"];
    expect(accepted(document({ acl }))).toMatchObject({ acl: [...acl].sort() });
  });

  it.each<[string, Readonly<Record<string, unknown>>, RegExp]>([
    ["an empty label", { acl: [""] }, /acl/],
    ["a label with a control character", { acl: ["a\u0000b"] }, /acl/],
    ["a label with half a character", { acl: ["\ud800"] }, /acl/],
    ["a label with a blank around it", { acl: [" a"] }, /acl/],
    ["a label that is too long", { acl: ["x".repeat(limits.aclLabelCharsMax + 1)] }, /acl/],
    ["a label that is no text", { acl: [1] }, /acl/],
    ["labels that are one text", { acl: "a" }, /acl/],
    ["too many labels", { acl: Array.from({ length: 65 }, (_, n) => `l${n}`) }, /acl/],
    ["a language that is no tag", { language: "german please" }, /language/],
    ["an empty language", { language: "" }, /language/],
    ["a language of the wrong form", { language: "de_CH" }, /language/],
    ["an expiry in milliseconds", { expires_at: 1_772_359_200_000 }, /expires_at/],
    ["an expiry that is no time", { expires_at: "tomorrow" }, /expires_at/],
  ])("are refused by name: %s", (_what, fields, named) => {
    const { code, message } = refusal(document(fields));
    expect(code).toBe("invalid_document");
    expect(message).toMatch(named);
  });
});
