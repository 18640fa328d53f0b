import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ConfigError, readClientConfig, readConfig } from "../../src/config/config.ts";
import { limits } from "../../src/contract/limits.ts";

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "freshet-models-"));
  file = join(folder, "models.json");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const write = (content: unknown): void =>
  writeFileSync(file, typeof content === "string" ? content : JSON.stringify(content));
const first = { FRESHET_LLM_URL: "http://127.0.0.1:1/v1", FRESHET_LLM_MODEL: "small" };
const second = { url: "https://models.example/v1", model: "large" };
const chain = (env: Record<string, string> = {}) =>
  readConfig({ ...env, FRESHET_LLM_FILE: file }).languageModels;

function linesOf(content: unknown, env: Record<string, string> = {}): string {
  write(content);
  try {
    chain(env);
    return "";
  } catch (thrown) {
    return thrown instanceof ConfigError ? thrown.lines.join("\n") : String(thrown);
  }
}

describe("the chain of language models", () => {
  it("begins with FRESHET_LLM_* and goes on with the file, in its order", () => {
    const key = join(folder, "key");
    writeFileSync(key, "sk-from-file\n");
    const endpoints = [
      { ...second, api_key_file: key, price: { input: 0.1, output: 0.4 }, context_tokens: 32_000 },
      { ...second, name: "spare", first_token_ms: 700, request_ms: 900, prompt_tokens: 300 },
    ];
    write({ format: 1, endpoints });
    const links = chain({ ...first, FRESHET_LLM_PRICE: "0.00015/0.0006" });
    expect(links.map(({ name }) => name)).toEqual(["small", "large", "spare"]);
    expect(links[0]).toMatchObject({
      price: { input: 0.00015, output: 0.0006 },
      firstTokenMs: limits.modelFirstTokenMs,
      contextTokens: limits.contextTokens,
      promptTokens: limits.promptTokens,
    });
    expect(links[1]).toMatchObject({ contextTokens: 32_000, firstTokenMs: 10_000 });
    expect(links[1]?.apiKey?.()).toBe("sk-from-file");
    expect(links[2]).toMatchObject({ firstTokenMs: 700, requestMs: 900, promptTokens: 300 });
  });

  it("without a first one is the file's; the last of a chain may be silent for a whole request", () => {
    write({ format: 1, endpoints: [second] });
    expect(chain()).toMatchObject([{ name: "large", firstTokenMs: limits.modelRequestMs }]);
    expect(readConfig(first).languageModels[0]?.firstTokenMs).toBe(limits.modelRequestMs);
  });

  it("is no affair of the command line, which asks no model", () => {
    expect(readClientConfig({ FRESHET_LLM_FILE: "/no/such/file" }).languageModels).toEqual([]);
  });

  it.each<[string, unknown, RegExp]>([
    [
      "no JSON",
      "{",
      /models\.json: the file is not JSON: line 1, column 2; see ops\/guides\/models\.md/,
    ],
    ["no endpoint", { format: 1, endpoints: [] }, /endpoints: /],
    ["no URL", { format: 1, endpoints: [{ url: "x", model: "m" }] }, /endpoints\.0\.url: .*http/],
    ["a slip", { format: 1, endpoints: [{ ...second, modle: "m" }] }, /endpoints\.0: .*modle/],
    ["a small window", { format: 1, endpoints: [{ ...second, context_tokens: 5 }] }, /context_tok/],
    ["two of a name", { format: 1, endpoints: [second, second] }, /called large; give one another/],
    [
      "TLS of a plain URL",
      { format: 1, endpoints: [{ ...second, url: "http://x/v1", tls: { ca_file: "c" } }] },
      /should start with https/,
    ],
  ])("%s is a line that says where and what", (_, content, says) => {
    expect(linesOf(content)).toMatch(says);
  });

  it("a file that is not there, and a price that is none, are lines of their own", () => {
    expect(() => chain()).toThrow(/FRESHET_LLM_FILE: .*cannot be read \(ENOENT\)/);
    expect(() => readConfig({ FRESHET_LLM_PRICE: "1" })).toThrow(/such as 0\.00015\/0\.0006/);
  });

  it("a key is never repeated", () => {
    const lines = linesOf({ format: 1, endpoints: [{ ...second, api_key: "sk two words" }] });
    expect(lines).toMatch(/endpoints\.0\.api_key: expected a key/);
    expect(lines).not.toContain("two words");
  });
});
