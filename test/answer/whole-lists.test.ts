import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { extractiveAnswer } from "../../src/answer/cited-sentences.ts";
import { citationsOf } from "../../src/answer/references.ts";
import { limits } from "../../src/contract/limits.ts";
import { runs } from "../support/runs.ts";
import { sources } from "./sources.ts";

const asked = (question: string, text: string, sentencesMax?: number) =>
  extractiveAnswer({ question, sources: sources(text), sentencesMax });

/** Lines of an answer, without their markers. */
const linesOf = (answer: string) => answer.split(/ \[\d+\] ?/).filter((line) => line !== "");

const soup =
  "# Leek soup\n\nIngredients:\n\n- 3 leeks\n- 2 potatoes\n- 1 l stock\n- cream\n- nutmeg\n\n" +
  "## Steps\n\n1. Wash the leeks.\n2. Cut them in rings.\n3. Fry them.\n4. Add the stock.\n5. Blend it.";

describe("what answers together (ES5)", () => {
  test.each([
    [
      "What are the ingredients of leek soup?",
      "Ingredients:|3 leeks|2 potatoes|1 l stock|cream|nutmeg",
    ],
    [
      "What are the steps for leek soup?",
      "Steps|Wash the leeks.|Cut them in rings.|Fry them.|Add the stock.|Blend it.",
    ],
    [
      "How do I make leek soup?",
      "Steps|Wash the leeks.|Cut them in rings.|Fry them.|Add the stock.|Blend it.",
    ],
  ])("comes whole: %s", (question, lines) => {
    expect(linesOf(asked(question, soup)).join("|")).toBe(lines);
  });

  test("comes as far as the question's own bound where it has one", () => {
    expect(linesOf(asked("What are the ingredients of leek soup?", soup, 3))).toEqual([
      "Ingredients:",
      "3 leeks",
      "2 potatoes",
    ]);
  });

  test("of a FAQ is the steps behind its question, not the next question", () => {
    const faq =
      "**How do I return a parcel?**\n1. Print the label.\n2. Pack it.\n3. Go to the post.\n" +
      "4. Keep the receipt.\n\n**Who pays?**\nWe do.";
    const said = asked("How do I return a parcel?", faq);
    expect(said).toContain("Keep the receipt.");
    expect(said).not.toContain("pays");
  });

  test("keeps the code between its steps", () => {
    const steps =
      "To restart it:\n\n1. Drain it:\n\n```sh\nctl drain\n```\n\n2. Wait.\n3. Start it.";
    expect(linesOf(asked("How do I restart it?", steps)).slice(-3)).toEqual([
      "ctl drain",
      "Wait.",
      "Start it.",
    ]);
  });

  test("are all items that say the same of the subject", () => {
    const ports = ["22", "80", "443", "4222"].map((port) => `- Port ${port} is open`);
    const text = `Notes\n\n${ports.join("\n")}\n- Port 25 is closed`;
    expect(linesOf(asked("Which ports are open?", text))).toEqual([
      "Notes",
      ...ports.map((port) => port.slice(2)),
    ]);
  });

  test("stays within its bounds, and no line is missing in the middle", () => {
    const item = fc.integer({ min: 1, max: 120 }).map((length) => "crane ".repeat(length).trim());
    fc.assert(
      fc.property(fc.array(item, { minLength: 1, maxLength: 60 }), (items) => {
        const all = items.map((text, at) => `${at} ${text}`);
        const text = `You need for the harbour:\n\n${all.map((each) => `- ${each}`).join("\n")}`;
        const [opener, ...said] = linesOf(asked("What do I need for the harbour?", text));
        expect(opener).toBe("You need for the harbour:");
        expect(said).toEqual(all.slice(0, said.length));
        expect(said.length).toBeLessThanOrEqual(limits.extractiveListLinesMax);
        expect(said.join("").length).toBeLessThanOrEqual(
          limits.extractiveListCharsMax + limits.extractiveSentenceCharsMax,
        );
      }),
      { numRuns: runs(100) },
    );
  });
});

