import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { citedNumbers } from "../../src/answer/citations.ts";
import { extractiveAnswer, missingCitations } from "../../src/answer/cited-sentences.ts";
import { limits } from "../../src/contract/limits.ts";
import { sources } from "./sources.ts";

const answer = (question: string, ...texts: string[]) =>
  extractiveAnswer({ question, sources: sources(...texts) });

describe("extractive answer", () => {
  test("quotes the sentences that share the question's terms, the best first, each with its source", () => {
    const got = answer(
      "When does the watermark move?",
      "Cats sleep most of the day. They wake up for dinner and for nothing else.",
      "The merge writes objects to Weaviate first. The watermark moves after the read back succeeded.",
    );
    expect(got).toMatch(/^The watermark moves after the read back succeeded\. \[2\]/);
    expect(got).not.toContain("Cats");
  });

  test("falls back to the beginning of the best source", () => {
    const got = answer(
      "zebra?",
      "First sentence of the first source is here. And a second one.",
      "Other.",
    );
    expect(got).toBe("First sentence of the first source is here. [1]");
  });

  test("a marker, link or image that a source holds does not become a citation", () => {
    const got = answer(
      "watermark",
      "The watermark [7] is ![x](http://evil.example) [here](http://evil.example).",
    );
    expect(got).toBe("The watermark is here. [1]");
  });

  test("a sentence that two sources hold is quoted once, a badge never", () => {
    const got = answer(
      "watermark",
      "[![watermark](http://e/i.svg)](http://e)\n\nThe watermark moves.",
      "The watermark moves.",
    );
    expect(got).toBe("The watermark moves. [1]");
  });

  test("headings and fences are not sentences", () => {
    expect(answer("setup", "## Setup\n\n```sh\nnpm run setup\n```")).toBe(
      "Setup [1] npm run setup [1]",
    );
  });

  test("a sentence without end is shortened, no words give no answer", () => {
    expect(answer("word", "word ".repeat(5_000)).length).toBeLessThan(
      limits.extractiveSentenceCharsMax + 10,
    );
    expect(answer("word", "!!! ---")).toBe("");
  });
});

describe("what an extractive answer says", () => {
  test("a sentence ends where its author ended it: not behind an abbreviation or an initial (EV3)", () => {
    const got = answer(
      "What was the height of the persecution?",
      "The height of this persecution was the St. Bartholomew's Day massacre (c. 1572), says J. R. Smith. Bread was cheap.",
    );
    expect(got).toBe(
      "The height of this persecution was the St. Bartholomew's Day massacre (c. 1572), says J. R. Smith. [1]",
    );
  });

  test("a question for a date prefers the sentence that holds one", () => {
    const got = answer(
      "When was the station on Mill Lane opened?",
      "The station on Mill Lane was opened by a mayor with a large hat. The station on Mill Lane was opened on 4 May 1902.",
      "Trains are late.",
    );
    expect(got.indexOf("1902")).toBeGreaterThan(0);
    expect(
      extractiveAnswer({
        question: "When was the station on Mill Lane opened?",
        sources: sources(
          "The station on Mill Lane was opened by a mayor with a large hat. The station on Mill Lane was opened on 4 May 1902.",
        ),
        sentencesMax: 1,
      }),
    ).toBe("The station on Mill Lane was opened on 4 May 1902. [1]");
  });

  test("a sentence that begins with a pronoun brings the one before it (ES3)", () => {
    const got = answer(
      "Who designed the harbour crane?",
      "Ada Finch joined the yard in spring. She designed the harbour crane. Lunch was at noon.",
    );
    expect(got).toBe(
      "Ada Finch joined the yard in spring. [1] She designed the harbour crane. [1]",
    );
  });

  test("never more sentences and characters than its bounds, whatever the sources (ES2)", () => {
    const word = fc.constantFrom(
      "crane",
      "harbour",
      "It",
      "1902",
      "St.",
      "the",
      "[3]",
      "(",
      ")",
      ". ",
    );
    const text = fc.array(word, { maxLength: 300 }).map((words) => words.join(" "));
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 4 }), (texts) => {
        const got = answer("Who designed the harbour crane in 1902?", ...texts);
        const quoted = got.match(/\[\d+\]/g) ?? [];
        // The texts hold no list.
        expect(quoted.length).toBeLessThanOrEqual(limits.extractiveSentencesMax);
        for (const marker of quoted)
          expect(Number(marker.slice(1, -1))).toBeLessThanOrEqual(texts.length);
        const charsMax = limits.extractiveCharsMax + limits.extractiveSentenceCharsMax;
        expect(got.length).toBeLessThanOrEqual(charsMax);
      }),
    );
  });

  test("an item of a list is a sentence of its own, without its marker and without the next one's", () => {
    const gates = [
      "- The north gate opens at 06:00",
      "- The south gate opens at 08:00",
      "  * The small door opens at 09:30",
      "1. First the alarm is tested",
      "2. Then the lamps are lit in room",
      "12. It is the last one.",
    ].join("\n");
    const asked = (question: string, isVerbatim: boolean) =>
      extractiveAnswer({ question, sources: sources(gates), isVerbatim, sentencesMax: 1 });
    for (const isVerbatim of [false, true]) {
      expect(asked("When does the small door open?", isVerbatim)).toBe(
        "The small door opens at 09:30 [1]",
      );
      expect(asked("When is the alarm tested?", isVerbatim)).toBe("First the alarm is tested [1]");
    }
  });

  test("a number at the head of a wrapped line begins no item", () => {
    const text =
      "The lamps and the heater of the hall are kept in room\n12. It is locked at night.";
    expect(
      extractiveAnswer({ question: "Where are the lamps kept?", sources: sources(text) }),
    ).toContain("are kept in room 12. ");
  });

  test("nothing is left of what joined the markers of a source", () => {
    const text = "The bridge was built in 1887 [7]. It was repaired in 1954 [12], [13]; [14].";
    const got = extractiveAnswer({ question: "When was it repaired?", sources: sources(text) });
    expect(got).toContain("It was repaired in 1954. [1]");
  });

  test("asked to the letter, each sentence is a span of its source", () => {
    const texts = [
      "The crane stands in the\nharbour. See [the plan](http://evil.example) of the crane [2].",
      "A crane is tall.",
    ];
    const got = extractiveAnswer({
      question: "Where does the crane stand?",
      sources: sources(...texts),
      isVerbatim: true,
    });
    expect(got).toContain("The crane stands in the\nharbour. [1]");
    expect(got).not.toContain("plan");
  });
});

