import { expect, it } from "vitest";
import { hostAndPort, nearHost } from "../../src/contract/place.ts";

it("an address of IPv6 stands in brackets before its port", () => {
  expect(hostAndPort("::1", 8787)).toBe("[::1]:8787");
  expect(hostAndPort("127.0.0.1", "8787")).toBe("127.0.0.1:8787");
  expect(hostAndPort("localhost", 8787)).toBe("localhost:8787");
});

it("who listens on every address is found on loopback", () => {
  expect(["", "0.0.0.0", "::", "::1", "10.0.0.7", "box"].map(nearHost)).toEqual([
    ...["127.0.0.1", "127.0.0.1", "::1", "::1", "10.0.0.7", "box"],
  ]);
});