describe("an item", () => {
  const pool =
    "# Pool\n\nDo not bring:\n\n- glass bottles\n- knives\n\nBring:\n\n- a towel\n- a lock";

  test.each([
    ["Can I bring knives?", "Do not bring: [1]"],
    ["Are glass bottles allowed?", "Do not bring: [1] glass bottles [1]"],
  ])("brings what it is an item of: %s (ES3)", (question, said) => {
    expect(asked(question, pool)).toContain(said);
  });

  test("that says all does without its heading", () => {
    const text = "# Gates\n\n- The north gate opens at 6.\n- Cars stay out.";
    expect(asked("When does the north gate open?", text)).toBe("The north gate opens at 6. [1]");
  });

  test("below what is denied answers no question for what is wanted", () => {
    expect(asked("What should I bring to the pool?", pool)).toMatch(/^Bring: \[1\] a towel \[1\]/);
    expect(asked("What must I not bring to the pool?", pool)).toMatch(/^Do not bring: \[1\] glass/);
  });
});

describe("a changelog", () => {
  const text =
    "# Changelog\n\n## 2.3.0 - 2026-10-01\n\n### Added\n- Dark mode\n- Webhooks\n- Two-factor login\n" +
    "- Export\n\n### Fixed\n- Crash on empty search\n\n## 2.2.0 - 2026-08-15\n\n### Added\n" +
    "- Import from Excel\n\n### Removed\n- Support for Python 3.8";

  test.each([
    ["What was added in 2.3.0?", "Added|Dark mode|Webhooks|Two-factor login|Export"],
    ["What was added in 2.2.0?", "Added|Import from Excel"],
    ["What was fixed in 2.3.0?", "Fixed|Crash on empty search"],
    ["What was removed in 2.2.0?", "Removed|Support for Python 3.8"],
    ["When was 2.2.0 released?", "2.2.0 - 2026-08-15"],
    ["When came the import from Excel?", "2.2.0 - 2026-08-15|Added|Import from Excel"],
    ["In which version came the import from Excel?", "2.2.0 - 2026-08-15|Added|Import from Excel"],
  ])("answers for the version that was asked for: %s", (question, lines) => {
    expect(linesOf(asked(question, text)).slice(0, lines.split("|").length).join("|")).toBe(lines);
  });

  test("knows a version that only the passage's heading names", () => {
    const [source] = sources("### Added\n- Dark mode\n\n### Removed\n- Import");
    if (source === undefined) throw new Error("no source");
    const known = [{ ...source, heading: "Changelog > 2.3.0" }, ...sources("2.3.0 is out.")];
    const said = extractiveAnswer({ question: "What was added in 2.3.0?", sources: known });
    expect(said).toMatch(/^Added \[1\] Dark mode \[1\]/);
  });
});

describe("a table", () => {
  const plans =
    "# Plans\n\n| Plan | Price | Seats |\n|---|---|---|\n| Starter | 9 EUR | 1 |\n" +
    "| Team | 29 EUR | 10 |\n| Business | 99 EUR | 50 |\n| Enterprise | 300 EUR | 900 |";

  test("whose rows are all meant comes whole, with the names of its columns", () => {
    const said = linesOf(asked("Which plans are there?", plans));
    expect(said[0]).toBe("| Plan | Price | Seats |");
    expect(said).toHaveLength(5);
  });

  test("of which one row is meant brings no other", () => {
    expect(asked("How much is the Team plan?", plans)).toBe(
      "| Plan | Price | Seats | [1] | Team | 29 EUR | 10 | [1]",
    );
  });

  test("and two, where two are compared", () => {
    const said = linesOf(asked("Which is cheaper, Starter or Team?", plans));
    expect(said.slice(1)).toEqual(["| Starter | 9 EUR | 1 |", "| Team | 29 EUR | 10 |"]);
  });

  test("has no number for a question that a sentence answers", () => {
    expect(asked("How many plans are there?", `${plans}\n\nThere are four plans in all.`)).toMatch(
      /^(?:Plans \[1\] )?There are four plans in all\. \[1\]$/,
    );
  });
});

