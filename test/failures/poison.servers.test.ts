/** Documents that do harm, and documents that only were there when harm was done; with real processes that die. */

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { TenantId, Version } from "../../src/contract/ids.ts";
import { type Endpoint, startEndpoint } from "../answer/misbehaving-endpoint.ts";
import { type AskedBody, embedding } from "../embedding/remote-endpoint.ts";
import {
  type FreshetProcess,
  freshTenant,
  openSite,
  type Site,
} from "../support/engine-process.ts";
import { eventually } from "../support/promises.ts";
import { runHere } from "../support/run-cli.ts";

const program = new URL("../support/poisoned-engine.ts", import.meta.url);
const longMs = 420_000;
let site: Site;

async function publish(tenant: TenantId, id: string, text: string): Promise<Version> {
  const payload = new TextEncoder().encode(JSON.stringify({ id, text }));
  return (await site.log.docs.publish({ tenant, payload })).seq;
}

/** A killed engine leaves its leases behind for 16 s; these tests have many of them. */
async function freeLeases(): Promise<void> {
  const manager = await site.log.connection.jetstreamManager();
  await manager.streams.purge("KV_freshet_leases");
}

describe("documents and dying engines", () => {
  beforeEach(async () => {
    site = await openSite();
  });
  afterEach(() => site.close());

  it(
    "a document that ends every process ends in the dead letters, and its neighbours become visible (I2, I9)",
    async () => {
      const [tenant, other] = [freshTenant("poisoned"), freshTenant("neighbour")];
      const engine = await site.startEngine({}, program);
      const before = await publish(tenant, "before", "The ferry leaves from pier nine.");
      const deadly = await publish(tenant, "deadly", "A text with poison: abort in it.");
      const after = await publish(tenant, "after", "The tram stops at the old mill.");
      const neighbour = await publish(other, "neighbour", "The bus goes to the lake.");
      let over = false;
      const outcome = site.event(deadly).finally(() => {
        over = true;
      });
      while (!over) {
        if (await answers(engine)) {
          await new Promise((resolve) => setTimeout(resolve, 50));
          continue;
        }
        await freeLeases();
        // An engine may die before it is ready: that is what this test is about.
        await engine.restart().catch(() => {});
      }
      expect(await outcome).toMatchObject({ id: "deadly", reason: "document_failed" });
      for (const seq of [before, after, neighbour]) {
        await eventually(async () => expect(await stateOf(tenant, other, seq)).toBe("upsert"));
      }
      // Three found it in the backlog, and the last of them isolated it.
      expect(livesWhenSuspected(engine)).toBe(3);
      expect(await site.log.deadLetters.list(tenant, 10)).toMatchObject([
        { version: deadly, documentId: "deadly", reason: "document_failed" },
      ]);
      expect(await site.log.deadLetters.list(other, 10)).toEqual([]);
    },
    longMs,
  );

  it(
    "an innocent document that is in hand at ten kill -9 in a row becomes visible (I2)",
    async () => {
      const tenant = freshTenant("innocent");
      const engine = await site.startEngine({}, program);
      const seq = await publish(tenant, "slow", "A text with poison: slow in it.");
      const dataDir = site.env["FRESHET_DATA_DIR"] ?? "";
      const inHand = () => linesOf(join(dataDir, "slow-in-hand"));
      let before = 0;
      for (let kills = 0; kills < 10; kills += 1) {
        await eventually(() => expect(inHand()).toBeGreaterThan(before));
        await engine.kill9();
        before = inHand();
        expect(site.events).toEqual([]);
        await freeLeases();
        await engine.restart();
      }
      writeFileSync(join(dataDir, "slow-goes-on"), "");
      expect(await site.event(seq)).toMatchObject({ id: "slow", status: "visible" });
      expect((await site.log.attempts.get(tenant))?.lives).toBeGreaterThanOrEqual(3);
      expect(await site.log.deadLetters.list(tenant, 10)).toEqual([]);
    },
    longMs,
  );
});

