import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FreshetError } from "../../src/contract/errors.ts";
import { decodeBody, encodeBody, type RecordBody } from "../../src/contract/record.ts";

const scalar = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.double({ noNaN: true, noDefaultInfinity: true }).filter((value) => !Object.is(value, -0)),
  fc.boolean(),
);
const optional = <Value>(arbitrary: fc.Arbitrary<Value>) =>
  fc.option(arbitrary, { nil: undefined });

const bodyArbitrary: fc.Arbitrary<RecordBody> = fc
  .record({ dimensions: fc.integer({ min: 1, max: 9 }), count: fc.nat({ max: 5 }) })
  .chain(({ dimensions, count }) =>
    fc.record({
      info: fc.record({
        title: optional(fc.string({ unit: "binary" })),
        source: optional(fc.string()),
        timestamp: optional(fc.maxSafeInteger()),
        metadata: optional(fc.dictionary(fc.string(), fc.oneof(scalar, fc.array(scalar)))),
      }),
      chunks: fc.array(
        fc.record({
          text: fc.string({ unit: "binary" }),
          heading: optional(fc.string()),
          vector: fc.float32Array({ minLength: dimensions, maxLength: dimensions }),
        }),
        { minLength: count, maxLength: count },
      ),
      model: fc.string(),
      redactor: fc.string(),
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
      { numRuns: 500 },
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
    ["another format", { ...json, format: 2 }],
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
