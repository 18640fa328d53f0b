import type { JetStreamClient, NatsConnection } from "nats";
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

/** Writes of keys that begin so are not answered. */
function cutOffAt(connection: NatsConnection, begin: string): NatsConnection {
  const jetstream = (options: Parameters<NatsConnection["jetstream"]>[0]) => {
    const js = connection.jetstream(options);
    const kv: JetStreamClient["views"]["kv"] = async (...args) => {
      const bucket = await js.views.kv(...args);
      const create = bucket.create.bind(bucket);
      bucket.create = async (key, data) => {
        const revision = await create(key, data);
        if (key.startsWith(begin)) throw new Error("TIMEOUT");
        return revision;
      };
      return bucket;
    };
    return { views: { kv }, jetstreamManager: () => js.jetstreamManager() };
  };
  return { jetstream } as unknown as NatsConnection;
}

it("of a webhook that could not be added nothing is left, at whichever key it was cut off", async () => {
  const tenant = "half" as TenantId;
  const named = { id: "one", tenant, url: "https://half.example/", types: [], status: "active" };
  const secrets = [{ value: "whsec_half", createdAtMs: 1 }];
  for (const begin of ["state.", "failures.", "endpoint."]) {
    const connection = cutOffAt(log.connection, begin);
    const store = new NatsEndpoints({ connection, replicas: 1 });
    const endpoint = { ...named, createdAtMs: 1, secrets } as Parameters<typeof store.add>[0];
    const state = { after: 0, delivered: 0, failed: 0 } as Parameters<typeof store.add>[1];
    await expect(store.add(endpoint, state)).rejects.toThrow();
    expect(await store.countOf(tenant)).toBe(0);
  }
});
