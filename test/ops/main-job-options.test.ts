import { expect, it } from "vitest";
import { readJobOptions } from "../../ops/main-job/options.ts";

it("one node unless told otherwise, eight at most", () => {
  expect(readJobOptions([], "/").nodes).toBe(1);
  expect(readJobOptions(["--nodes", "8"], "/").nodes).toBe(8);
});
