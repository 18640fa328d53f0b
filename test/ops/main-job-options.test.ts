import { expect, it } from "vitest";
import { readJobOptions } from "../../ops/main-job/options.ts";

it("one node unless told otherwise, eight at most", () => {
  expect(readJobOptions([], "/").nodes).toBe(1);
  expect(readJobOptions(["--nodes", "8"], "/").nodes).toBe(8);
});

it("answers are sentences of the sources unless the local model is asked for", () => {
  expect(readJobOptions([], "/").llm).toBe("extractive");
  expect(readJobOptions(["--llm", "local"], "/").llm).toBe("local");
});
