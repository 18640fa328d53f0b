import { describe, expect, it } from "vitest";
import { createMemoryEmbedder } from "../../src/embedding/memory.ts";
import { prefixesIn } from "../../src/embedding/model-recipe.ts";
import type { EmbedInput } from "../../src/embedding/port.ts";
import { prefixed, prefixTokens } from "../../src/embedding/prefixed.ts";
import { createMemoryTokenizer } from "../../src/text/memory.ts";

const tokenizer = createMemoryTokenizer();
const prefixes = { query: "query: ", passage: "passage of text: " };
const before = { prefixes, tokenizer };

/** What reaches the embedder beneath. */
function spied() {
  const inputs: EmbedInput[] = [];
  const inner = createMemoryEmbedder();
  const embedder = prefixed(
    {
      ...inner,
      embed: (batch, options) => {
        inputs.push(...batch);
        return inner.embed(batch, options);
      },
    },
    before,
  );
  return { embedder, inputs, inner };
}

const text = "the pump failed";
const input = { text, tokens: tokenizer.encode(text, 64) };

describe("an embedder of a model with prefixes", () => {
  it.each([
    ["query", prefixes.query],
    ["ingest", prefixes.passage],
  ] as const)(
    "of the %s lane embeds what the model's tokenizer makes of both (EPX1)",
    async (lane, prefix) => {
      const { embedder, inputs } = spied();
      await embedder.embed([input], { lane });
      expect(inputs[0]?.text).toBe(`${prefix}${text}`);
      expect([...(inputs[0]?.tokens ?? [])]).toEqual([...tokenizer.encode(`${prefix}${text}`, 64)]);
    },
  );

  it("leaves its callers what the prefix does not take", () => {
    const { embedder, inner } = spied();
    expect(prefixTokens(before)).toBeGreaterThan(0);
    expect(embedder.model.maxTokens).toBe(inner.model.maxTokens - prefixTokens(before));
  });

  it("has a fingerprint of its own for each pair of prefixes (EPX2)", () => {
    const inner = createMemoryEmbedder();
    const fingerprints = [
      { query: "", passage: "" },
      { query: "a ", passage: "" },
      { query: "", passage: "a " },
    ].map((each) => prefixed(inner, { prefixes: each, tokenizer }).model.fingerprint);
    expect(new Set(fingerprints).size).toBe(3);
    expect(fingerprints[0]).toBe(inner.model.fingerprint);
  });
});

describe("freshet.json", () => {
  it("says the prefixes; without it there are none", () => {
    expect(prefixesIn(JSON.stringify({ prefixes }), "/m")).toEqual(prefixes);
    expect(prefixesIn(undefined, "/m")).toEqual({ query: "", passage: "" });
  });

  it.each(["", "[]", '{"prefixes": {"query": 1}}'])(
    "that is %j is refused with its folder",
    (json) => {
      expect(() => prefixesIn(json, "/m")).toThrow(/freshet\.json in \/m/);
    },
  );
});
