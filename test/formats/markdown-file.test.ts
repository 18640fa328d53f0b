/** Markdown files as documents: what their front matter becomes, and what they are called. */

import { afterAll, describe, expect, test } from "vitest";
import { openFileReader } from "../../src/ingest/formats/reader.ts";
import { readNamed } from "./support.ts";

const reader = openFileReader();
afterAll(() => reader.close());
const read = (name: string, content: string | Uint8Array) => readNamed(reader, name, content);

describe("a Markdown file", () => {
  test.each([
    [
      "YAML",
      "---\ntitle: Winter tyres\ntags: [tyres, snow]\nyear: 2024\ndraft: false\ndate: 2024-05-01\nnested: {a: 1}\n---\n\n# Other\n\nx",
      {
        title: "Winter tyres",
        text: "# Other\n\nx",
        timestamp: 1_714_521_600,
        metadata: { tags: ["tyres", "snow"], year: 2024, draft: false },
      },
    ],
    [
      "YAML, with other line ends",
      "---\r\ntitle: 'A: b'\r\n---\r\nx\r\n",
      { title: "A: b", text: "x\r\n" },
    ],
    [
      "TOML",
      '+++\ntitle = "Winter"\ntags = ["a"]\ndate = 2024-05-01T00:00:00Z\n+++\nx',
      { title: "Winter", text: "x", timestamp: 1_714_521_600, metadata: { tags: ["a"] } },
    ],
    [
      "JSON behind a rule that says so",
      '---json\n{ "title": "Winter", "order": 1546130668394913822 }\n---\nx',
      { title: "Winter", text: "x", metadata: { order: "1546130668394913822" } },
    ],
    [
      "TOML behind a rule that says so",
      '---toml\ntitle = "Winter"\n---\nx',
      { title: "Winter", text: "x" },
    ],
    [
      "JSON",
      '{\n  "title": "Winter",\n  "tags": ["a"]\n}\n\nx',
      { title: "Winter", text: "x", metadata: { tags: ["a"] } },
    ],
    [
      "dates that are none, or stand below another",
      '---\nlastmod: ":git"\nupdated: 2024-02-30\ndate: 2024-05-01\npublished: false\n---\nx',
      {
        timestamp: 1_714_521_600,
        metadata: { lastmod: ":git", updated: "2024-02-30", published: false },
      },
    ],
    [
      "names in capitals",
      "---\nTitle: Winter\nDate: 2024-05-01\nAuthor: Ann\n---\nx",
      { title: "Winter", timestamp: 1_714_521_600, metadata: { Author: "Ann" } },
    ],
    ["a title that is a truth", "---\ntitle: True\n---\nx", { title: "True" }],
    [
      "fields of which one is no YAML",
      '---\ntitle: [Winter] *tyres*: how\ntags: [a, "b"]\nowner: @ann\nnote: |\n  two\n  lines\n---\nx',
      {
        title: "[Winter] *tyres*: how",
        metadata: { tags: ["a", "b"], owner: "@ann", note: "two\nlines\n" },
      },
    ],
    [
      "a field of several lines that is no YAML",
      "---\nabout: Ferries: how\n  they sail\nlist:\n  - a: b: c\n---\nx",
      { text: "x", metadata: { about: "Ferries: how they sail", list: "- a: b: c" } },
    ],
    [
      "a list between two rules, which has none",
      "---\n- Ferry: note: late\n---\nx",
      { text: "---\n- Ferry: note: late\n---\nx" },
    ],
    [
      "other days of TOML",
      "+++\ndate = 2024-05-01\nends = 2025-01-02T03:04:05+02:00\nat = 07:32:00\n+++\nx",
      {
        timestamp: 1_714_521_600,
        metadata: { ends: "2025-01-02T03:04:05+02:00", at: "07:32:00" },
      },
    ],
    [
      "no title",
      "---\nowner: Team\n---\n\n# When to change\n\nx",
      { title: "When to change", metadata: { owner: "Team" } },
    ],
    [
      "nothing below it",
      "---\ntitle: Winter\ndescription: Tyres of the pool.\n---\n",
      { title: "Winter", text: "Winter\n\nTyres of the pool." },
    ],
    ["blank lines above it", "\n \n---\ntitle: Winter\n---\nx", { title: "Winter", text: "x" }],
    ["a rule, far below", "# Real\n\nx\n\n---\ntitle: no\n---\n", { title: "Real" }],
    ["nothing in it", "---\n---\n# T\nx", { title: "T", text: "# T\nx" }],
    [
      "a rule that is none",
      "---\n\nText between rules.\n\n---\nx",
      { title: "a.md", text: "---\n\nText between rules.\n\n---\nx" },
    ],
    [
      "codes that YAML takes for numbers",
      "---\ntitle: 1.10\nzip: 01234\norder: 1546130668394913822\nhash: 12e5\nerror: 0x80070005\nfloor: 3\nratio: -0.5\nreleases: [1.10, 2]\nbig: .inf\n---\nx",
      {
        title: "1.10",
        metadata: {
          ...{ zip: "01234", order: "1546130668394913822", hash: "12e5", error: "0x80070005" },
          ...{ floor: 3, ratio: -0.5, releases: ["1.10", "2"], big: ".inf" },
        },
      },
    ],
    [
      "TOML with numbers of 19 digits",
      "+++\norder = 1546130668394913822\nfloor = 3\n+++\nx",
      { metadata: { order: "1546130668394913822", floor: 3 } },
    ],
    [
      "JSON with numbers of 19 digits",
      '{\n  "order": 1546130668394913822,\n  "floor": 3\n}\n\nx',
      { metadata: { order: "1546130668394913822", floor: 3 } },
    ],
    ["broken YAML", "---\na: [b\n---\n\n# T\n\nx", { title: "T" }],
    [
      "a YAML bomb",
      `---\na: &a [x,x,x,x,x,x,x,x,x]\n${"bcdefghi"
        .split("")
        .map((n, i) => `${n}: &${n} [${`*${"abcdefgh"[i]},`.repeat(8)}*${"abcdefgh"[i]}]`)
        .join("\n")}\n---\n# T\n\nx`,
      { title: "T" },
    ],
    [
      "lines that are no YAML, for a second colon",
      "---\ntitle: Notes: how to swim\nowner: Ann\ntags: [a, b\n---\n\n# Other\n",
      { title: "Notes: how to swim", text: "# Other\n", metadata: { owner: "Ann" } },
    ],
    [
      "prose between two rules, which is text",
      "---\nSee here: it is: prose. And more,\nwithout a field\n\n---\n\n# Heading\n",
      { title: "Heading" },
    ],
  ])("with front matter of %s", async (_name, content, document) => {
    expect((await read("a.md", content)).documents).toMatchObject([document]);
  });

  test.each([
    ["# restart_worker_pool\n\nx", "restart_worker_pool"],
    ["# The `__init__.py` of plugins\n\nx", "The __init__.py of plugins"],
    ["Set\r\n===\r\nx", "Set"],
    ["Two\nlines\n---\nx", "Two lines"],
    ["    # code\n\n## After code", "After code"],
    ["<!--\n# no\n-->\n\n# Yes", "Yes"],
    ["- item\n\n  ```\n  # no\n  ```\n\n# Yes", "Yes"],
    ["> # Quoted\n\nx", "Quoted"],
    ["# 2 * 3 * 4\n", "2 * 3 * 4"],
    ["# C:\\\\dir \\# [a](b) &amp; ![i](j) **bold**\n", "C:\\dir # a & bold"],
    ["# [![badge](x)](y) Name {#id}\n", "Name"],
    ["# Name {#id .class}\n", "Name"],
    ["# Name {: #id}\n", "Name"],
    ["# A set {a, b}\n", "A set {a, b}"],
    ["# Pass \\*args and \\[x\\](y) and \\<b>\n", "Pass *args and [x](y) and <b>"],
    ["# \\*stars\\* and *more*\n", "*stars* and more"],
    [
      "# List<String> in <Button> and vector<int>, x<sup>2</sup><br/>\n",
      "List<String> in <Button> and vector<int>, x2",
    ],
    ["# 5 &times; 3 &ndash; &bogus; R&D;\n", "5 × 3 – &bogus; R&D;"],
    ["#hashtag\n\n# Real", "Real"],
    ['<h1 align="center">The <b>name</b><br></h1>\n\n## Install\n', "The name"],
    [
      '<p align="center">\n<h1><a href="x"><img src="y" alt="Logo name"></a></h1>\n</p>\n',
      "Logo name",
    ],
    ["```html\n<h1>no</h1>\n```\n\n# Yes", "Yes"],
    ["<!-- <h1>no</h1> -->\n\n# Yes", "Yes"],
    ["<div>\n<!-- <h1>no</h1> -->\n</div>\n\n# Yes", "Yes"],
    ["<pre>\n<h1>no</h1>\n</pre>\n\n# Yes", "Yes"],
    ["<!-- badge --><h1>Name</h1>\n", "Name"],
    ["```\n# never closed", "a.md"],
  ])("in Markdown %j is called %j", async (content, title) => {
    expect((await read("a.md", content)).documents).toMatchObject([{ title }]);
  });
});
