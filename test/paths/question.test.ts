import { expect, it } from "vitest";
import type { ChatMessage, LanguageModel } from "../../src/answer/port.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import { startMemoryEngine } from "../support/memory-engine.ts";
import { tellQuestionStory } from "./stories.ts";

const tenant = "story" as TenantId;

it("a question: redacted, embedded, searched in hot and cold, fused, answered in cited sentences", async () => {
  const engine = startMemoryEngine({ keptBytesMax: 0 });
  try {
    await tellQuestionStory(engine, tenant);
  } finally {
    await engine.stop();
  }
});

it("the same question through a language model: it reads only redacted text, and invented citations go", async () => {
  const prompts: ChatMessage[][] = [];
  const model: LanguageModel = {
    name: "scripted",
    complete: async ({ messages, onText }) => {
      prompts.push([...messages]);
      const pieces = [
        "The spare key hangs behind",
        " the ladder [1",
        "], or lies in the safe [2][9].",
      ];
      for (const piece of pieces) onText?.(piece);
      return pieces.join("");
    },
    ping: async () => {},
    close: async () => {},
  };
  const engine = startMemoryEngine({ model, keptBytesMax: 0 });
  try {
    await tellQuestionStory(engine, tenant);
  } finally {
    await engine.stop();
  }
  // One answer was written: searches ask no model, and what found nothing asked none either.
  expect(prompts).toHaveLength(1);
  const prompt = JSON.stringify(prompts[0]);
  expect(prompt).toContain("behind the ladder");
  expect(prompt).toContain("lies in the safe");
  expect(prompt).not.toContain("jane.doe");
  expect(engine.embedded.join("\n")).not.toContain("jane.doe");
});
