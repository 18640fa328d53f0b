import { describe, expect, it } from "vitest";
import { countOf, runsFactor } from "./runs.ts";

describe("how often chance is tried", () => {
  it("is what the tests say, or as many times as often as a person asks for", () => {
    expect(runsFactor({})).toBe(1);
    expect(runsFactor({ FRESHET_TEST_RUNS: "20" })).toBe(20);
    expect(runsFactor({ FRESHET_TEST_RUNS: "0.5" })).toBe(0.5);
  });

  it.each(["", "0", "-1", "many", "1e9"])("is not %j", (text) => {
    expect(() => runsFactor({ FRESHET_TEST_RUNS: text })).toThrow(
      `FRESHET_TEST_RUNS: ${text} is not a number above 0, 1,000 at most`,
    );
  });
});

describe("a count of one test", () => {
  it("is the usual one, or what its variable says", () => {
    expect(countOf("FRESHET_TEST_FILES", 7, {})).toBe(7);
    expect(countOf("FRESHET_TEST_FILES", 7, { FRESHET_TEST_FILES: "4000" })).toBe(4_000);
  });

  it.each(["", "0", "1.5", "many", "1e9"])("'%s' is refused", (text) => {
    expect(() => countOf("FRESHET_TEST_FILES", 7, { FRESHET_TEST_FILES: text })).toThrow(
      `FRESHET_TEST_FILES: ${text} is not a whole number from 1 to 1,000,000`,
    );
  });
});
