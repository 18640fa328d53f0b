import { describe, expect, test } from "vitest";
import { extractiveAnswer } from "../../src/answer/cited-sentences.ts";
import { sources } from "./sources.ts";

const answer = (question: string, ...texts: string[]) =>
  extractiveAnswer({ question, sources: sources(...texts) });

describe("several questions in one", () => {
  const hotel =
    "Breakfast is served from 7 to 10. The pool is on the roof. Dogs cost 15 euros a night. Check-out is at 11.";
  const spa = "The sauna opens at 16:00 and is closed on Sundays.";

  test("have a sentence each", () => {
    const said = answer(
      "When is breakfast? When is check-out? When does the sauna open?",
      hotel,
      spa,
    );
    expect(said).toContain("Breakfast is served from 7 to 10. [1]");
    expect(said).toContain("Check-out is at 11. [1]");
    expect(said).toContain("The sauna opens at 16:00 and is closed on Sundays. [2]");
  });

  test("one that nothing answers brings nothing of its own", () => {
    expect(answer("Where is the pool? Who painted the ceiling?", hotel, spa)).toBe(
      "The pool is on the roof. [1]",
    );
  });
});

describe("a list", () => {
  const tent = "# Tent\n\nBring along:\n\n* a hammer\n* ten pegs\n\nDo not bring:\n\n* candles";

  test("comes with what says of it whether it is meant, not with the heading above that", () => {
    expect(answer("tent", tent)).toBe("Bring along: [1] a hammer [1] ten pegs [1]");
  });

  test("of what is not wanted answers a question for that, and no other does", () => {
    expect(answer("What must I not bring with the tent?", tent)).toBe(
      "Do not bring: [1] candles [1]",
    );
    expect(answer("What should I bring with the tent?", tent)).toContain("a hammer [1]");
  });
});

describe("hours of a day", () => {
  test.each([
    "Office hours are 8 to 12.",
    "The office opens at 9 am.",
    "The office shuts at 5 pm.",
  ])("are times where one is asked for: %s", (hours) => {
    const text = `To get a passport at the office you need:\n1. a photo\n2. cash\n\n${hours}`;
    expect(answer("When is the passport office open?", text)).toContain(hours);
  });
});

describe("an index in prose", () => {
  test.each([
    [
      "The first item of a reply is items[0] and its price is items[0].price.",
      "The first item of a reply is `items[0]` and its price is `items[0].price`. [1]",
    ],
    [
      "Give args[1] to the script, since args[0] is its name.",
      "Give `args[1]` to the script, since `args[0]` is its name. [1]",
    ],
    [
      "The total is order.lines[12] or lastLine[3].",
      "The total is `order.lines[12]` or `lastLine[3]`. [1]",
    ],
    ["Of `rows[0]` and rows[0] one is in code.", "Of `rows[0]` and `rows[0]` one is in code. [1]"],
    ["The tower of 1889[3] is by the company.[4][5] It stands[6] still.", undefined],
  ])("stays, as code: %s", (text, said) => {
    const answered = answer(text, text);
    if (said === undefined) expect(answered).not.toMatch(/\[[3-6]\]|`/);
    else expect(answered).toBe(said);
  });
});
