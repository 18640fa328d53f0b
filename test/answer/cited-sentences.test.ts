import { describe, expect, test } from "vitest";
import { extractiveAnswer, missingCitations } from "../../src/answer/cited-sentences.ts";
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
    expect(answer("word", "word ".repeat(5_000)).length).toBeLessThan(410);
    expect(answer("word", "!!! ---")).toBe("");
  });
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
