import { describe, expect, it } from "vitest";
import { slowPatterns } from "./patterns.ts";
import { readRepository, repositoryPaths } from "./repository.ts";

const ours = /^(?:src|workflows|activities|actors)\/.*\.ts$/;

describe("regular expressions", () => {
  it("none takes the square of its text's length", { timeout: 120_000 }, () => {
    const files = readRepository(repositoryPaths().filter((path) => ours.test(path)));
    expect(files.length).toBeGreaterThan(500);
    expect(files.flatMap(slowPatterns)).toEqual([]);
  });

  it.each([
    ["begins anew at each blank of a run", String.raw`/ +\n/g`],
    ["tries each cut of a run", String.raw`/^a(?:[ \t]+(.*))?$/`],
    ["tries each way to repeat", String.raw`/^(?:a+)+$/`],
    ["begins anew after each sign that ends a line", String.raw`/^[^\S\n]*x/gm`],
  ])("one that %s is found", (_what, pattern) => {
    const text = `const fine = /a+b?/;\nexport const slow = ${pattern};\n`;
    expect(slowPatterns({ path: "a.ts", text })).toEqual([`a.ts:2 ${pattern}`]);
  });
});
