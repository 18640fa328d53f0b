import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeProbe, encodeProbe } from "../../src/contract/model-probe.ts";
import { createMemoryEmbedder } from "../../src/embedding/memory.ts";
import { checkSameModel, probeText, sameModelCosineMin } from "../../src/embedding/model-probe.ts";

const probe = (vector: Float32Array, name = "a") => ({ text: probeText, vector, name });
const refused = { code: "model_mismatch", retryable: false, status: 503 };

/** Unit vectors at the given angle to each other. */
function pairAt(cosine: number, dimensions = 8): [Float32Array, Float32Array] {
  const [left, right] = [new Float32Array(dimensions), new Float32Array(dimensions)];
  left[0] = 1;
  right[0] = cosine;
  right[1] = Math.sqrt(1 - cosine * cosine);
  return [left, right];
}

function attempt(left: Float32Array, right: Float32Array): unknown {
  try {
    return checkSameModel(probe(left, "old"), probe(right, "new"));
  } catch (error) {
    return error;
  }
}

describe("the check of the embedding model", () => {
  it("takes what precisions of one model differ by, and refuses what models differ by", () => {
    fc.assert(
      fc.property(fc.double({ min: -1, max: 1, noNaN: true }), (cosine) => {
        fc.pre(Math.abs(cosine - sameModelCosineMin) > 1e-6);
        const outcome = attempt(...pairAt(cosine));
        if (cosine > sameModelCosineMin) expect(outcome).toBeUndefined();
        else expect(outcome).toMatchObject(refused);
      }),
    );
  });

  it("says what differs, both names, and what to do", () => {
    const [left, right] = pairAt(0.123);
    expect(attempt(left, right)).toMatchObject({
      message:
        "the data was embedded with another model (old) than the configured one (new): cosine 0.123 on the same " +
        "sentence; set the old model back; freshet reembed gives a tenant another one",
    });
    expect(attempt(left, new Float32Array(4).fill(0.5))).toMatchObject({
      ...refused,
      message: expect.stringContaining("4 dimensions instead of 8"),
    });
  });

  it("refuses another prefix, whose vectors may be near, and says which", () => {
    const [vector] = pairAt(1);
    const prefixes = { query: "query: ", passage: "passage: " };
    const [without, having] = [probe(vector), { ...probe(vector), prefixes }];
    expect(() => checkSameModel(having, having)).not.toThrow();
    expect(() => checkSameModel(without, having)).toThrow(
      'query prefix "query: " instead of ""; set the old model back',
    );
    const other = { ...having, prefixes: { ...prefixes, passage: "" } };
    expect(() => checkSameModel(having, other)).toThrow('passage prefix "" instead of "passage: "');
    expect(decodeProbe(encodeProbe(having))).toEqual(having);
    expect(decodeProbe(encodeProbe(without))).toEqual(without);
  });

  it("refuses vectors that cannot be compared", () => {
    const [left] = pairAt(1);
    expect(attempt(left, new Float32Array(8))).toMatchObject(refused);
    expect(attempt(left, new Float32Array(8).fill(Number.NaN))).toMatchObject(refused);
  });

  it("takes the same model again", async () => {
    const embed = async () => {
      const input = { text: probeText, tokens: Int32Array.of(1, 2) };
      const [vector] = await createMemoryEmbedder().embed([input], { lane: "query" });
      return vector ?? new Float32Array();
    };
    expect(attempt(await embed(), await embed())).toBeUndefined();
  });
});
