import { expect, it } from "vitest";
import { readJobOptions } from "../../ops/main-job/options.ts";

it("one node unless told otherwise, eight at most", () => {
  expect(readJobOptions([], "/").nodes).toBe(1);
  expect(readJobOptions(["--nodes", "8"], "/").nodes).toBe(8);
});

it("one nats-server and one Weaviate, or three of them: two would stop when one stops", () => {
  expect(readJobOptions([], "/")).toMatchObject({ nats: 1, weaviate: 1 });
  const three = readJobOptions(["--nats", "3", "--weaviate", "3"], "/");
  expect(three).toMatchObject({ nats: 3, weaviate: 3 });
  expect(() => readJobOptions(["--weaviate", "2"], "/")).toThrow(/1 or 3 is expected/);
});

it("answers are sentences of the sources unless the local model is asked for", () => {
  expect(readJobOptions([], "/").llm).toBe("extractive");
  expect(readJobOptions(["--llm", "local"], "/").llm).toBe("local");
});
