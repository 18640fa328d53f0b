import { describe, expect, test } from "vitest";
import { extractiveAnswer } from "../../src/answer/cited-sentences.ts";
import { sources } from "./sources.ts";

const sheet = (model: number, weight: string, motor: string) =>
  `Kestrel Falcon ${model}\n\nWeight: ${weight}\nRange: ${model * 19} km\nMotor: ${motor}`;

function titled(question: string, texts: readonly (readonly [title: string, text: string])[]) {
  const found = sources(...texts.map(([, text]) => text));
  const own = found.map((source, index) => ({ ...source, title: texts[index]?.[0] ?? "" }));
  return extractiveAnswer({ question, sources: own });
}

describe("a data sheet", () => {
  const five = ["Kestrel Falcon 5 data sheet", sheet(5, "22.4 kg", "Bafang DX-510")] as const;
  const four = ["Kestrel Falcon 4 data sheet", sheet(4, "24.1 kg", "Bafang DX-420")] as const;

  test.each([
    ["What motor does the Falcon 5 have?", [five, four], "Motor: Bafang DX-510 [1]"],
    ["What is the weight of the Falcon 4?", [four, five], "Weight: 24.1 kg [1]"],
    ["range of the Falcon 5", [five, four], "Range: 95 km [1]"],
  ])("answers with its line, not with its title: %s", (question, texts, line) => {
    expect(titled(question, texts)).toContain(line);
  });

  test("has its subject from headings as well", () => {
    const text = sheet(5, "22.4 kg", "Bafang DX-510").replace("Kestrel", "# Kestrel");
    expect(titled("What motor does the Falcon 5 have?", [["Sheets", text]])).toContain(
      "Motor: Bafang DX-510",
    );
  });

  test("whose title alone was asked for brings what stands behind that", () => {
    expect(titled("Falcon 5?", [five])).toBe(
      "Kestrel Falcon 5 [1] Weight: 22.4 kg [1] Range: 95 km [1] Motor: Bafang DX-510 [1]",
    );
  });

  test("keeps a first line that says more than its title", () => {
    const text = "Open on Sundays\n\nThe pool is heated and has three lanes for swimmers.";
    expect(titled("When is it open?", [["Pool", text]])).toBe("Open on Sundays [1]");
  });
});

describe("questions in bold", () => {
  const page =
    "**Q: How long does the delivery take?**\nA: Two to four working days within Norway.\n\n" +
    "**Who pays for the return?** We do, if the goods are faulty. Otherwise you pay yourself.";

  test.each([
    [
      "How long does delivery take?",
      "**Q: How long does the delivery take?** [1] A: Two to four working days within Norway. [1]",
    ],
    [
      "Who pays for the return?",
      "**Who pays for the return?** [1] We do, if the goods are faulty. [1]",
    ],
  ])("keep both ends of their emphasis: %s", (question, said) => {
    expect(extractiveAnswer({ question, sources: sources(page) })).toContain(said);
  });
});

describe("an amount of money", () => {
  const cats =
    "Kittens get their first vaccination at eight weeks and the second four weeks later. After that " +
    "a cat needs a booster every 3 years. A vaccination costs 62 euros with the examination.";

  test("is preferred to other numbers where a price is asked for", () => {
    const said = "A vaccination costs 62 euros with the examination. [1]";
    expect(
      extractiveAnswer({
        question: "How much is a cat vaccination?",
        sources: sources(cats),
        sentencesMax: 1,
      }),
    ).toBe(said);
  });

  test("and a number where there is none", () => {
    const text = "The Falcon is a bicycle for the city. The Falcon weighs 22 kg.";
    expect(
      extractiveAnswer({
        question: "How much does the Falcon weigh?",
        sources: sources(text),
        sentencesMax: 1,
      }),
    ).toBe("The Falcon weighs 22 kg. [1]");
  });
});

test("the name of a clause brings what the clause says", () => {
  const text =
    "§ 4 Termination. Either party may terminate with one month's notice.\n" +
    "§ 5 Deductible. The policy holder bears 20 % of each invoice.";
  expect(extractiveAnswer({ question: "What is the deductible?", sources: sources(text) })).toBe(
    "§ 5 Deductible. [1] The policy holder bears 20 % of each invoice. [1]",
  );
});