describe("texts without full stops", () => {
  const asked = (question: string, text: string, sentencesMax?: number) =>
    extractiveAnswer({ question, sources: sources(text), sentencesMax });

  test("a row of a table is a sentence, quoted with the names of its columns (EV3, ES3)", () => {
    const rows = Array.from({ length: 40 }, (_, at) => `| SKU-${at} | pump ${at} | ${at}.50 EUR |`);
    const table = ["# Parts", "", "| Part | Name | Price |", "|---|---|---|", ...rows].join("\n");
    const row = "| SKU-37 | pump 37 | 37.50 EUR | [1]";
    expect(asked("What is the price of SKU-37?", table)).toBe(`| Part | Name | Price | [1] ${row}`);
    expect(asked("What is the price of SKU-37?", table, 1)).toBe(row);
  });

  test("so is a line of a log, of CSV, of `name: value` and of code (EV3)", () => {
    const log = Array.from(
      { length: 30 },
      (_, at) => `2026-11-01 12:${at + 10} host-${at + 100} error-${at + 500}`,
    );
    expect(asked("Which error had host-117?", log.join("\n"))).toBe(
      "2026-11-01 12:27 host-117 error-517 [1]",
    );
    const csv = ["city,people,mayor", "Elmton,1200,Ida Moss", "Ashby,800,Tom Rook"].join("\n");
    expect(asked("Who is the mayor of Ashby?", csv)).toContain("Ashby,800,Tom Rook [1]");
    expect(asked("people of Elmton", csv)).not.toContain("Ashby");
    expect(asked("Who is the doctor?", "phone: 5512\ndoctor: Ana Silva\nparking: none")).toBe(
      "doctor: Ana Silva [1]",
    );
    const code = "export const retryLimit = 5;\nexport function wait() {\n  return 4;\n}";
    expect(asked("What is the retry limit?", code)).toBe("export const retryLimit = 5; [1]");
  });

  test("a line of code keeps its indices, between backticks, and they cite nothing (CC3)", () => {
    const code = "To read the first value:\n\n```py\nitems = load()\nfirst = items[0]\n```\n";
    const said = asked("How do I read the first value?", code);
    expect(said).toContain("`first = items[0]` [1]");
    expect(citedNumbers(said)).toEqual([1]);
    const foot = "The first value is five.[7]";
    expect(asked("What is the first value?", foot)).toBe("The first value is five. [1]");
  });

  test("an address with a question mark is one word", () => {
    const text = "The status page is https://status.example.org/health?x=1 for all. It is public.";
    expect(asked("Where is the status page?", text, 1)).toBe(
      "The status page is https://status.example.org/health?x=1 for all. [1]",
    );
  });

  test("lines of prose that was wrapped by hand stay together", () => {
    const text = "The committee meets on the\nfirst Tuesday in\nroom 12. The chair is\nProf. Ito.";
    expect(asked("When does the committee meet?", text, 1)).toBe(
      "The committee meets on the first Tuesday in room 12. [1]",
    );
  });

  test("short texts in scripts without spaces are cut into their sentences", () => {
    expect(
      asked("借书期限", "图书馆每天上午九点开门。借书期限为三十天。逾期每天罚款五角。", 1),
    ).toBe("借书期限为三十天。 [1]");
  });

  test("a sentence may begin with a number", () => {
    const text =
      "The tower was finished in the spring of 1889. 18,038 parts were made for it. 300 people had built it by hand.";
    expect(asked("How many parts were made?", text, 1)).toBe("18,038 parts were made for it. [1]");
    const german = "Die Frist beginnt nach Abs. 2 erst am 3. 5. 2026 und endet drei Monate danach.";
    expect(asked("Wann beginnt die Frist?", german)).toBe(`${german} [1]`);
  });
});

