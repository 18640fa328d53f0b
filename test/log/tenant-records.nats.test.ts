/** NQ1: any client that may write to the log can store anything in the place of such a record. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { begin, firstGeneration } from "../../src/contract/generation.ts";
import type { Position, TenantId, Version } from "../../src/contract/ids.ts";
import { KnownGenerations } from "../../src/log/generations.ts";
import { TenantLives } from "../../src/log/lives.ts";
import type { NatsLog } from "../../src/log/nats/log.ts";
import { type PrivateNats, startPrivateNats } from "../support/private-nats.ts";
import { connectTo } from "./nats-harness.ts";

let server: PrivateNats;
let log: NatsLog;

beforeAll(async () => {
  server = await startPrivateNats();
  log = await connectTo(server);
});
afterAll(async () => {
  await log?.close();
  await server?.stop();
});

const putForeign = (kind: string, tenant: TenantId) =>
  log.connection.jetstream().publish(`$KV.freshet_manifests.${kind}.${tenant}`, "hello");

describe("a foreign message in the place of what a tenant is at", () => {
  it("hides from no engine that starts that the tenant is suspended", async () => {
    const tenant = "held" as TenantId;
    await log.lives.put(tenant, { state: "suspended", atMs: 5 }, 0);
    await putForeign("life", tenant);
    const lives = new TenantLives(log.lives);
    await lives.load();
    expect(lives.of(tenant)).toEqual({ state: "suspended", atMs: 5 });
    const ended = new AbortController();
    for await (const found of log.lives.watch(ended.signal)) {
      if (found.tenant !== tenant) continue;
      expect(found).toMatchObject({ life: { state: "suspended" } });
      break;
    }
    // Whoever changes it now does so after the foreign message, and is heard.
    const { revision } = await log.lives.get(tenant);
    expect(lives.heard(tenant, { state: "active" }, revision)).toBe(false);
    expect(await log.lives.put(tenant, { state: "active" }, revision)).toBe(true);
  });

  it("stands for nothing where no record was, and for nobody else's", async () => {
    const [nobody, neighbour] = ["nobody" as TenantId, "neighbour" as TenantId];
    await putForeign("life", nobody);
    await log.lives.put(neighbour, { state: "suspended", atMs: 6 }, 0);
    const found = new Set<TenantId>();
    for await (const { tenant } of log.lives.all()) found.add(tenant);
    expect(found.has(nobody)).toBe(false);
    expect(found.has(neighbour)).toBe(true);
  });

  it("hides no generation", async () => {
    const tenant = "built" as TenantId;
    const plan = { model: "m", from: 3 as Position, upTo: 2 as Version };
    const built = begin(firstGeneration, plan);
    await log.generations.put(tenant, built, 0);
    await putForeign("generations", tenant);
    const generations = new KnownGenerations(log.generations);
    await generations.load();
    expect(generations.of(tenant)).toEqual(built);
  });
});