describe("rows of a table that began in an earlier passage", () => {
  const below =
    "| Team | 29 EUR | 10 |\n| Business | 99 EUR | 50 |\n| Enterprise | 300 EUR | 900 |";
  const passage = (text: string, heading: string) =>
    sources(text).map((source) => ({ ...source, heading }));

  test("bring the names of its columns, which only the heading of the passage has (ES3)", () => {
    const found = passage(below, "Plans > Plan | Price | Seats");
    const question = "What is the price of the Business plan?";
    const said = extractiveAnswer({ question, sources: found });
    expect(said).toBe("| Plan | Price | Seats | [1] | Business | 99 EUR | 50 | [1]");
    const [columns, row] = citationsOf(said, found);
    expect(columns?.support).toBe("supported");
    expect(row?.support).toBe("supported");
    // To the letter only what the text holds.
    expect(extractiveAnswer({ question, sources: found, isVerbatim: true })).toBe(
      "| Business | 99 EUR | 50 | [1]",
    );
  });

  test("bring none where their cells are not as many, or another table follows", () => {
    const other = `${below}\n\n## Rooms\n\n| Room | Floor | Seats |\n|---|---|---|\n| Oslo | 2 | 8 |`;
    const question = "How many seats has Oslo?";
    const found = passage(other, "Plans > Plan | Price | Seats");
    expect(extractiveAnswer({ question, sources: found })).toBe(
      "| Room | Floor | Seats | [1] | Oslo | 2 | 8 | [1]",
    );
    const two = passage(below, "Plans > Plan | Price");
    const said = extractiveAnswer({ question: "What costs Business?", sources: two });
    expect(said).toContain("| Business | 99 EUR | 50 | [1]");
    expect(said).not.toContain("Plan | Price");
  });
});

describe("what belongs together", () => {
  test("the answer to a FAQ's question is not cut behind its first sentence", () => {
    const faq =
      "Q: Do you have parking?\nA: Yes, behind the house. It costs 2 EUR.\n\nQ: When is lunch?\nA: At noon.";
    const said = asked("Is there parking?", faq);
    expect(said).toContain("It costs 2 EUR.");
    expect(said).not.toContain("noon");
  });

  test("labels in bold are records, each with its own answer", () => {
    const text =
      "**Question:** What is the red code phrase?\n**Answer:** Blue Dolphin 2937\n" +
      "**Question:** What is the test code?\n**Answer:** 8f14e45f";
    expect(asked("What is the test code?", text)).not.toContain("Dolphin");
    expect(asked("What is the red code phrase?", text)).not.toContain("8f14e45f");
  });

  test("a day and its month, and an abbreviation and its name", () => {
    const text =
      "Es gibt z. B. Brot und Butter am 29. Juli 2026 im Laden. Die Fa. Huber GmbH liefert das Brot " +
      "usw. Der Vertrag gilt gem. § 5 Abs. 2 bis zum 3. Oktober.";
    expect(asked("Wann gibt es Butter?", text, 1)).toContain("am 29. Juli 2026 im Laden. [1]");
    expect(asked("Wer liefert das Brot?", text)).toContain("Die Fa. Huber GmbH liefert");
    expect(asked("Bis wann gilt der Vertrag?", text, 1)).toMatch(
      /gem\. § 5 Abs\. 2 bis zum 3\. Okt/,
    );
  });

  test("two that are compared, each with what is said of it", () => {
    const found = sources(
      "# Heron\n\nThe Heron weighs 18 kg. The Heron costs 2,400 EUR.",
      "# Falcon\n\nThe Falcon weighs 22 kg. The Falcon costs 1,900 EUR.",
    );
    const question = "Which weighs less, the Falcon or the Heron?";
    const said = extractiveAnswer({ question, sources: found });
    expect(said).toContain("The Heron weighs 18 kg. [1]");
    expect(said).toContain("The Falcon weighs 22 kg. [2]");
  });

  test("a line that names another number than the question's is not quoted beside the right one", () => {
    const rows = ["| SH-054 Name54 | 54000 |", "| SH-055 Name55 | 55000 |"].join("\n");
    expect(asked("How many shares has Name55?", rows)).toBe("| SH-055 Name55 | 55000 | [1]");
    const ticket = "Ticket OPS-312: VPN drops\nReporter: Ken Abe\nAssignee: Lea Voss\nSince: 2026";
    expect(asked("Who is assigned to OPS-312?", ticket)).toContain("Assignee: Lea Voss [1]");
  });
});

