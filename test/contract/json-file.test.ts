import { describe, expect, it } from "vitest";
import { parseJsonFile } from "../../src/contract/json-file.ts";

const read = (text: string) => parseJsonFile(Buffer.from(text));

describe("a JSON file that an operator wrote", () => {
  it("is read with and without the mark that some editors begin a file with", () => {
    expect(read('\ufeff{"a":[1]}')).toEqual({ a: [1] });
    expect(read('{"a":[1]}\n')).toEqual({ a: [1] });
  });

  it.each([
    ["", "the file is not JSON: it is empty"],
    [" \n", "the file is not JSON: it is empty"],
    ['{\n  "a": 1,\n}', "the file is not JSON: line 3, column 1"],
    ['{"a": "secret', "the file is not JSON: line 1, column 14"],
    ['{"a": secret}', "the file is not JSON"],
    ['{"a": {"b": 1, "b": 2}}', 'the key "b" stands in an object twice'],
  ])("that is %j is told where, and quotes nothing of it", (text, message) => {
    expect(() => read(text)).toThrow(new SyntaxError(message));
  });
});
