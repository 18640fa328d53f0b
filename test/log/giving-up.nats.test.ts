/** NC4: what a stop does with a connection that says nothing. */

import { connect, type NatsConnection } from "nats";
import { afterEach, beforeEach, expect, it } from "vitest";
import { giveUpSilent } from "../../src/log/nats/connection.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { type Proxy, startProxy } from "../chaos/proxy.ts";
import { type PrivateNats, startPrivateNats } from "../support/private-nats.ts";

const patientMs = 120_000;
let server: PrivateNats;
let proxy: Proxy;
let connection: NatsConnection;

beforeEach(async () => {
  server = await startPrivateNats();
  proxy = await startProxy(Number(new URL(server.url).port));
  connection = await connect({
    ...{ servers: `127.0.0.1:${proxy.port}`, reconnectTimeWait: 50, maxReconnectAttempts: -1 },
  });
});
afterEach(async () => {
  await connection.close();
  await proxy.close();
  await server[Symbol.asyncDispose]();
});

/** A request that nothing but the end of the connection ends within the test. */
const pending = (): Promise<string> => {
  connection.subscribe("nobody.answers");
  const asked = connection.request("nobody.answers", "", { timeout: patientMs });
  return asked.then(
    () => "answered",
    ({ code }: { code: string }) => code,
  );
};

it.each([
  ["is frozen", async () => proxy.hold("both")],
  ["hears, and is not heard", async () => proxy.hold("from-server")],
  ["is away", () => server.stop()],
])("what waits for a server that %s ends with the connection (NC4)", async (_, fail) => {
  const asked = pending();
  await connection.flush();
  await fail();
  await giveUpSilent(connection, systemClock);
  expect(connection.isClosed()).toBe(true);
  expect(await asked).not.toBe("answered");
});

it("a server that answers, or is back in time, keeps its connection (NC4)", async () => {
  await giveUpSilent(connection, systemClock);
  expect(connection.isClosed()).toBe(false);
  proxy.reset();
  await giveUpSilent(connection, systemClock);
  expect(connection.isClosed()).toBe(false);
  await connection.flush();
});
