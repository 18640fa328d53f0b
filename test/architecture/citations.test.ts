import { describe, expect, it } from "vitest";
import * as rules from "./citation-rules.ts";
import { type RepositoryFile, readRepository, repositoryPaths } from "./repository.ts";

type Rule = (files: readonly RepositoryFile[]) => string[];

const text = /\.(ts|js|sh|md|py|yaml)$/;
const repository = readRepository(repositoryPaths().filter((path) => text.test(path)));

const file = (path: string, content: string): RepositoryFile => ({ path, text: content });
const defines = (tag: string): string => `/**\n * A queue.\n *\n *   ${tag}  one at a time.\n */\n`;
const queue = file("src/queue.ts", defines("QX1"));
const law = (row: string) => [file("ARCHITECTURE.md", `| **I1** | Nothing is lost. |\n${row}\n`)];

/** What each rule refuses, and the nearest thing that it lets pass. */
const cases: readonly {
  readonly sentence: string;
  readonly rule: Rule;
  readonly refused: readonly RepositoryFile[];
  readonly allowed: readonly RepositoryFile[];
}[] = [
  {
    sentence: "an invariant that a comment cites is defined",
    rule: rules.citedTagsAreDefined,
    refused: [queue, file("src/user.ts", "// QX2: see there\n")],
    allowed: [queue, file("src/user.ts", "// QX1: as HTTP2 and UTF8 have it\nconst QX3 = 1;\n")],
  },
  {
    sentence: "an invariant that a test's name cites is defined",
    rule: rules.citedTagsAreDefined,
    refused: [queue, file("test/queue.test.ts", `it("keeps order (QX7)", () => {});\n`)],
    allowed: [queue, file("test/queue.test.ts", `it("keeps order (QX1)", () => f("QX7"));\n`)],
  },
  {
    sentence: "an invariant that a document cites is defined in ARCHITECTURE.md",
    rule: rules.citedTagsAreDefined,
    refused: [...law(""), file("ops/a.md", `so it is kept (I${13})\n`)],
    allowed: [...law(""), file("ops/a.md", `so it is kept (I1)\n\`\`\`\nI${13}\n\`\`\`\n`)],
  },
  {
    sentence: "a prefix of invariants belongs to one file",
    rule: rules.tagPrefixesAreUnique,
    refused: [queue, file("src/other.ts", defines("QX1"))],
    allowed: [queue, file("src/other.ts", ` ${defines("QY1")}/** QX1. As there. */`)],
  },
  {
    sentence: "a file that a comment cites exists",
    rule: rules.citedFilesExist,
    refused: [queue, file("src/user.ts", `// see ${"log"}/queue.ts\n`)],
    allowed: [queue, file("src/user.ts", `// see queue.ts\nimport "./${"log"}/queue.ts";\n`)],
  },
  {
    sentence: "a file that a document links to exists",
    rule: rules.citedFilesExist,
    refused: [queue, file("ops/a.md", "[it](../src/cue.ts)\n")],
    allowed: [queue, file("ops/a.md", "[it](../src/queue.ts) and `~/.cache/x.ts`\n")],
  },
  {
    sentence: "a decision that is cited exists",
    rule: rules.citedDecisionsExist,
    refused: [file("ops/decisions/0001-a.md", ""), file("src/a.ts", "// decision 0002\n")],
    allowed: [file("ops/decisions/0001-a.md", ""), file("src/a.ts", "// 0001, 0.0021, 100021\n")],
  },
  {
    sentence: "a decision says whether it holds, and is listed",
    rule: rules.decisionsAreListed,
    refused: [
      file("ops/decisions/README.md", "[1](0001-a.md)"),
      file("ops/decisions/0001-a.md", "# A\n\nWe decided.\n"),
    ],
    allowed: [
      file("ops/decisions/README.md", "[1](0001-a.md)"),
      file("ops/decisions/0001-a.md", "# A\n\n**Status:** accepted.\n"),
    ],
  },
  {
    sentence: "decisions are listed by number",
    rule: rules.decisionsAreListed,
    refused: [file("ops/decisions/README.md", "| [0002](0002-b.md) |\n| [0001](0001-a.md) |\n")],
    allowed: [file("ops/decisions/README.md", "| [0001](0001-a.md) |\n| [0002](0002-b.md) |\n")],
  },
  {
    sentence: "README stays short",
    rule: rules.readmeStaysShort,
    refused: [file("README.md", "a\n".repeat(201))],
    allowed: [file("README.md", "a\n".repeat(200)), file("ops/guides/a.md", "a\n".repeat(201))],
  },
  {
    sentence: "rooms do not import each other in a circle",
    rule: (files) => rules.roomsKeepApart(files).slice(0, 1),
    refused: [
      file("src/log/a.ts", `import "../hot/b.ts";`),
      file("src/hot/b.ts", `import "../log/c.ts";`),
    ],
    allowed: [
      file("src/log/a.ts", `import "../hot/b.ts";\nimport "./c.ts";`),
      file("test/b.ts", `import "../src/log/a.ts";`),
    ],
  },
  {
    sentence: "rooms import few others",
    rule: rules.roomsKeepApart,
    refused: Array.from({ length: 15 }, (_, from) =>
      file(
        `src/room${from}/a.ts`,
        Array.from({ length: from }, (__, to) => `import "../room${to}/a.ts";`).join("\n"),
      ),
    ),
    allowed: Array.from({ length: 14 }, (_, from) =>
      file(
        `src/room${from}/a.ts`,
        Array.from({ length: from }, (__, to) => `import "../room${to}/a.ts";`).join("\n"),
      ),
    ),
  },
  {
    sentence: "an invariant has code and a test that cites it",
    rule: rules.theLawIsEnforced,
    refused: [
      ...law("| | *Enforced by* `src/queue.ts`; `test/queue.test.ts` |"),
      ...[queue, file("test/queue.test.ts", "// I12\n")],
    ],
    allowed: [
      ...law("| | *Enforced by* `src/queue.ts`; `test/queue.test.ts` |"),
      ...[queue, file("test/queue.test.ts", "// I1\n")],
    ],
  },
];

describe("citations", () => {
  it.each(cases)("$sentence: a planted violation is found", ({ rule, refused, allowed }) => {
    expect(rule(refused)).toHaveLength(1);
    expect(rule(allowed)).toEqual([]);
  });

  it.each(Object.entries(rules).filter(([name]) => name !== "arrowsBetweenRooms"))(
    "%s, in this repository",
    (_name, rule) => {
      expect((rule as Rule)(repository)).toEqual([]);
    },
  );

  it("see the law, and the rooms that there are", () => {
    expect(repository.map(({ path }) => path)).toContain("ARCHITECTURE.md");
    const arrows = rules.arrowsBetweenRooms(repository);
    expect(arrows.get("src/main.ts")).toContain("src/compose");
    expect(arrows.get("actors")).toContain("src/contract");
    expect(arrows.size).toBeGreaterThan(20);
  });
});
