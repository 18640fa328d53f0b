import { expect, it } from "vitest";
import { createMemoryEmbedder } from "../../src/embedding/memory.ts";
import { describeEmbedder } from "./conformance.ts";
import { dot } from "./reference/reference.ts";

describeEmbedder("the memory embedder", async () => createMemoryEmbedder());

it("ranks texts by the words they share", async () => {
  const texts = [
    "the pump failed after a bearing broke",
    "why did the pump fail, was a bearing broken or the pump dry",
    "quarterly revenue grew in all regions",
  ];
  const tokens = Int32Array.of(101, 102);
  const embedder = createMemoryEmbedder();
  const [pump, question, revenue] = await embedder.embed(
    texts.map((text) => ({ text, tokens })),
    { lane: "query" },
  );
  expect(dot(pump ?? [], question ?? [])).toBeGreaterThan(0.3);
  expect(Math.abs(dot(pump ?? [], revenue ?? []))).toBeLessThan(0.2);
});
