/** Messages that somebody else put into the log, with a real engine over them (B2 of the review). */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { partitionOf, type TenantId, type Version } from "../../src/contract/ids.ts";
import type { EngineStatus } from "../../src/contract/service.ts";
import type { FreshetProcess } from "../support/engine-process.ts";
import { freshTenant, openSite, type Site } from "../support/engine-process.ts";
import { eventually } from "../support/promises.ts";

const attacker = freshTenant("attacker");
const victim = freshTenant("victim");
const encoder = new TextEncoder();
let site: Site;
let engine: FreshetProcess;

beforeAll(async () => {
  site = await openSite();
  engine = await site.startEngine();
  for (const tenant of [attacker, victim]) await visible(tenant, "first", "The first harbour.");
});

afterAll(() => site.close());

async function visible(tenant: TenantId, id: string, text: string): Promise<void> {
  const payload = encoder.encode(JSON.stringify({ id, text }));
  const { seq } = await site.log.docs.publish({ tenant, payload });
  expect(await site.event(seq)).toMatchObject({ id, status: "visible" });
}

async function idsOf(tenant: TenantId): Promise<string[]> {
  const response = await fetch(`${engine.url}/answer`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-tenant": tenant },
    body: JSON.stringify({ query: "harbour", mode: "search", wait_ms: 20_000 }),
  });
  const { sources } = (await response.json()) as { sources: { id: string }[] };
  return sources.map(({ id }) => id).toSorted();
}

const recordsOf = (tenant: TenantId): string =>
  `chunks.${partitionOf(tenant, site.log.partitions)}.${tenant}`;

async function messagesOn(subject: string): Promise<number> {
  const manager = await site.log.connection.jetstreamManager();
  const stream = subject.startsWith("chunks.") ? "CHUNKS" : "KV_freshet_manifests";
  const { state } = await manager.streams.info(stream, { subjects_filter: subject });
  return state.subjects?.[subject] ?? 0;
}

describe("a request whose reply subject is one of the log", () => {
  it("is not answered there, whatever it asks", async () => {
    const { connection } = site.log;
    const before = await messagesOn(recordsOf(victim));
    const question = JSON.stringify({ query: "harbour" });
    const reply = recordsOf(victim);
    connection.publish(`query.${attacker}`, question, { reply });
    connection.publish("$SRV.INFO", "", { reply });
    await connection.flush();
    // Behind both: the engine has taken them.
    await connection.request(`query.${attacker}`, question, { timeout: 20_000 });
    expect(await messagesOn(reply)).toBe(before);
  });
});

describe("what the server itself stores under a reply subject", () => {
  it("ends nobody's work: its tenant goes on, and a new engine starts over it", async () => {
    const { connection } = site.log;
    const replies = [
      recordsOf(victim),
      recordsOf("nobody" as TenantId),
      `$KV.freshet_manifests.tenant.${victim}`,
      "$KV.freshet_manifests.tenant.nobody",
      "$KV.freshet_manifests.identity",
    ];
    for (const reply of replies) {
      const before = await messagesOn(reply);
      connection.publish(`docs.${attacker}`, "{}", { reply });
      await eventually(async () => expect(await messagesOn(reply)).toBe(before + 1));
    }
    await visible(victim, "second", "The second harbour.");
    await visible(attacker, "second", "The second harbour.");
    await engine.kill9();
    await engine.restart();
    for (const tenant of [victim, attacker]) {
      await visible(tenant, "third", "The third harbour.");
      expect(await idsOf(tenant)).toEqual(["first", "second", "third"]);
    }
  });

  it("is named to the operator, where it lies and not what it says", async () => {
    const response = await fetch(`${engine.url}/v1/status`);
    const { quarantined = [] } = (await response.json()) as EngineStatus;
    const subjects = quarantined.map(({ stream, subject, why }) => [stream, subject, why]);
    expect(subjects).toContainEqual(["CHUNKS", recordsOf(victim), "foreign"]);
    const manifest = `$KV.freshet_manifests.tenant.${victim}`;
    expect(subjects).toContainEqual(["KV_freshet_manifests", manifest, "foreign"]);
    expect(JSON.stringify(quarantined)).not.toContain("DOCS");
  });
});

describe("a publish to a literal wildcard", () => {
  it.each(["*", ">"])(
    "ends in a dead letter and reads nobody else's operations: docs.%s",
    async (token) => {
      const { seq } = await site.log.connection.jetstream().publish(`docs.${token}`, "{}");
      await eventually(async () => {
        const letter = await site.log.deadLetters.get(token, seq as Version);
        expect(letter).toMatchObject({ reason: "invalid_tenant" });
      });
      expect(await site.log.deadLetters.list(token, 9)).toHaveLength(1);
    },
  );
});
