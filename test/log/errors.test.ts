/** What the answers of nats-server are to a caller, by their numbers. */

import { ErrorCode, NatsError } from "nats";
import { describe, expect, it } from "vitest";
import { isInProcess, logError } from "../../src/log/nats/errors.ts";

function refusal(number: number, description = "refused", code = 400): NatsError {
  return Object.assign(new NatsError(description, ErrorCode.ApiError), {
    api_error: { code, err_code: number, description },
  });
}

describe("a message that the cluster has neither stored nor refused", () => {
  it.each([
    [10158, "a message of its id is on its way"],
    [10163, "a new leader has not applied its subject yet"],
    [10164, "another message of its subject is on its way"],
    [10167, "too many requests wait for the leader"],
  ])("is %i, %s: it is sent again, and to a caller the log is away", (number) => {
    expect(isInProcess(refusal(number))).toBe(true);
    expect(logError(refusal(number))).toMatchObject({ code: "log_unavailable", retryable: true });
  });

  it.each([
    [10071, "internal"],
    [10077, "overloaded"],
    [10054, "document_too_large"],
    [10059, "log_identity"],
  ])("is not %i, which is an answer: %s", (number, code) => {
    expect(isInProcess(refusal(number))).toBe(false);
    expect(logError(refusal(number))).toMatchObject({ code });
  });

  it("is no error of another kind", () => {
    expect(isInProcess(NatsError.errorForCode(ErrorCode.Timeout))).toBe(false);
    expect(isInProcess(new Error("10164"))).toBe(false);
    expect(isInProcess(undefined)).toBe(false);
  });
});
