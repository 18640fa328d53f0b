import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freePort } from "../../ops/servers/ports.ts";
import type { Version } from "../../src/contract/ids.ts";
import type { Answer } from "../../src/contract/query.ts";
import type { TenantStatus } from "../../src/contract/service.ts";
import { type Gate, gateTo } from "../cold/gate.ts";
import {
  type FreshetProcess,
  freshTenant,
  openSite,
  type Site,
} from "../support/engine-process.ts";
import { type Client, httpClient, refusal } from "../support/http-service.ts";
import { eventually } from "../support/promises.ts";
import { expectOneLine, type Run, runRole } from "../support/run-freshet.ts";
import { serversOfFile } from "../support/side-by-side.ts";

/** The stories of this file go on from test to test, as an outage does: down, back, down again. */
const tenant = freshTenant("outage");
let site: Site;
let engine: FreshetProcess;
let client: Client;
let weaviate: readonly Gate[];
let temporal: Gate;
/** They try for half a minute before they give up; meanwhile the other outages are gone through. */
let withoutNats: readonly Run[];

beforeAll(async () => {
  const servers = serversOfFile();
  const gates = await Promise.all(
    [new URL(servers.weaviate.url).host, servers.weaviate.grpc, servers.temporal.address].map(
      gateTo,
    ),
  );
  const [http, grpc, frontend] = gates as [Gate, Gate, Gate];
  weaviate = [http, grpc];
  temporal = frontend;
  site = await openSite({
    FRESHET_WEAVIATE_URL: `http://127.0.0.1:${http.port}`,
    FRESHET_WEAVIATE_GRPC: `127.0.0.1:${grpc.port}`,
    FRESHET_TEMPORAL_ADDRESS: `127.0.0.1:${frontend.port}`,
    FRESHET_MERGE_SIZE_CHUNKS: "2",
  });
  [engine] = await Promise.all([site.startEngine(), site.startMergeWorker({ polling: false })]);
  client = httpClient(engine.url);
  const away = { ...site.env, FRESHET_NATS_URL: `nats://127.0.0.1:${await freePort()}` };
  withoutNats = ["engine", "merge-worker"].map((role) => runRole(role, away));
});

afterAll(async () => {
  await site.close();
  await Promise.all([...weaviate, temporal].map((gate) => gate.close()));
});

describe("Weaviate and Temporal are down when the engine starts", () => {
  it("documents become visible and are answered from hot; what was deleted is not (I4, I12)", async () => {
    await publish({ id: "ladder", text: "The ladder stands in the barn." });
    await publish({ id: "saw", text: "The saw hangs in the barn." });
    await publish({ id: "rope", text: "The rope lies in the barn." });
    const last = await publish({ id: "rope", op: "delete" });
    const found = await client.search(tenant, "what is in the barn", last);
    expect(namesOf(found)).toEqual(["ladder hot", "saw hot"]);
    expect(found.coverage).toMatchObject({ hot: "complete", cold: "empty" });
    const { services, ready } = await client.status();
    expect({ services, ready }).toMatchObject({
      services: { log: "up", cold: "down", temporal: "down" },
      ready: true,
    });
  });

  it("the merge that was due happens by itself when both are back, without another publish", async () => {
    await untilEngineSays("a merge could not be asked for");
    await openAll([...weaviate, temporal]);
    await untilMerged();
    const found = await client.search(tenant, "what is in the barn");
    expect(namesOf(found)).toEqual(["ladder cold", "saw cold"]);
    expect(found.coverage.cold).toBe("complete");
  });
});

describe("Weaviate goes away later", () => {
  it("ingest and hot answers go on, and cold is declared unavailable (I12)", async () => {
    await Promise.all(weaviate.map((gate) => gate.close()));
    const nothing = await refusal(client.search(tenant, "what is in the barn"));
    expect(nothing.code).toBe("cold_unavailable");
    const seq = await publish({ id: "axe", text: "The axe is new in the barn." });
    const found = await client.search(tenant, "what is in the barn", seq);
    expect(namesOf(found)).toEqual(["axe hot"]);
    expect(found.coverage).toMatchObject({ hot: "complete", cold: "unavailable" });
  });

  it("what is deleted or superseded meanwhile is not answered, neither degraded nor afterwards (I3, I4)", async () => {
    await publish({ id: "ladder", op: "delete" });
    const moved = await publish({ id: "saw", text: "The saw was lent out of the barn." });
    const degraded = await client.search(tenant, "what is in the barn", moved);
    expect(degraded.coverage.cold).toBe("unavailable");
    expect(namesOf(degraded)).toEqual(["axe hot", "saw hot"]);
    expect(degraded.sources.find(({ id }) => id === "saw")).toMatchObject({ version: moved });

    await openAll(weaviate);
    // Back, and not merged yet or merged: at no moment more than what is true.
    const until = untilMerged();
    for (let merged = false; !merged; ) {
      const found = await client.search(tenant, "what is in the barn");
      expect(idsOf(found)).toEqual(["axe", "saw"]);
      expect(found.sources.find(({ id }) => id === "saw")).toMatchObject({ version: moved });
      merged = await Promise.race([until.then(() => true), pause().then(() => false)]);
    }
    const found = await client.search(tenant, "what is in the barn");
    expect(namesOf(found)).toEqual(["axe cold", "saw cold"]);
    expect(found.coverage.cold).toBe("complete");
  });
});

describe("Temporal goes away later", () => {
  it("answers stay complete from hot and cold, and the merge resumes by itself", async () => {
    await temporal.close();
    await publish({ id: "pump", text: "The pump came into the barn." });
    const seq = await publish({ id: "hose", text: "The hose came into the barn." });
    const found = await client.search(tenant, "what is in the barn", seq);
    expect(namesOf(found)).toEqual(["axe cold", "hose hot", "pump hot", "saw cold"]);
    expect(found.coverage).toMatchObject({ hot: "complete", cold: "complete" });
    await openAll([temporal]);
    await untilMerged();
    expect(namesOf(await client.search(tenant, "what is in the barn"))).toEqual([
      ...["axe cold", "hose cold", "pump cold", "saw cold"],
    ]);
  });
});

describe("NATS is not there at start", () => {
  it("both roles say which server does not answer, in one line, and exit with 1", async () => {
    for (const run of withoutNats) {
      await expectOneLine(run, /^freshet: nats at nats:\/\/127\.0\.0\.1:\d+ does not answer/);
    }
  });
});

async function openAll(gates: readonly Gate[]): Promise<void> {
  await Promise.all(gates.map((gate) => gate.open()));
}

/** Returns when the operation is applied. */
async function publish(body: object): Promise<Version> {
  const payload = new TextEncoder().encode(JSON.stringify(body));
  const { seq } = await site.log.docs.publish({ tenant, payload });
  await site.event(seq);
  return seq;
}

async function untilMerged(): Promise<void> {
  await eventually(async () => expect(await statusOf()).toMatchObject(merged));
}

async function untilEngineSays(line: string): Promise<void> {
  await eventually(() => {
    expect(readFileSync(engine.logFile, "utf8")).toContain(line);
  });
}

const merged = { unmerged_chunks: 0, hot: { documents: 0 } };

async function statusOf(): Promise<TenantStatus | undefined> {
  const { tenants } = await client.status();
  return tenants.find((one) => one.tenant === tenant);
}

function namesOf({ sources }: Answer): string[] {
  return sources.map(({ id, shard }) => `${id} ${shard}`).sort();
}

function idsOf({ sources }: Answer): string[] {
  return sources.map(({ id }) => id).sort();
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 100));
}
