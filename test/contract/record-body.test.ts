import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FreshetError } from "../../src/contract/errors.ts";
import type { RecordBody } from "../../src/contract/record.ts";
import { bodyFormat, decodeBody, encodeBody } from "../../src/contract/record-body.ts";
import { packSparse } from "../../src/contract/sparse.ts";
import { codePoint } from "../support/code-point.ts";
import { runs } from "../support/runs.ts";

const scalar = fc.oneof(
  fc.string({ unit: codePoint }),
  fc.double({ noNaN: true, noDefaultInfinity: true }).filter((value) => !Object.is(value, -0)),
  fc.boolean(),
);
const optional = <Value>(arbitrary: fc.Arbitrary<Value>) =>
  fc.option(arbitrary, { nil: undefined });

const rangeArbitrary = fc
  .tuple(fc.nat(), fc.nat())
  .map(([start, length]): [number, number] => [start, start + length]);

const sparseArbitrary = fc
  .uniqueArray(fc.nat({ max: 999 }), { minLength: 1, maxLength: 5 })
  .map((ids) => {
    const weights = new Float32Array(1_000);
    for (const id of ids) weights[id] = 0.5 + (id % 3);
    return packSparse(weights, 9);
  });

/** At least one field that no Freshet knows. */
const unknownFields = (known: readonly string[]) =>
  fc.dictionary(
    fc.string({ minLength: 1 }).filter((name) => !known.includes(name) && name !== "__proto__"),
    fc.oneof(scalar, fc.array(scalar)),
    { minKeys: 1, maxKeys: 3 },
  );

const bodyArbitrary: fc.Arbitrary<RecordBody> = fc
  .record({ dimensions: fc.integer({ min: 1, max: 9 }), count: fc.nat({ max: 5 }) })
  .chain(({ dimensions, count }) =>
    fc.record({
      info: fc.record({
        title: optional(fc.string({ unit: codePoint })),
        source: optional(fc.string()),
        timestamp: optional(fc.maxSafeInteger()),
        publishedAtMs: optional(fc.maxSafeNat()),
        expiresAtMs: optional(fc.maxSafeInteger()),
        language: optional(fc.constantFrom("de", "zh-Hans-CN")),
        acl: optional(fc.array(fc.string({ unit: codePoint }))),
        contentHash: optional(fc.string()),
        metadata: optional(fc.dictionary(fc.string(), fc.oneof(scalar, fc.array(scalar)))),
      }),
      chunks: fc.array(
        fc.record({
          text: fc.string({ unit: codePoint }),
          heading: optional(fc.string()),
          range: optional(rangeArbitrary),
          vector: fc.float32Array({ minLength: dimensions, maxLength: dimensions }),
          sparse: optional(sparseArbitrary),
          extra: optional(unknownFields(["text", "heading", "range"])),
        }),
        { minLength: count, maxLength: count },
      ),
      model: fc.string(),
      redactor: fc.string(),
      extra: optional(
        unknownFields([
          ...["format", "info", "chunks", "dimensions", "model", "redactor", "sections"],
        ]),
      ),
      extraSections: optional(
        fc.array(
          fc.record({
            name: fc.string().filter((name) => name !== "splade-tiny"),
            data: fc.uint8Array({ maxLength: 9 }),
          }),
          { minLength: 1, maxLength: 3 },
        ),
      ),
    }),
  );

const example: RecordBody = {
  info: { title: "a title" },
  chunks: [
    { text: "one", heading: "A > B", vector: Float32Array.of(1, 0, 0.5) },
    { text: "two", vector: Float32Array.of(0, 1, -0.5) },
  ],
  model: "m",
  redactor: "r1",
};

/** A body with JSON of our choice, laid out as `encodeBody` does. */
function handMade(json: unknown, vectorBytes: number): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify(json));
  const bytes = new Uint8Array(Math.ceil((4 + text.length) / 4) * 4 + vectorBytes);
  new DataView(bytes.buffer).setUint32(0, text.length, true);
  bytes.set(text, 4);
  return bytes;
}

const malformed = expect.objectContaining({ code: "internal" });