describe("an endpoint that fails one text for ever", () => {
  let endpoint: Endpoint;

  beforeAll(async () => {
    endpoint = await startEndpoint();
    endpoint.handle = embedding();
    site = await openSite({
      FRESHET_EMBED_URL: `${endpoint.url}/v1`,
      FRESHET_EMBED_DIMENSIONS: "384",
    });
  });
  afterAll(async () => {
    await site.close();
    await endpoint.close();
  });

  it("is asked for it a bounded number of times; its neighbours become visible, and an outage costs nothing (I2)", async () => {
    const tenant = freshTenant("five-hundred");
    await site.startEngine();
    const works = embedding();
    let down = true;
    let failures = 0;
    endpoint.handle = (request, response) => {
      const { input } = JSON.parse(request.body) as AskedBody;
      const isPoisoned = input?.some((text) => text.includes("poison")) === true;
      if (!down && !isPoisoned) return works(request, response);
      failures += 1;
      response.writeHead(500).end();
    };
    const before = await publish(tenant, "before", "The ferry leaves from pier nine.");
    const deadly = await publish(tenant, "deadly", "A text with poison in it.");
    const after = await publish(tenant, "after", "The tram stops at the old mill.");
    await eventually(() => expect(failures).toBeGreaterThan(12));
    expect(site.events).toEqual([]);
    down = false;
    expect(await site.event(deadly)).toMatchObject({ id: "deadly", reason: "document_failed" });
    for (const seq of [before, after]) {
      expect(await site.event(seq)).toMatchObject({ status: "visible" });
    }
    // Once the endpoint is well, an operator publishes it again.
    endpoint.handle = works;
    const replayed = await dlq("replay", "--reason", "document_failed", "--tenant", tenant);
    const [, as] = /published again as (\d+)/.exec(replayed.out) ?? [];
    expect(await site.event(Number(as))).toMatchObject({ id: "deadly", status: "visible" });
    const again = await dlq("replay", String(deadly), "--tenant", tenant);
    expect([again.code, again.out]).toEqual([
      1,
      `${deadly}: not published: its document had a later operation\n`,
    ]);
    const shown = await dlq("show", String(deadly), "--text", "--tenant", tenant);
    expect(shown.out).toContain("reason: document_failed");
    expect(shown.out).toContain("A text with poison in it.");
    const listed = await dlq("list", "--json", "--tenant", tenant);
    expect(JSON.parse(listed.out)).toMatchObject({
      letters: [{ seq: deadly, id: "deadly", reason: "document_failed" }],
      next: null,
    });
  });
});

/** `freshet dlq …`, as a person in front of this site. */
const dlq = (...args: string[]) =>
  runHere(["dlq", ...args], {
    env: { FRESHET_NATS_URL: site.nats.url, FRESHET_DATA_DIR: site.nats.directory },
  });

function linesOf(file: string): number {
  return existsSync(file) ? readFileSync(file, "utf8").split("\n").length - 1 : 0;
}

/** As the engine's log says it: how often it was started says also how busy the machine was. */
function livesWhenSuspected({ logFile }: FreshetProcess): number {
  const line = readFileSync(logFile, "utf8")
    .split("\n")
    .find((text) => text.includes("owners ended again and again"));
  return (JSON.parse(line ?? "{}") as { lives?: number }).lives ?? 0;
}

async function answers({ url }: FreshetProcess): Promise<boolean> {
  try {
    return (await fetch(`${url}/healthz`)).ok;
  } catch {
    return false;
  }
}

/** The kind of the record that answers `seq`, of whichever of the two tenants it is. */
async function stateOf(one: TenantId, other: TenantId, seq: Version): Promise<string | undefined> {
  for (const tenant of [one, other]) {
    const last = await site.log.chunks.last(tenant);
    if (last === null) continue;
    for await (const { version, kind } of site.log.chunks.headers({
      ...{ tenant, after: 0 as typeof last.position, to: last.position },
    })) {
      if (version === seq && kind !== "fence") return kind;
    }
  }
  return undefined;
}