describe("a sentence that only names its answer (ES4)", () => {
  const asked = (question: string, text: string, sentencesMax?: number) =>
    extractiveAnswer({ question, sources: sources(text), sentencesMax });

  test.each([
    [
      "## Can I bring my dog?\n\nOnly guide dogs.\n\n## When is lunch?\n\nAt noon.",
      "Can I bring my dog?",
      "Only guide dogs.",
    ],
    [
      "Q: Can I bring a dog?\nA: Only guide dogs.\n\nQ: When is lunch?\nA: At noon.",
      "Can I bring a dog?",
      "A: Only guide dogs.",
    ],
    [
      "Darf mein Hund mit? Nur Blindenhunde. Wann gibt es Essen? Um zwölf.",
      "Darf mein Hund mit?",
      "Nur Blindenhunde.",
    ],
    [
      "¿Cuándo es gratis? El primer domingo de cada mes.",
      "¿Cuándo es gratis el museo?",
      "El primer domingo de cada mes.",
    ],
  ])("brings what stands behind it: %j", (text, question, said) => {
    expect(asked(question, text, 1)).toBe(`${said} [1]`);
    const whole = asked(question, text);
    expect(whole).toContain(` [1] ${said} [1]`);
    expect(whole).not.toMatch(/noon|zwölf/);
  });

  test("behind a colon items follow, and lines of code", () => {
    expect(asked("What do I need?", "You need:\n\n- boots\n- water\n- a map\n\nIt is far.")).toBe(
      "You need: [1] boots [1] water [1] a map [1]",
    );
    expect(
      asked("How is it restarted?", "It is restarted so:\n\n```sh\nctl restart\n```\n\nThen wait."),
    ).toBe("It is restarted so: [1] ctl restart [1]");
  });

  test("alone it is quoted only where there is nothing else", () => {
    expect(asked("When is lunch?", "When is lunch?")).toBe("When is lunch? [1]");
    const two = extractiveAnswer({
      question: "When is lunch?",
      sources: sources("Dogs stay out. When is lunch?", "The lunch is served at noon."),
    });
    expect(two).toBe("The lunch is served at noon. [2]");
    expect(asked("What is for lunch?", "For lunch there are three things:", 1)).toMatch(
      /^For lunch/,
    );
  });
});

test("words that are carried over do not make the last answer the answer again", () => {
  const text =
    "Marie Curie was born in Warsaw on 7 November 1867. She won the Nobel Prize in Physics in 1903. Her husband was Pierre.";
  const asked = (own: string) => {
    const question = `${own} (Marie Curie, Warsaw, November, 1867)`;
    return extractiveAnswer({ question, own, sources: sources(text), sentencesMax: 1 });
  };
  expect(asked("When did she win the Nobel Prize?")).toMatch(/^She won/);
  expect(asked("Who was her husband?")).toMatch(/^Her husband/);
  // Without words of its own it is about what was carried over.
  expect(asked("And where?")).toMatch(/^Marie Curie was born/);
});

describe("missing citations", () => {
  const known = sources(
    "Weaviate holds the cold shard of each tenant.",
    "The hot shard lives in memory and is rebuilt from the log.",
  );

  test("name the sources that hold most words of a sentence", () => {
    expect(missingCitations("The hot shard lives in memory.", known)).toBe("[2]");
    expect(
      missingCitations("Weaviate holds the cold shard. The hot shard lives in memory.", known),
    ).toBe("[1][2]");
  });

  test("are not made up: cited, declined and foreign answers stay as they are", () => {
    expect(missingCitations("The hot shard lives in memory [1].", known)).toBe("");
    expect(missingCitations("I do not have enough information about the hot shard.", known)).toBe(
      "",
    );
    expect(missingCitations("Bananas are yellow and grow in Ecuador.", known)).toBe("");
  });
});
