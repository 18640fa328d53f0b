import { expect, test } from "vitest";
import { failureLines } from "../../ops/main-job/failure.ts";
import { SetupError } from "../../ops/setup/setup-error.ts";
import { readClientConfig } from "../../src/config/config.ts";
import { FreshetError } from "../../src/contract/errors.ts";

const advice =
  "the job publishes and asks as the tenant demo; FRESHET_API_KEY gives a key of it that has the role admin";

test.each([
  [new FreshetError("unauthorized"), `no valid API key was given (unauthorized): ${advice}`],
  [new FreshetError("forbidden", "no"), `no (forbidden): ${advice}`],
  [new FreshetError("wrong_tenant", "no"), `no (wrong_tenant): ${advice}`],
  [new FreshetError("not_ready", "not yet"), "not yet (not_ready)"],
  [new SetupError("the merge failed"), "the merge failed"],
  ["gone", "gone"],
])("a run that ends with %s says what to do", (thrown, said) => {
  expect(failureLines(thrown)).toEqual([`freshet: ${said}`]);
});

test("settings that are wrong have a line each", () => {
  let thrown: unknown;
  try {
    readClientConfig({ FRESHET_LOG_LEVEL: "loud", FRESHET_CANARY: "maybe" });
  } catch (error) {
    thrown = error;
  }
  expect(failureLines(thrown).toSorted()).toEqual([
    expect.stringMatching(/^freshet: FRESHET_CANARY: expected one of/),
    expect.stringMatching(/^freshet: FRESHET_LOG_LEVEL: expected one of/),
  ]);
});
