import { describe, expect, it } from "vitest";
import type { Addresses } from "../../src/cli/addresses.ts";
import { connectEngine } from "../../src/cli/http-client.ts";

const addresses = (http: string, apiKey: string | undefined): Addresses => ({
  http,
  nats: "",
  temporal: { address: "", namespace: "" },
  temporalUi: undefined,
  partitions: 8,
  dataDir: "",
  api: { key: apiKey === undefined ? undefined : () => apiKey, tls: undefined },
});

describe("the command line's API key", () => {
  const key = "key-0123456789abcdef";

  it.each(["http://freshet.example:8787", "http://10.1.2.3", "http://[fe80::1]:8787"])(
    "is not sent in clear over a network: %s",
    (http) => {
      expect(() => connectEngine(addresses(http, key), "demo")).toThrow(/https:\/\/ addresses/);
    },
  );

  it.each([
    "https://freshet.example",
    "http://127.0.0.1:8787",
    "http://localhost",
    "http://[::1]:1",
  ])("is sent where nobody reads along: %s", (http) => {
    expect(() => connectEngine(addresses(http, key), "demo")).not.toThrow();
  });

  it("without one any address may be asked", () => {
    expect(() => connectEngine(addresses("http://10.1.2.3", undefined), "demo")).not.toThrow();
  });
});