test("what another source says of `it` is not read as said of what the first one is about", () => {
  const found = sources(
    "The Falcon weighs 22 kg. It costs 1,900 EUR.",
    "The Heron is smaller. It costs 2,400 EUR.",
  );
  const said = extractiveAnswer({ question: "How much does it cost?", sources: found });
  expect(said).toBe("The Falcon weighs 22 kg. [1] It costs 1,900 EUR. [1]");
});

describe("lists as people write them", () => {
  test.each([
    ["Documents for the visa\n\n• passport\n• photo\n• letter", "What do I need for the visa?", 3],
    ["How to brew tea\n\na) Boil water.\nb) Warm it.\nc) Wait.", "How do I brew tea?", 3],
    [
      "Changing a tyre\n\nStep 1: Lift.\nStep 2: Turn.\nStep 3: Drop.",
      "How do I change a tyre?",
      3,
    ],
  ])("below a line that names them: %j", (text, question, count) => {
    expect(linesOf(asked(question, text))).toHaveLength(count + 1);
  });

  test("one in another: what is said of guests is not said of members", () => {
    const text =
      "Fees for boats:\n\n- Members:\n  - small boats 10 EUR\n  - big boats 20 EUR\n- Guests:\n" +
      "  - small boats 30 EUR\n  - big boats 60 EUR";
    const said = asked("What do guests pay for big boats?", text);
    expect(said).toMatch(/^Guests: \[1\].* big boats 60 EUR \[1\]$/);
    expect(said).not.toMatch(/Members|10 EUR|20 EUR/);
    expect(linesOf(asked("What are the fees for boats?", text))).toHaveLength(7);
  });
});

test("a list that begins on the line of its label is answered whole", () => {
  const faq =
    "Q: What belongs in the bin?\nA: - paper\n- card\n- foil\n\nQ: When is it emptied?\nA: On Mondays.";
  const said = asked("What belongs in the bin?", faq);
  expect(said).toMatch(/paper \[1\] card \[1\] foil \[1\]$/);
  expect(asked("When is it emptied?", faq)).toContain("A: On Mondays. [1]");
});

describe("a day", () => {
  const text =
    "The audit took place on 2026-03-04. The strike began on 5 March 2026. The fair opens on the " +
    "8th of March 2026. Das Fest war am 9. März 2026. Le bal était le 10 mars 2026.";

  test.each([
    ["What happened on March 4, 2026?", "The audit took place on 2026-03-04. [1]"],
    ["What happened on 4.3.2026?", "The audit took place on 2026-03-04. [1]"],
    ["What began on 2026-03-05?", "The strike began on 5 March 2026. [1]"],
    ["What is on 2026-03-08?", "The fair opens on the 8th of March 2026. [1]"],
    ["What was on March 9th, 2026?", "Das Fest war am 9. März 2026. [1]"],
    ["What was on 2026/03/10?", "Le bal était le 10 mars 2026. [1]"],
  ])("is the same however it is written: %s", (question, said) => {
    expect(asked(question, text)).toBe(said);
  });

  test("that nothing names leaves what names others", () => {
    expect(asked("Did the strike begin on 2026-03-07?", text)).toContain("5 March 2026");
  });
});
