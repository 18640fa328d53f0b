import { expect, it } from "vitest";
import { resolveAddresses } from "../../src/cli/addresses.ts";

const run = {
  urls: { http: "http://127.0.0.1:1", nats: "nats://127.0.0.1:2" },
  temporal: { address: "127.0.0.1:3", namespace: "freshet" },
  weaviate: { url: "http://127.0.0.1:4" },
};

it("what runs here is used where nothing is configured, Weaviate too", () => {
  const { http, nats, temporal, startedWeaviate } = resolveAddresses({}, {}, run);
  expect([http, nats, temporal.address, startedWeaviate]).toEqual([
    "http://127.0.0.1:1",
    "nats://127.0.0.1:2",
    "127.0.0.1:3",
    "http://127.0.0.1:4",
  ]);
});

it("a configured Weaviate is not taken for that of the run", () => {
  const env = { FRESHET_WEAVIATE_URL: "http://127.0.0.1:9" };
  expect(resolveAddresses({}, env, run).startedWeaviate).toBeUndefined();
});
