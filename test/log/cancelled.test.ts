import { ErrorCode, NatsError } from "nats";
import { expect, test } from "vitest";
import { shareCancelled } from "../../src/log/nats/cancelled.ts";

test("requests that are over share one error, and every other error is its own", () => {
  shareCancelled();
  shareCancelled();
  const of = (code: string, chained?: Error) => NatsError.errorForCode(code, chained);
  expect(of(ErrorCode.Cancelled)).toBe(of(ErrorCode.Cancelled));
  expect(of(ErrorCode.Cancelled)).toMatchObject({ code: ErrorCode.Cancelled });
  expect(of(ErrorCode.Timeout)).not.toBe(of(ErrorCode.Timeout));
  expect(of(ErrorCode.Timeout)).toMatchObject({ code: ErrorCode.Timeout });
  const cause = new Error("why");
  expect(of(ErrorCode.Cancelled, cause)).toMatchObject({ chainedError: cause });
});
