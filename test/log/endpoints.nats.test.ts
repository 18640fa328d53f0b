import { afterAll, beforeAll, expect, it } from "vitest";
import type { TenantId } from "../../src/contract/ids.ts";
import { NatsEndpoints } from "../../src/log/nats/endpoints.ts";
import type { NatsLog } from "../../src/log/nats/log.ts";
import { holdOnDisk } from "../support/on-disk.ts";
import { type PrivateNats, startPrivateNats } from "../support/private-nats.ts";
import { endpointStoreSuite } from "./conformance-endpoints.ts";
import { connectTo } from "./nats-harness.ts";

let server: PrivateNats;
let log: NatsLog;
beforeAll(async () => {
  server = await startPrivateNats();
  log = await connectTo(server);
});
afterAll(async () => {
  await log.close();
  await server[Symbol.asyncDispose]();
});

endpointStoreSuite("a bucket of NATS", async () => {
  const store = new NatsEndpoints({ connection: log.connection, replicas: 1 });
  for (const { tenant } of await store.all()) await store.eraseTenant(tenant);
  return store;
});

it("an erase overwrites a tenant's addresses and secrets in the files of the server (NE1)", async () => {
  const store = new NatsEndpoints({ connection: log.connection, replicas: 1 });
  const [tenant, neighbour] = ["gone" as TenantId, "stays" as TenantId];
  for (const [of, secret] of [
    [tenant, "whsec_thatGoes"],
    [neighbour, "whsec_thatStays"],
  ] as const) {
    const url = `https://${of}.example/hook`;
    const secrets = [{ value: secret, createdAtMs: 1 }];
    const named = { id: "one", tenant: of, url, types: [], status: "active", createdAtMs: 1 };
    await store.add({ ...named, secrets } as Parameters<typeof store.add>[0], {
      ...{ after: 0, delivered: 0, failed: 0 },
    });
  }
  expect(holdOnDisk(server.directory, "whsec_thatGoes")).toBe(true);
  await store.eraseTenant(tenant);
  expect(await store.countOf(tenant)).toBe(0);
  const texts = ["whsec_thatGoes", "gone.example", "whsec_thatStays"];
  expect(texts.map((text) => holdOnDisk(server.directory, text))).toEqual([false, false, true]);
});
