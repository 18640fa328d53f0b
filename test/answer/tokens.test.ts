import fc from "fast-check";
import { encode as cl100k } from "gpt-tokenizer/encoding/cl100k_base";
import { encode as o200k } from "gpt-tokenizer/encoding/o200k_base";
import { describe, expect, it } from "vitest";
import { buildPrompt, promptMessages } from "../../src/answer/prompt.ts";
import {
  answerTokens,
  bytesOf,
  cutBytes,
  learned,
  promptRoom,
  unknownRates,
} from "../../src/answer/tokens.ts";
import { limits } from "../../src/contract/limits.ts";
import { codePoint } from "../support/code-point.ts";
import { runs } from "../support/runs.ts";
import { sources } from "./sources.ts";

/** Oracles: what real vocabularies take, and the worst that one could. */
const oracles = {
  cl100k: (text: string) => cl100k(text).length,
  o200k: (text: string) => o200k(text).length,
  bytes: (text: string) => bytesOf(text),
};

const pick = (alphabet: string) =>
  fc.array(fc.constantFrom(...alphabet), { maxLength: 400 }).map((chars) => chars.join(""));
const adversarial = fc
  .array(
    fc.oneof(
      pick("的一是龘靐齉𠮷𡃁了我不人在他有这"),
      pick("ABCDEFabcdefghijklmnopqrstuvwxyz0123456789+/="),
      fc
        .array(fc.constantFrom("👩‍👩‍👧‍👦", "🏴󠁧󠁢󠁷󠁬󠁳󠁿", "🚲", "é̂̃", "ﷺ"), { maxLength: 60 })
        .map((all) => all.join("")),
      pick("qzxjkvw "),
      fc.string({ unit: codePoint, maxLength: 200 }),
      fc.constant("The watermark moves after the read back succeeded. ".repeat(8)),
    ),
    { minLength: 1, maxLength: 4 },
  )
  .map((parts) => parts.join(" ").toWellFormed());

describe("a prompt in tokens of the model in use", () => {
  it("never exceeds the window that is declared, whatever stands in it and was learned (TE1, PB2)", () => {
    const English = "The watermark moves after the read back succeeded. ".repeat(40);
    let rates = unknownRates;
    for (let count = 0; count < 40; count += 1) {
      rates = learned(rates, { texts: [English], counted: oracles.o200k(English) });
    }
    const window = fc.record({
      contextTokens: fc.constantFrom(limits.contextTokensMin, 4_096, 8_192),
      promptTokens: fc.constantFrom(200, 1_500, 100_000),
    });
    let built = 0;
    fc.assert(
      fc.property(
        window,
        fc.array(adversarial, { minLength: 1, maxLength: 6 }),
        adversarial,
        (own, texts, question) => {
          const maxTokens = answerTokens(own, 200);
          const room = promptRoom(own, { rates, maxTokens, messages: promptMessages });
          const asked = { sources: sources(...texts), fence: "k3jd9", nowMs: 0, room };
          const short = cutBytes(question, 300);
          const { messages, shown } = buildPrompt({ question: short, ...asked });
          built += 1;
          expect(shown).toBeGreaterThanOrEqual(1);
          for (const tokensOf of Object.values(oracles)) {
            const taken = messages.reduce((sum, { content }) => sum + tokensOf(content), 0);
            const frame = messages.length * limits.messageTokens;
            expect(taken + frame + maxTokens).toBeLessThanOrEqual(own.contextTokens);
          }
        },
      ),
      { numRuns: runs(40) },
    );
    expect(built).toBeGreaterThan(0);
  });

  it("a question that fills the window itself is refused, and nothing is cut out of the rules", () => {
    const own = { contextTokens: limits.contextTokensMin, promptTokens: 1_500 };
    const room = promptRoom(own, { rates: unknownRates, maxTokens: 200, messages: 2 });
    const asked = { sources: sources("Cats sleep."), fence: "k3jd9", nowMs: 0, room };
    expect(() => buildPrompt({ question: "why? ".repeat(300), ...asked })).toThrow(
      expect.objectContaining({ details: { reason: "window" } }),
    );
  });

  it("learns from what an endpoint counts, so that a budget means tokens of its model (TE2)", () => {
    const texts = {
      English: "The watermark moves after the read back succeeded, and the view drops rows. ",
      Chinese: "水位线在回读成功之后移动，视图随后删除已合并的行。",
    };
    for (const text of Object.values(texts)) {
      let rates = unknownRates;
      const prompt = text.repeat(60);
      for (let count = 0; count < 20; count += 1) {
        rates = learned(rates, { texts: [prompt], counted: oracles.cl100k(prompt) });
      }
      const own = { contextTokens: 100_000, promptTokens: 1_000 };
      const { bytes } = promptRoom(own, { rates, maxTokens: 200, messages: 2 });
      const taken = oracles.cl100k(cutBytes(text.repeat(400), bytes));
      expect(Math.abs(taken - 1_000)).toBeLessThan(60);
    }
  });

  it("an endpoint that counts nonsense moves what is expected to a bound and no further (TE3)", () => {
    const counts = fc.array(fc.oneof(fc.nat(10), fc.nat(10_000_000)), { maxLength: 60 });
    fc.assert(
      fc.property(counts, (all) => {
        let rates = unknownRates;
        for (const counted of all) rates = learned(rates, { texts: ["some words"], counted });
        expect(rates.expected).toBeGreaterThanOrEqual(0.15);
        expect(rates.expected).toBeLessThanOrEqual(1);
        expect(rates.template).toBeLessThanOrEqual(limits.templateTokensMax);
      }),
      { numRuns: runs(50) },
    );
  });

  it("what an endpoint puts in by itself is left room for once it is seen", () => {
    const rates = learned(unknownRates, { texts: ["hello"], counted: 5 + 16 + 300 });
    const own = { contextTokens: 2_048, promptTokens: 10_000 };
    expect(promptRoom(own, { rates, maxTokens: 100, messages: 2 }).bytesMax).toBe(
      2_048 - 100 - 32 - 300,
    );
  });

  it("a cut in bytes keeps whole characters and its bound", () => {
    fc.assert(
      fc.property(adversarial, fc.nat(500), (text, most) => {
        const cut = cutBytes(text, most);
        expect(bytesOf(cut)).toBeLessThanOrEqual(most);
        expect(text.startsWith(cut)).toBe(true);
        expect(cut.isWellFormed()).toBe(true);
      }),
      { numRuns: runs(60) },
    );
  });
});
