/** A real engine whose log has no room, or is gone: publishers hear it, tenants wait, and nothing is lost. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Version } from "../../src/contract/ids.ts";
import {
  type FreshetProcess,
  freshTenant,
  openSite,
  type Site,
} from "../support/engine-process.ts";
import { httpClient } from "../support/http-service.ts";
import { eventually } from "../support/promises.ts";

let site: Site;
let engine: FreshetProcess;
const text = "The ferry leaves from pier nine at noon. ".repeat(20);

beforeAll(async () => {
  site = await openSite();
  engine = await site.startEngine();
});
afterAll(() => site.close());

/** Leaves a stream so much room beside what it holds; returns the function that gives it back. */
async function squeeze(stream: string, roomBytes: number): Promise<() => Promise<unknown>> {
  const { streams } = await site.log.connection.jetstreamManager();
  const { config, state } = await streams.info(stream);
  await streams.update(stream, { max_bytes: state.bytes + roomBytes });
  return () => streams.update(stream, { max_bytes: config.max_bytes });
}

function post(tenant: string, type: string, body: string): Promise<Response> {
  const headers = { "content-type": type, "x-tenant": tenant };
  return fetch(`${engine.url}/v1/documents`, { method: "POST", headers, body });
}

describe("a full DOCS", () => {
  it("refuses publishers with 429 and Retry-After, line by line too; afterwards they go on (I1, I11)", async () => {
    const tenant = freshTenant("docs-full");
    const giveBack = await squeeze("DOCS", 10);
    const one = await post(tenant, "application/json", JSON.stringify({ id: "a", text }));
    expect([one.status, one.headers.get("retry-after")]).toEqual([429, "1"]);
    expect(await one.json()).toMatchObject({ code: "overloaded", retryable: true });
    const lines = ["b", "c"].map((id) => JSON.stringify({ id, text })).join("\n");
    const many = await post(tenant, "application/x-ndjson", lines);
    expect(await many.json()).toMatchObject({
      results: [{ line: 1, error: { code: "overloaded" } }, {}],
    });
    const payload = new TextEncoder().encode(JSON.stringify({ id: "d", text }));
    await expect(site.log.docs.publish({ tenant, payload })).rejects.toMatchObject({
      code: "overloaded",
    });
    await giveBack();
    const again = await post(tenant, "application/json", JSON.stringify({ id: "a", text }));
    const { seq } = (await again.json()) as { seq: Version };
    expect(await site.event(seq)).toMatchObject({ id: "a", status: "visible" });
    expect(await site.log.docs.readTenant({ tenant, after: 0 as Version, max: 9 })).toHaveLength(1);
  });
});

describe("a full CHUNKS", () => {
  it("makes tenants wait; no document becomes a dead letter of it, and each becomes visible later (I2, I11)", async () => {
    const tenant = freshTenant("chunks-full");
    const giveBack = await squeeze("CHUNKS", 10);
    const seqs: Version[] = [];
    for (const id of ["a", "b"]) {
      const payload = new TextEncoder().encode(JSON.stringify({ id, text }));
      seqs.push((await site.log.docs.publish({ tenant, payload })).seq);
    }
    const outcomes = seqs.map((seq) => site.event(seq));
    await eventually(async () => {
      const { tenants } = (await (await fetch(`${engine.url}/v1/status`)).json()) as {
        tenants: { tenant: string; state: string }[];
      };
      expect(tenants.find((one) => one.tenant === tenant)?.state).toBe("recovering");
    });
    expect(await site.log.deadLetters.list(tenant, 9)).toEqual([]);
    await giveBack();
    expect(await Promise.all(outcomes)).toMatchObject([
      { id: "a", status: "visible" },
      { id: "b", status: "visible" },
    ]);
    expect(await site.log.deadLetters.list(tenant, 9)).toEqual([]);
  });
});

describe("a full HEADS", () => {
  it("makes merges of all tenants wait and say so, while documents and answers go on; with room they merge (I2, I11)", async () => {
    const worker = await site.startMergeWorker();
    const tenants = [freshTenant("heads-full"), freshTenant("heads-full")];
    const publish = async (tenant: (typeof tenants)[number], id: string): Promise<Version> => {
      const payload = new TextEncoder().encode(JSON.stringify({ id, text }));
      const { seq } = await site.log.docs.publish({ tenant, payload });
      expect(await site.event(seq)).toMatchObject({ id, status: "visible" });
      return seq;
    };
    const giveBack = await squeeze("HEADS", 10);
    for (const tenant of tenants) await publish(tenant, "a");
    const merged = tenants.map((tenant) => site.merges.force(tenant));
    for (const tenant of tenants) {
      await eventually(async () => {
        expect((await site.merges.progress(tenant))?.error).toMatchObject({
          code: "overloaded",
          message: expect.stringContaining("HEADS"),
        });
      });
    }
    for (const tenant of tenants) {
      const seq = await publish(tenant, "b");
      const { sources } = await httpClient(engine.url).search(tenant, "when leaves the ferry", seq);
      expect(sources.map(({ id, shard }) => `${id} ${shard}`).sort()).toEqual(["a hot", "b hot"]);
    }
    await giveBack();
    await Promise.all(merged);
    await Promise.all(tenants.map((tenant) => site.merges.force(tenant)));
    for (const tenant of tenants) {
      const progress = await site.merges.progress(tenant);
      expect(progress).toMatchObject({ error: null, lastMerge: { documents: 2 } });
    }
    await worker.stop();
  }, 180_000);
});

describe("a NATS that is gone", () => {
  it("is told to publishers within its time-out, as 503, and they go on when it is back (I1)", async () => {
    const tenant = freshTenant("nats-gone");
    await site.nats.kill();
    const refused = await post(tenant, "application/json", JSON.stringify({ id: "a", text }));
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "1"]);
    expect(await refused.json()).toMatchObject({ code: "log_unavailable", retryable: true });
    await site.nats.restart();
    await eventually(async () => {
      const again = await post(tenant, "application/json", JSON.stringify({ id: "a", text }));
      expect(again.status).toBe(202);
    });
  });
});
