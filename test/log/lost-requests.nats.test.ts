import { afterAll, beforeAll, expect, it } from "vitest";
import { silentLogger, silentMetrics } from "../../src/contract/observation.ts";
import { type NatsContext, openConnection } from "../../src/log/nats/connection.ts";
import { logError } from "../../src/log/nats/errors.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { type PrivateNats, startPrivateNats } from "../support/private-nats.ts";

let server: PrivateNats;
let context: NatsContext;

beforeAll(async () => {
  server = await startPrivateNats();
  const reports = { clock: systemClock, logger: silentLogger, metrics: silentMetrics };
  context = await openConnection({ servers: server.url }, reports);
});
afterAll(async () => {
  await context.connection.close();
  await server[Symbol.asyncDispose]();
});

it("what JetStream was asked while the server was away ends when it is back, not later (NC2)", async () => {
  const { connection, jsm } = context;
  await jsm.streams.add({ name: "DOCS", subjects: ["docs.*"] });
  // Far longer than this test may take.
  const patient = { timeout: 600_000 };
  const js = connection.jetstream(patient);
  const api = await connection.jetstreamManager({ ...patient, checkAPI: false });
  await server.kill();
  const asked = [js.publish("docs.a"), api.streams.info("DOCS")];
  const outcomes = Promise.allSettled(asked);
  await server.restart();
  for (const outcome of await outcomes) {
    expect(outcome.status).toBe("rejected");
    const { reason } = outcome as PromiseRejectedResult;
    expect(logError(reason)).toMatchObject({ code: "log_unavailable" });
  }
  expect((await js.publish("docs.a")).seq).toBeGreaterThan(0);
}, 60_000);
