/** MDX: the page is text, the program in it is none. */

import { describe, expect, test } from "vitest";
import { convertFile } from "../../src/ingest/formats/converters.ts";
import { kindOf } from "../../src/ingest/formats/kinds.ts";
import { withoutProgram } from "../../src/ingest/formats/mdx.ts";

async function textOf(name: string, content: string): Promise<string> {
  const kind = kindOf(name) ?? "text";
  const [part] = await convertFile({ kind, bytes: Buffer.from(content) });
  return part !== undefined && "text" in part ? part.text.trim() : "";
}

describe("of a page of MDX", () => {
  test.each([
    ["an import", 'import { Tabs } from "@theme"\nimport "./a.css";\n\nText.', "Text."],
    [
      "an export over blank lines",
      'export const meta = {\n  title: "a(b",\n\n  tags: [1],\n}\n\nText.',
      "Text.",
    ],
    ["a comment over blank lines", "{/*\nA draft\n\nof this\n*/}\n\nText.", "Text."],
    ["a comment in a line", "It takes 30 days.{/* was 60 */}", "It takes 30 days."],
    [
      "a comment in a component, set in",
      "<Tabs>\n\n    Text.{/* x */}\n\n</Tabs>",
      "<Tabs>\n\n    Text.\n\n</Tabs>",
    ],
  ])("%s is no text", async (_, source, expected) => {
    expect(await textOf("a.mdx", source)).toBe(expected);
  });

  test.each([
    ["words that are no statement", "import duties apply here\n\nexport of goods"],
    ["what a fence shows", '```jsx\nimport A from "a"\n\n{/* x */}\n```'],
    ["a comment in marks of code", "Write `{/* so */}` in it."],
    ["a comment that never ends", "Text {/* and more"],
    ["what stands below a mark that never ends", "A ` mark\n\nText\n\nanother ` mark"],
    ["a statement within a paragraph", "Then write\nexport const a = 1"],
  ])("%s stays", async (_, source) => {
    expect(await textOf("a.mdx", source)).toBe(source);
  });

  test("all below an export whose brackets never close stays", async () => {
    expect(await textOf("a.mdx", "export const a = {\n\nText.\n\nMore.")).toBe("Text.\n\nMore.");
  });
});

test("a page of Markdown has no program", async () => {
  const source = 'import a from "b"\n\n{/* x */}';
  expect(await textOf("a.md", source)).toBe(source);
});

test.each(["{/* ", "`` ` {/* ", "export const a = {\n\n", 'import "a"\n', "*/}", "{/**/}`\n\n"])(
  "many of %j are read in one pass",
  { timeout: 15_000 },
  (sign) => {
    expect(withoutProgram(sign.repeat(60_000))).toBeDefined();
  },
);
