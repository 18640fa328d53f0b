import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { createMemoryTokenizer } from "../../src/text/memory.ts";
import { type Classify, createNameRedactor, windowsOf } from "../../src/text/names.ts";
import { redact } from "../../src/text/redaction.ts";
import { testKey } from "../support/redactor.ts";
import { runs } from "../support/runs.ts";

const labels = ["O", "B-GIVEN_NAME", "I-SURNAME", "B-BUILDING_NUMBER", "B-STREET_NAME", "B-CITY"];
const tokenizer = createMemoryTokenizer();
const idOf = (word: string): number => tokenizer.words(word)[0]?.ids[0] ?? -1;

const known: Readonly<Record<string, string>> = {
  Jane: "B-GIVEN_NAME",
  Doe: "I-SURNAME",
  Wei: "B-GIVEN_NAME",
  "12": "B-BUILDING_NUMBER",
  Rivoli: "B-STREET_NAME",
  Paris: "B-CITY",
};

/** A model that knows words by heart, and how often it was asked for which tokens. */
function modelOf(words: Readonly<Record<string, string>> = known) {
  const byId = new Map(Object.entries(words).map(([word, label]) => [idOf(word), label]));
  const asked: number[][] = [];
  const classify: Classify = (tokens) => {
    asked.push([...tokens]);
    const values = new Float32Array(tokens.length * labels.length);
    for (const [row, id] of tokens.entries())
      values[row * labels.length + Math.max(0, labels.indexOf(byId.get(id) ?? "O"))] = 9;
    return Promise.resolve(values);
  };
  return { asked, model: { tokenizer, labels, classify } };
}

async function nameless(text: string, label?: string): Promise<string> {
  const names = createNameRedactor(modelOf().model, testKey);
  const [found = ""] = await names.redact([{ text, label, charsBefore: text.length }]);
  return found;
}

const marks = (text: string): string => text.replace(/:[a-f][0-9a-f]{9}\]/g, "]");

describe("names and addresses", () => {
  test.each([
    ["Ask Jane Doe about it.", "Ask [NAME] about it."],
    ["Jane, Wei and others", "[NAME], [NAME] and others"],
    ["Wei-Jane Doe", "[NAME]"],
    ["12 Rivoli, Paris", "[ADDRESS]"],
    ["12 Rivoli\nParis", "[ADDRESS]"],
    ["12 Rivoli, FR Paris", "[ADDRESS]"],
    ["12 Rivoli is in Paris", "[ADDRESS] is in Paris"],
    ["We met in Paris.", "We met in Paris."],
    ["All 12 passed.", "All 12 passed."],
    ["Nothing of the kind.", "Nothing of the kind."],
    ["", ""],
  ])("in %j leave %j", async (text, left) => {
    expect(marks(await nameless(text))).toBe(left);
  });

  it("have one placeholder however they are written, and others have others", async () => {
    const found = (await nameless("Jane Doe. JANE DOE. Jane-Doe. Wei.")).match(/\[NAME:\w+\]/g);
    expect(found).toHaveLength(4);
    expect(new Set(found?.slice(0, 3)).size).toBe(1);
    expect(found?.[3]).not.toBe(found?.[0]);
    expect(await nameless("jane doe", "author: ")).toBe(found?.[0]);
  });

  it("of a full name go everywhere in the text, also where the model misses them", async () => {
    const only = { Jane: "B-GIVEN_NAME", Doe: "I-SURNAME" };
    const { model } = modelOf(only);
    let calls = 0;
    const forgetful: Classify = (tokens) => {
      calls += 1;
      if (calls > 1)
        return Promise.resolve(new Float32Array(tokens.length * labels.length).fill(0));
      return model.classify(tokens);
    };
    const names = createNameRedactor({ ...model, classify: forgetful }, testKey);
    const [title, text, field] = await names.redact([
      { text: "Jane Doe", label: "", charsBefore: 8 },
      { text: "Seen: Jane Doe, Janet Doering, Jane Doeson.", charsBefore: 50 },
      { text: "Jane Doe", label: "author: ", charsBefore: 8 },
    ]);
    expect(marks(title ?? "")).toBe("[NAME]");
    expect(marks(text ?? "")).toBe("Seen: [NAME], Janet Doering, Jane Doeson.");
    // A field is decided alone, because a filter that names it is.
    expect(field).toBe("Jane Doe");
  });

  it("leave placeholders of recognisers alone, and have their own left alone by them", async () => {
    const { text } = redact("Jane Doe, jane@example.com", { key: testKey });
    const found = await nameless(text);
    expect(marks(found)).toBe("[NAME], [EMAIL]");
    expect(redact(found, { key: testKey }).text).toBe(found);
    expect(await nameless(found)).toBe(found);
  });

  it("make a text no longer than its bound, and leave nothing in place of a digest", async () => {
    const text = "Wei. ".repeat(2_000);
    const found = await nameless(text);
    const { redactionGrowthCharsMin, redactionGrowthShare } = limits;
    // A placeholder without a digest may be longer than a name of three letters.
    const bare = 2_000 * ("[NAME]".length - "Wei".length);
    expect(found.length).toBeLessThanOrEqual(
      text.length * (1 + redactionGrowthShare) + redactionGrowthCharsMin + bare,
    );
    expect(found).not.toContain("Wei");
  });

  it("fail with the model: no text comes back that was not looked at", async () => {
    const { model } = modelOf();
    const broken: Classify = () => Promise.reject(new Error("no values"));
    const names = createNameRedactor({ ...model, classify: broken }, testKey);
    await expect(names.redact([{ text: "Jane Doe", charsBefore: 8 }])).rejects.toThrow("no values");
  });

  it("are found wherever in a long text they stand, and nothing else is", async () => {
    const place = fc.nat({ max: 3_000 });
    await fc.assert(
      fc.asyncProperty(place, place, async (before, after) => {
        const text = `${"word ".repeat(before)}Jane Doe ${"word ".repeat(after)}`;
        const found = await nameless(text);
        expect(marks(found)).toBe(text.replace("Jane Doe", "[NAME]"));
      }),
      { numRuns: runs(25) },
    );
  });
});

describe("the windows of a long text", () => {
  const words = fc.array(
    fc.nat({ max: 100 }).map((count) => ({ ids: new Array<number>(count).fill(7) })),
  );

  it("decide each word once, in order, and none is wider than the model's", () => {
    fc.assert(
      fc.property(words, (all) => {
        const windows = windowsOf(all);
        let next = 0;
        for (const { from, to, first, last } of windows) {
          expect(first).toBe(next);
          expect(last).toBeGreaterThan(first);
          expect(from).toBeLessThanOrEqual(first);
          expect(to).toBeGreaterThanOrEqual(last);
          const tokens = all.slice(from, to).reduce((sum, { ids }) => sum + ids.length, 0);
          expect(tokens).toBeLessThanOrEqual(limits.namesWindowTokens);
          next = last;
        }
        expect(next).toBe(all.length);
      }),
    );
  });

  it("show words on both sides of each that they decide", () => {
    const all = Array.from({ length: 2_000 }, () => ({ ids: [7] }));
    const inner = windowsOf(all).slice(1, -1);
    expect(inner.length).toBeGreaterThan(5);
    for (const { from, to, first, last } of inner) {
      expect(first - from).toBe(limits.namesOverlapTokens / 2);
      expect(to - last).toBe(limits.namesOverlapTokens / 2);
    }
  });
});
