/** A real engine whose log has no room, or is gone: publishers hear it, tenants wait, and nothing is lost. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Version } from "../../src/contract/ids.ts";
import {
  type FreshetProcess,
  freshTenant,
  openSite,
  type Site,
} from "../support/engine-process.ts";
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
