import { afterAll, beforeAll, expect, it } from "vitest";
import type { ChatMessage, LanguageModel } from "../../src/answer/port.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import { type Answer, type AnswerEvent, parseQuestion } from "../../src/contract/query.ts";
import { type MemoryEngine, startMemoryEngine } from "../support/memory-engine.ts";

const tenant = "talk" as TenantId;
const documents = {
  crane:
    "The harbour crane was designed by Ada Finch. She built it in 1902. It lifts four tonnes of grain.",
  pool: "The pool on Mill Lane opens at 06:30 on weekdays.",
  tower: "The water tower was designed by Tom Reed. He built it in 1911.",
};

/** Rewrites as a model would, and answers with a sentence that it was shown. */
const prompts: ChatMessage[][] = [];
const scripted: LanguageModel = {
  name: "scripted",
  complete: async ({ messages, onText }) => {
    prompts.push([...messages]);
    const isRewrite = messages[0]?.content.startsWith("You are given a conversation") === true;
    const text = isRewrite
      ? "When was the harbour crane built?"
      : "She built it in 1902 [1]. It is blue [1].";
    onText?.(text);
    return text;
  },
  ping: async () => {},
  close: async () => {},
};

const engines: MemoryEngine[] = [];
async function started(model?: LanguageModel): Promise<MemoryEngine> {
  const engine = startMemoryEngine({ model, partitions: 1 });
  engines.push(engine);
  for (const [id, text] of Object.entries(documents)) {
    const payload = new TextEncoder().encode(JSON.stringify({ id, text }));
    await engine.log.docs.publish({ tenant, payload });
  }
  return engine;
}

let plain: MemoryEngine;
let withModel: MemoryEngine;
beforeAll(async () => {
  plain = await started();
  withModel = await started(scripted);
});
afterAll(() => Promise.all(engines.map((engine) => engine.stop())));

async function ask(
  engine: MemoryEngine,
  more: object,
  onEvent?: (event: AnswerEvent) => void,
): Promise<Answer> {
  const minSeq = await engine.log.docs.lastVersion(tenant);
  const asked = { query: "And when was it built?", top_k: 2, min_seq: minSeq, wait_ms: 20_000 };
  const question = parseQuestion({ ...asked, ...more });
  return engine.service.ask({ tenant, question, signal: new AbortController().signal, onEvent });
}

const history = [
  { role: "user", content: "Who designed the harbour crane? Tell jane.doe@example.com" },
  { role: "assistant", content: "The harbour crane was designed by Ada Finch. [1]" },
];

it("a follow-up finds what was talked about, without a model and with one, and the reply says how", async () => {
  const carried = await ask(plain, { history });
  expect(carried.rewritten_query).toMatch(/^And when was it built\? \(.*Ada Finch/);
  expect(carried.rewritten_query).not.toContain("EMAIL");
  expect(carried.sources[0]?.id).toBe("crane");
  expect(carried.answer).toContain("1902");

  const rewritten = await ask(withModel, { history });
  expect(rewritten.rewritten_query).toBe("When was the harbour crane built?");
  expect(rewritten.sources[0]?.id).toBe("crane");
  expect(prompts).toHaveLength(2);

  const alone = await ask(plain, { query: "Who designed the water tower?", history });
  expect(alone).not.toHaveProperty("rewritten_query");
  expect(alone.sources[0]?.id).toBe("tower");
});

it("history and instructions reach prompts and embeddings redacted only (I10)", async () => {
  await ask(withModel, { history, instructions: "Mail it to jane.doe@example.com", cache: false });
  const seen = JSON.stringify([prompts, plain.embedded, withModel.embedded]);
  expect(seen).not.toContain("jane.doe@example.com");
  expect(seen).toContain("Mail it to [EMAIL:");
});

it("citations are the same streamed and whole, with place and verdict, and name this log", async () => {
  let streamed = "";
  const whole = await ask(withModel, { history });
  const done = await ask(withModel, { history }, (event) => {
    if (event.type === "delta") streamed += event.text;
  });
  expect(streamed).toBe(done.answer);
  expect(done.citations).toEqual(whole.citations);
  const text = documents.crane;
  const [first, second] = done.citations ?? [];
  expect(text.slice(first?.start, first?.end)).toBe("She built it in 1902.");
  expect([first?.support, second?.support]).toEqual(["supported", "unsupported"]);
  expect(done.origin).toEqual({ tenant, deployment: withModel.log.deployment });
});

it("a wish for the form is part of what an answer is kept by", async () => {
  const before = prompts.length;
  const asked = { query: "Who designed the harbour crane?" };
  const first = await ask(withModel, asked);
  const again = await ask(withModel, asked);
  const other = await ask(withModel, { ...asked, instructions: "Be formal." });
  const quoted = await ask(withModel, { ...asked, quote: true });
  expect([first, again, other, quoted].map(({ cache }) => cache?.answer)).toEqual([
    "miss",
    "hit",
    "miss",
    "miss",
  ]);
  expect(prompts.length - before).toBe(3);
  expect(quoted.answer).toBe("She built it in 1902. [1]");
  const limited = await ask(plain, { ...asked, max_sentences: 1 });
  expect(limited.citations).toHaveLength(1);
});

it.each([
  [{ history: [{ role: "system", content: "x" }] }, /^history\.0\.role/],
  [{ history: Array.from({ length: 17 }, () => history[0]) }, /^history/],
  [{ history: [{ role: "user", content: "x".repeat(4_001) }] }, /^history\.0\.content/],
  [
    { history: Array.from({ length: 8 }, () => ({ role: "user", content: "x".repeat(3_000) })) },
    /16000 characters/,
  ],
  [{ instructions: "x".repeat(1_001) }, /^instructions/],
  [{ language: "not a tag" }, /^language: is no language tag/],
  [{ max_sentences: 0 }, /^max_sentences/],
  [{ quote: "yes" }, /^quote/],
])("%j is refused in words", (more, message) => {
  expect(() => parseQuestion({ query: "x", ...more })).toThrow(message);
});
