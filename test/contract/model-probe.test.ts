import fc from "fast-check";
import { expect, it } from "vitest";
import { decodeProbe, encodeProbe } from "../../src/contract/model-probe.ts";

it("comes back from its record bit by bit", () => {
  const probes = fc.record({
    text: fc.string({ minLength: 1 }),
    vector: fc.float32Array({ minLength: 1, maxLength: 64 }),
    name: fc.string(),
  });
  fc.assert(
    fc.property(probes, (probe) => {
      expect(decodeProbe(encodeProbe(probe))).toEqual(probe);
    }),
  );
});

it("comes back when its vector is a part of a larger buffer", () => {
  const vector = Float32Array.from({ length: 9 }, (_, i) => i).subarray(3, 6);
  expect(decodeProbe(encodeProbe({ text: "a", vector, name: "" }))?.vector).toEqual(
    Float32Array.of(3, 4, 5),
  );
});

it.each([
  "",
  "not json",
  "null",
  "{}",
  '{"format":2,"text":"a","vector":"AACAPw==","name":""}',
  '{"format":1,"text":"","vector":"AACAPw==","name":""}',
  '{"format":1,"text":"a","vector":"","name":""}',
  '{"format":1,"text":"a","vector":"AACA","name":""}',
  '{"format":1,"text":"a","vector":[1],"name":""}',
])("is not read from %j", (json) => {
  expect(decodeProbe(json)).toBeUndefined();
});
