/** Texts of callers on their way to the lanes. */

import { describe, expect, it } from "vitest";
import { createEmbeddings } from "../../actors/embedder/embeddings.ts";
import type { EmbedderMessage } from "../../actors/messages.ts";
import type { TextsToEmbed } from "../../src/contract/embeddings.ts";
import { FreshetError } from "../../src/contract/errors.ts";
import { limits } from "../../src/contract/limits.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import type { Tokenizer } from "../../src/text/port.ts";
import { acme } from "./kit.ts";

/** A token a word, with the two marks. */
const tokenizer: Tokenizer = {
  startId: 1,
  endId: 2,
  words: (text) =>
    [...text.matchAll(/\S+/g)].map(({ 0: word, index }) => ({
      start: index,
      end: index + word.length,
      ids: [7],
    })),
  encode: (text, max) => new Int32Array(Math.min(max, (text.match(/\S+/g) ?? []).length + 2)),
};
const model = { name: "tiny", fingerprint: "f", dimensions: 2, maxTokens: 6 };

function setUp(options: { redact?: (text: string) => string; admit?: () => void } = {}) {
  const sent: (EmbedderMessage & { readonly lane: string })[] = [];
  const lane = (name: string) => ({
    tryPut: (message: EmbedderMessage) => {
      sent.push({ ...message, lane: name });
      message.reply.resolve(message.inputs.map(() => Float32Array.of(1, 0)));
      return true;
    },
  });
  const { redact, admit } = options;
  const embeddings = createEmbeddings({
    ...{ model, tokenizer, clock: systemClock },
    lanes: { query: lane("query"), document: lane("document") },
    redact: redact && (async (_tenant, text) => redact(text)),
    admit: admit && (async () => admit()),
  });
  const embed = (more: Partial<TextsToEmbed>) =>
    embeddings.embed({
      ...{ tenant: acme, texts: ["a b"], as: "document", truncate: false },
      ...{ signal: new AbortController().signal, ...more },
    });
  return { sent, embed };
}

describe("texts of a caller", () => {
  it("go to the lane that is named, and their tokens are counted with the marks", async () => {
    const { sent, embed } = setUp();
    const { vectors, tokens } = await embed({ texts: ["a b", "c"], as: "query" });
    expect([vectors.length, tokens]).toEqual([2, 7]);
    expect(sent.map(({ lane, tenant }) => [lane, tenant])).toEqual([["query", acme]]);
  });

  it("are redacted before they are embedded (I10)", async () => {
    const { sent, embed } = setUp({ redact: (text) => text.replace("secret", "[x]") });
    await embed({ texts: ["a secret"] });
    expect(sent[0]?.inputs.map(({ text }) => text)).toEqual(["a [x]"]);
  });

  it("that the model does not take whole are refused by their place, or cut on demand (EB2)", async () => {
    const { sent, embed } = setUp();
    const long = "one two three four five six seven";
    await expect(embed({ texts: ["a", long] })).rejects.toMatchObject({
      code: "invalid_request",
      details: { index: 1, max_tokens: 6 },
    });
    expect(sent).toEqual([]);
    await embed({ texts: [long], truncate: true });
    expect(sent[0]?.inputs[0]?.tokens.length).toBeLessThanOrEqual(model.maxTokens);
    expect(long.startsWith(sent[0]?.inputs[0]?.text ?? "none")).toBe(true);
    const huge = `a${" ".repeat(limits.embeddingsTextCharsMax)}b`;
    await expect(embed({ texts: [huge] })).rejects.toMatchObject({ code: "invalid_request" });
  });

  it("of a caller that may not have it, or has left, reach no lane", async () => {
    const refused = setUp({
      admit: () => {
        throw new FreshetError("quota_exceeded");
      },
    });
    await expect(refused.embed({})).rejects.toMatchObject({ code: "quota_exceeded" });
    const left = setUp();
    const gone = left.embed({ signal: AbortSignal.abort() });
    await expect(gone).rejects.toMatchObject({ code: "cancelled" });
    expect([...refused.sent, ...left.sent]).toEqual([]);
  });
});
