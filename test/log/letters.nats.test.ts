/** The dead-letter stream at its bound, on a real server. */

import { afterAll, beforeAll, expect, it } from "vitest";
import { type TenantId, tenantId, type Version } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import type { DeadLetter } from "../../src/log/dead-letter-port.ts";
import type { NatsLog } from "../../src/log/nats/log.ts";
import { type PrivateNats, startPrivateNats } from "../support/private-nats.ts";
import { connectTo } from "./nats-harness.ts";

let server: PrivateNats;
let log: NatsLog;
beforeAll(async () => {
  server = await startPrivateNats();
  log = await connectTo(server);
  const manager = await log.connection.jetstreamManager();
  await manager.streams.update("DLQ", { max_bytes: 256 * 1024 });
});
afterAll(async () => {
  await log?.close();
  await server?.stop();
});

const letter = (tenant: TenantId, version: number): DeadLetter => ({
  ...{ tenant, version: version as Version, documentId: null, reason: "invalid_json" },
  ...{ message: "x".repeat(200), atMs: 1 },
});

it("a full stream refuses letters as overloaded, a trim of one tenant makes room for another", async () => {
  const [acme, globex] = [tenantId("acme"), tenantId("globex")];
  let version = 0;
  const flood = async () => {
    for (;;) {
      version += 1;
      await log.deadLetters.publish(letter(acme, version));
    }
  };
  await expect(flood()).rejects.toMatchObject({ code: "overloaded" });
  expect(version).toBeGreaterThan(limits.deadLettersPerTenantMin);
  const other = letter(globex, version + 1);
  await expect(log.deadLetters.publish(other)).rejects.toMatchObject({ code: "overloaded" });
  const kept = limits.deadLettersPerTenantMin;
  expect(await log.deadLetters.trim(acme)).toBe(version - 1 - kept);
  await log.deadLetters.publish(other);
  const left = await log.deadLetters.list(acme, 10_000);
  expect(left.map((of) => of.version)).toEqual(
    Array.from({ length: kept }, (_, index) => version - kept + index),
  );
  expect(await log.deadLetters.list(globex, 9)).toHaveLength(1);
});