describe("encodeBody and decodeBody", () => {
  it("give back what went in, bit for bit", () => {
    fc.assert(
      fc.property(bodyArbitrary, (body) => {
        expect(decodeBody(encodeBody(body))).toEqual(body);
      }),
    );
  });

  it("read a body wherever it lies in a larger buffer, as a message's payload does", () => {
    fc.assert(
      fc.property(bodyArbitrary, fc.nat({ max: 9 }), fc.nat({ max: 9 }), (body, before, after) => {
        const bytes = encodeBody(body);
        const larger = new Uint8Array(before + bytes.length + after).fill(0xab);
        larger.set(bytes, before);
        expect(decodeBody(larger.subarray(before, before + bytes.length))).toEqual(body);
      }),
    );
  });

  it("read a Buffer, whose slice copies nothing", () => {
    const bytes = encodeBody(example);
    const pooled = Buffer.concat([Buffer.from("junk before it"), bytes]).subarray(14);
    expect(decodeBody(pooled)).toEqual(example);
  });

  it("hand out vectors that do not change when the message's memory is used again", () => {
    const bytes = encodeBody(example);
    const decoded = decodeBody(bytes);
    bytes.fill(0);
    expect(decoded).toEqual(example);
  });

  it("put vectors as raw little-endian float32 after the JSON", () => {
    const bytes = encodeBody(example);
    const view = new DataView(bytes.buffer, bytes.byteLength - 24);
    const floats = Array.from({ length: 6 }, (_, index) => view.getFloat32(index * 4, true));
    expect(floats).toEqual([1, 0, 0.5, 0, 1, -0.5]);
    expect(bytes.byteLength % 4).toBe(0);
  });

  it("refuse vectors of different lengths", () => {
    const uneven = [...example.chunks, { text: "three", vector: Float32Array.of(1) }];
    expect(() => encodeBody({ ...example, chunks: uneven })).toThrow(malformed);
  });
});

describe("malformed bytes", () => {
  const whole = encodeBody(example);

  it("are refused at every length but the right one", () => {
    for (let length = 0; length < whole.length; length += 1) {
      expect(() => decodeBody(whole.subarray(0, length))).toThrow(malformed);
    }
    expect(() => decodeBody(Uint8Array.of(...whole, 0, 0, 0, 0))).toThrow(malformed);
  });

  it("are refused whatever they are", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect(() => decodeBody(bytes)).toThrow(malformed);
      }),
    );
  });

  it("never surface as anything but a body of strings and vectors, or a typed error", () => {
    const flips = fc.array(fc.tuple(fc.nat({ max: whole.length - 1 }), fc.nat({ max: 255 })), {
      minLength: 1,
      maxLength: 4,
    });
    fc.assert(
      fc.property(flips, (changes) => {
        const bytes = whole.slice();
        for (const [at, value] of changes) bytes[at] = value;
        try {
          for (const { text, vector } of decodeBody(bytes).chunks) {
            expect(typeof text).toBe("string");
            expect(vector).toHaveLength(3);
          }
        } catch (thrown) {
          if (!(thrown instanceof FreshetError)) throw thrown;
          expect(thrown.code).toBe("internal");
        }
      }),
      { numRuns: runs(500) },
    );
  });

  const json = {
    format: 1,
    info: {},
    chunks: [{ text: "x" }],
    dimensions: 1,
    model: "m",
    redactor: "r",
  };
  it.each<[string, unknown]>([
    ["a format that is no number", { ...json, format: "1" }],
    ["format 0", { ...json, format: 0 }],
    ["a range that is no pair", { ...json, chunks: [{ text: "x", range: [1] }] }],
    ["a range that ends before it starts", { ...json, chunks: [{ text: "x", range: [2, 1] }] }],
    ["a section that is not there", { ...json, sections: [{ name: "x", bytes: 4 }] }],
    ["a section of negative length", { ...json, sections: [{ name: "x", bytes: -4 }] }],
    ["a section beyond all numbers", { ...json, sections: [{ name: "x", bytes: 2 ** 53 }] }],
    ["no object", null],
    ["chunks that are a string", { ...json, chunks: "x" }],
    ["a chunk that is null", { ...json, chunks: [null] }],
    ["a chunk without text", { ...json, chunks: [{}] }],
    ["a text that is a number", { ...json, chunks: [{ text: 5 }] }],
    ["dimensions that do not fit", { ...json, dimensions: 2 }],
    ["negative dimensions", { ...json, dimensions: -1 }],
    ["no info", { ...json, info: null }],
    ["no model", { ...json, model: undefined }],
  ])("are refused: %s", (_what, wrong) => {
    expect(decodeBody(handMade(json, 4)).chunks).toHaveLength(1);
    expect(() => decodeBody(handMade(wrong, 4))).toThrow(malformed);
  });
});

