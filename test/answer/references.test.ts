import { describe, expect, test } from "vitest";
import { extractiveAnswer } from "../../src/answer/cited-sentences.ts";
import { citationsOf, claimsOf } from "../../src/answer/references.ts";
import type { Source } from "../../src/contract/query.ts";
import { sources } from "./sources.ts";

const placed = (texts: readonly string[], from = 100): Source[] =>
  sources(...texts).map((source) => ({ ...source, start: from, end: from + source.text.length }));

const pool =
  "The pool on Mill Lane opens at 06:30. On Sundays it is closed. Dr. Ada Finch runs it.";
const known = placed([pool, "The library has 2,048 books. It never opens before nine."]);
const support = (answer: string) => citationsOf(answer, known).map((citation) => citation.support);

describe("claims of an answer", () => {
  test("a run of markers belongs to the sentence before it, behind or before its full stop (CR1)", () => {
    const answer = "First thing. Second thing [1]. Third thing. [2][1] And more.";
    expect(claimsOf(answer).map(({ text, markers }) => ({ text, markers }))).toEqual([
      { text: "Second thing", markers: [1] },
      { text: "Third thing.", markers: [2, 1] },
    ]);
    for (const { text, start, end } of claimsOf(answer))
      expect(answer.slice(start, end)).toBe(text);
  });

  test("an index in code is no marker (MC1)", () => {
    const answer = "Read `items[0]`, then `items[1]` [2].\n```py\na = b[1]\n```\nDone [1].";
    expect(claimsOf(answer).map(({ markers }) => markers)).toEqual([[2], [1]]);
  });

  test("markers without words before them cite nothing", () => {
    expect(claimsOf("[1] [2]")).toEqual([]);
  });
});

describe("citations", () => {
  test("name the document, its version and the place in it, to the letter (CR2)", () => {
    const [citation] = citationsOf("It is closed on Sundays [1].", known);
    expect(citation).toMatchObject({ marker: 1, id: "document-1", version: 1, seq: 1, chunk: 0 });
    const { start = 0, end = 0 } = citation ?? {};
    expect(pool.slice(start - 100, end - 100)).toBe("On Sundays it is closed.");
  });

  test("of sentences of the sources are all supported, and name just these", () => {
    const question = "When does the pool open, and who runs it?";
    const answer = extractiveAnswer({ question, sources: known });
    const citations = citationsOf(answer, known);
    expect(citations.length).toBeGreaterThan(1);
    for (const { start = 0, end = 0, marker, sentence, support: verdict } of citations) {
      const text = known[marker - 1]?.text ?? "";
      expect(verdict).toBe("supported");
      expect(text.slice(start - 100, end - 100)).toBe(answer.slice(sentence.start, sentence.end));
    }
  });

  test("without a recorded range there is no place, and all else", () => {
    const [citation] = citationsOf("On Sundays it is closed. [1]", sources(pool));
    expect(citation).toMatchObject({ marker: 1, support: "supported" });
    expect(citation).not.toHaveProperty("start");
  });

  test("are bounded, however often a model cites", () => {
    expect(citationsOf("The pool opens [1]. ".repeat(500), known)).toHaveLength(64);
  });
});

describe("support", () => {
  test("a sentence in other words is supported, one with less in common is weak", () => {
    expect(support("At 06:30 the pool on Mill Lane opens. [1]")).toEqual(["supported"]);
    expect(support("The pool opens early for swimmers. [1]")).toEqual(["weak"]);
    expect(support("Bananas are yellow and sweet. [1]")).toEqual(["unsupported"]);
  });

  test("a number or a name that the passage does not hold makes it unsupported (SU2)", () => {
    expect(support("The pool on Mill Lane opens at 07:30. [1]")).toEqual(["unsupported"]);
    expect(support("The pool on Mill Lane in Leeds opens at 06:30. [1]")).toEqual(["unsupported"]);
    expect(support("The library has 2048 books. [2]")).toEqual(["supported"]);
  });

  test("a sentence that denies what its passage says is weak at best (SU3)", () => {
    expect(support("On Sundays the pool on Mill Lane is not closed. [1]")).toEqual(["weak"]);
  });

  test("a source that has no part in the sentence is unsupported beside one that has", () => {
    expect(support("On Sundays it is closed. [1][2]")).toEqual(["supported", "unsupported"]);
  });

  test("a sentence may rest on two sources together", () => {
    expect(
      support("The pool on Mill Lane opens at 06:30 and the library never before nine. [1][2]"),
    ).toEqual(["supported", "supported"]);
  });
});
