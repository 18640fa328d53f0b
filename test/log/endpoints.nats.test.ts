import { afterAll, beforeAll } from "vitest";
import { NatsEndpoints } from "../../src/log/nats/endpoints.ts";
import type { NatsLog } from "../../src/log/nats/log.ts";
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