/** Written by `encodeBody` of the last commit that wrote format 1. */
const format1 = [
  "BwEAAHsiZm9ybWF0IjoxLCJpbmZvIjp7InRpdGxlIjoiQSB0aXRsZSIsInNvdXJjZSI6Imh0dHBzOi8vZXhhbXBsZS5jb20v",
  "YSIsInRpbWVzdGFtcCI6MTc3MjM1OTIwMDAwMCwibWV0YWRhdGEiOnsibGFuZyI6ImRlIiwibiI6WzEsMl19fSwiY2h1bmtz",
  "IjpbeyJ0ZXh0IjoiRGFzIFN0w7xjayBpc3QgZmVydGlnLiIsImhlYWRpbmciOiJBIHRpdGxlID4gVGVpbCJ9LHsidGV4dCI6",
  "InR3byJ9XSwiZGltZW5zaW9ucyI6MywibW9kZWwiOiJtIiwicmVkYWN0b3IiOiJyMSJ9AAAAgD8AAAAAAAAAPwAAAAAAAIA/",
  "AAAAvw==",
].join("");

describe("formats", () => {
  it("of the first one, bytes that were stored are read as they are (RB1)", () => {
    expect(decodeBody(Buffer.from(format1, "base64"))).toEqual({
      info: {
        title: "A title",
        source: "https://example.com/a",
        timestamp: 1_772_359_200_000,
        metadata: { lang: "de", n: [1, 2] },
      },
      chunks: [
        {
          text: "Das Stück ist fertig.",
          heading: "A title > Teil",
          vector: Float32Array.of(1, 0, 0.5),
        },
        { text: "two", vector: Float32Array.of(0, 1, -0.5) },
      ],
      model: "m",
      redactor: "r1",
    });
  });

  it("keep the fields and the sections of a later Freshet when they are written again (RB2)", () => {
    const body: RecordBody = {
      info: { title: "t", ...{ mood: "calm" } },
      chunks: [
        { text: "x", range: [3, 4], vector: Float32Array.of(1), extra: { page: 7 } },
        {
          text: "y",
          vector: Float32Array.of(0),
          sparse: Uint8Array.of(2, 0, 9, 1, 32, 16),
        },
      ],
      model: "m",
      redactor: "r",
      extra: { origin: { kind: "pdf" } },
      extraSections: [{ name: "colours", data: Uint8Array.of(1, 2, 3) }],
    };
    const once = decodeBody(encodeBody(body));
    expect(once).toEqual(body);
    expect(decodeBody(encodeBody(once))).toEqual(body);
  });

  it("of a later Freshet are refused with the way out (RB3)", () => {
    const later = { format: bodyFormat + 1, info: {}, chunks: [], dimensions: 0 };
    const bytes = handMade({ ...later, model: "m", redactor: "r" }, 0);
    expect(() => decodeBody(bytes)).toThrow(/record format 3.*start the later version again/);
  });

  it("refuse a sparse vector that is none, and one that is longer than its section", () => {
    const sparse = Uint8Array.of(1, 0, 2, 0, 9);
    const chunks = [{ text: "x", vector: Float32Array.of(1), sparse }];
    expect(() => encodeBody({ ...example, chunks })).toThrow(malformed);
    const sections = [{ name: "splade-tiny", bytes: 4 }];
    const json = { format: 2, info: {}, chunks: [{ text: "x" }], dimensions: 1, sections };
    const bytes = handMade({ ...json, model: "m", redactor: "r" }, 8);
    new DataView(bytes.buffer).setUint32(bytes.length - 4, 5, true);
    expect(() => decodeBody(bytes)).toThrow(malformed);
  });
});
