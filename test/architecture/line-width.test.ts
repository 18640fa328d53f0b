/** The width of lines: what the rule refuses, what it lets pass, and that the rooms named keep it. */
import { describe, expect, it } from "vitest";
import { linesAreShort, roomsWithinWidth } from "./line-width.ts";
import { codeFile, readRepository, repositoryPaths } from "./repository.ts";

const complaints = (text: string) => linesAreShort([{ path: "src/a.ts", text }]);
const words = (columns: number) => "word ".repeat(columns).slice(0, columns);

describe("a line of more than 100 columns", () => {
  it.each([
    ["a comment", `// ${words(98)}`],
    ["a documenting comment", `/**\n * ${words(98)}\n */`],
    ["code", `const ${"a".repeat(60)} = ${"b".repeat(60)};`],
    ["a comment after a literal", `const a = "short"; // ${words(98)}`],
    ["a comment that quotes", `// "${words(98)}"`],
  ])("is refused: %s", (_what, text) => {
    expect(complaints(text)).toHaveLength(1);
    expect(complaints(text)[0]).toMatch(/^src\/a\.ts:\d+: 1\d\d columns/);
  });

  it.each([
    ["it has 100", `// ${words(97)}`],
    ["a message makes it so", `throw new Error("${words(120)}");`],
    ["a template does", `const a = \`${words(60)}\${b}${words(60)}\`;`],
    ["a line of a template is", `const help = \`\n${words(120)}\n\`;`],
    ["a pattern does", `const a = /${"[a-z]".repeat(30)}/;`],
    ["a long word does", `// see https://example.org/${"a".repeat(90)}`],
  ])("passes where %s", (_why, text) => {
    expect(complaints(text)).toEqual([]);
  });
});

it("the rooms that are named keep it", () => {
  const paths = repositoryPaths().filter((path) => codeFile.test(path));
  const named = paths.filter((path) => roomsWithinWidth.test(path));
  expect(named.length).toBeGreaterThan(100);
  expect(linesAreShort(readRepository(named))).toEqual([]);
});
