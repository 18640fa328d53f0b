import { describe } from "vitest";
import { createMemoryTokenizer } from "../../src/text/memory.ts";
import { describeTokenizer } from "./tokenizer-conformance.ts";

describe("memory tokenizer", () => {
  describeTokenizer(createMemoryTokenizer);
});
