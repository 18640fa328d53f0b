import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { repeatedKey, repeatedKeys } from "../../src/contract/json-keys.ts";
import { runs } from "../support/runs.ts";

describe("keys that stand in an object twice", () => {
  it.each([
    ['{"id":"a","text":"b","text":"c"}', "text"],
    ['{"text":"b","te\\u0078t":"c"}', "text"],
    ['{"a":{"k":1,"k":2}}', "k"],
    ['{"a":[{"k":1},{"k":1,"j":2,"k":3}]}', "k"],
    ['{"a\\"b":1 , "a\\"b" :2}', 'a"b'],
    ['{"a":"\\\\","a":1}', "a"],
    ['{"":1,"":2}', ""],
    ['{"__proto__":1,"__proto__":2}', "__proto__"],
  ])("are found in %s", (text, key) => {
    JSON.parse(text);
    expect(repeatedKey(text)).toBe(key);
  });

  it.each([
    '{"a":1,"b":{"a":1},"c":[{"a":1},{"a":2}]}',
    '{"a":"a","b":"\\"a\\":1,\\"a\\":2"}',
    '["a","a"]',
    '"a"',
    '{"a":["a","a",{"b":"a"}],"c":"b"}',
    '{"A":1,"a":2}',
  ])("are not seen in %s", (text) => {
    JSON.parse(text);
    expect(repeatedKey(text)).toBeUndefined();
  });

  it("are none in whatever JSON.stringify writes, and one where a member is put in again", () => {
    const key = fc.string({ unit: "binary", maxLength: 8 });
    const objects = fc.dictionary(key, fc.jsonValue({ stringUnit: "binary" }), { minKeys: 1 });
    fc.assert(
      fc.property(objects, fc.nat(), fc.boolean(), (object, at, isPretty) => {
        const text = JSON.stringify(object, null, isPretty ? 2 : 0);
        expect(repeatedKey(text)).toBeUndefined();
        const names = Object.keys(object);
        const name = names[at % names.length] as string;
        const twice = `${text.slice(0, -1)},${JSON.stringify(name)}:0}`;
        expect(repeatedKey(twice)).toBe(name);
      }),
      { numRuns: runs(300) },
    );
  });

  it("name the item of the list in which they stand", () => {
    const text = '[{"a":[1,2]},{"b":1,"b":[3,{"c":4}]},5,{"d":{"e":1,"e":2}}]';
    const found = [...repeatedKeys(text)];
    expect(found).toEqual([
      { key: "b", item: 1 },
      { key: "e", item: 3 },
    ]);
  });

  it("are looked for in time that is linear in the text, whatever the text", () => {
    const hostile = ['\\"', "\\\\", "[]", '{"a":1}'].map((piece) =>
      piece.startsWith("\\")
        ? `{"text":"${piece.repeat(500_000)}"}`
        : `[${Array(200_000).fill(piece)}]`,
    );
    for (const text of hostile) {
      JSON.parse(text);
      const began = performance.now();
      expect(repeatedKey(text)).toBeUndefined();
      expect(performance.now() - began).toBeLessThan(2_000);
    }
  });
});
