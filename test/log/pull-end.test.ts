import { expect, it } from "vitest";
import { endedBy, fellShort, isHasty, isTooLarge, type Pull } from "../../src/log/nats/pull-end.ts";

const status = (code: number, description: string) => ({ code, description });
const pull = (more: Partial<Pull> = {}): Pull => ({
  ...{ number: 1, sentAtMs: 0, alone: false, missing: 3, received: 0 },
  ...more,
});

it("knows a heartbeat, an expiry, a message above a pull's bytes, and a missing consumer", () => {
  expect(endedBy(status(100, "Idle Heartbeat"))).toBeUndefined();
  expect(endedBy(status(408, "Request Timeout"))).toBe("expired");
  expect(endedBy(status(404, "No Messages"))).toBe("expired");
  expect(endedBy(status(409, "Batch Completed"))).toBe("expired");
  expect(endedBy(status(409, "Message Size Exceeds MaxBytes"))).toBe("bytes");
  expect(endedBy(status(503, ""))).toBe("not there");
});

it.each([
  [409, "Consumer Deleted"],
  [409, "Leadership Change"],
  [409, "Server Shutdown"],
  [400, "Bad Request"],
])("status %d %s ends the read with an error that passes (NP3)", (code, description) => {
  expect(() => endedBy(status(code, description))).toThrow(
    expect.objectContaining({ code: "log_unavailable", retryable: true }),
  );
});

it("asks for a message alone only when the pull brought nothing before it (NP4)", () => {
  expect(isTooLarge("bytes", pull())).toBe(true);
  expect(isTooLarge("bytes", pull({ received: 2 }))).toBe(false);
  expect(isTooLarge("bytes", pull({ alone: true }))).toBe(false);
  expect(isTooLarge("expired", pull())).toBe(false);
});

it("a bounded read gives up on a consumer that brings nothing of what is there (NP2)", () => {
  expect(fellShort("expired", pull())).toBe(true);
  expect(fellShort("expired", pull({ received: 1 }))).toBe(false);
  expect(fellShort("bytes", pull())).toBe(false);
  expect(fellShort("bytes", pull({ alone: true }))).toBe(true);
  expect(fellShort("not there", pull({ received: 1 }))).toBe(true);
});

it("a pull without a message is hasty when it did not wait (NP4)", () => {
  expect(isHasty(pull({ sentAtMs: 1_000 }), 1_010)).toBe(true);
  expect(isHasty(pull({ sentAtMs: 1_000, received: 1 }), 1_010)).toBe(false);
  expect(isHasty(pull({ sentAtMs: 1_000 }), 11_000)).toBe(false);
});
