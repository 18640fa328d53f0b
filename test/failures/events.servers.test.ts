/** The durable event stream of real processes, read by a subscriber that is cut again and again. */

import { afterAll, beforeAll, expect, it } from "vitest";
import { readEvents } from "../../src/cli/event-reader.ts";
import type { StoredEvent } from "../../src/contract/events.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import { storedEventSchema } from "../../src/contract/service-schemas.ts";
import {
  type FreshetProcess,
  freshTenant,
  openSite,
  type Site,
} from "../support/engine-process.ts";
import { type Client, httpClient } from "../support/http-service.ts";
import { eventually } from "../support/promises.ts";

let site: Site;
let engine: FreshetProcess;
let client: Client;

beforeAll(async () => {
  site = await openSite();
  engine = await site.startEngine();
  client = httpClient(engine.url);
});

afterAll(() => site.close());

const payloadOf = (index: number): string => {
  const id = `doc-${index % 40}`;
  if (index % 11 === 10) return JSON.stringify({ id, text: 7 });
  if (index % 7 === 6) return JSON.stringify({ op: "delete", id });
  return JSON.stringify({ id, text: `Box ${index} stands in hall ${index % 9}.` });
};

async function publishAll(tenant: TenantId, count: number): Promise<readonly number[]> {
  const seqs: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const payload = new TextEncoder().encode(payloadOf(index));
    seqs.push((await site.log.docs.publish({ tenant, payload })).seq);
  }
  return seqs;
}

/** Reads until `most` events have come, or the engine has gone; then its socket is cut. */
async function readSome(
  tenant: TenantId,
  after: number,
  most: number,
): Promise<readonly StoredEvent[]> {
  const cut = new AbortController();
  const seen: StoredEvent[] = [];
  try {
    const headers = { "x-tenant": tenant, "last-event-id": String(after) };
    const { body } = await fetch(`${engine.url}/v1/events`, { headers, signal: cut.signal });
    for await (const { event, data } of readEvents(body ?? new ReadableStream())) {
      if (event === "failed") break;
      seen.push(storedEventSchema.parse(data));
      if (seen.length >= most) break;
    }
  } catch {
    // The engine was killed under it.
  } finally {
    cut.abort();
  }
  return seen;
}

it("loses nothing and reorders nothing for a subscriber that is cut fifty times, while the engine is killed (EO1)", async () => {
  const tenant = freshTenant("events");
  const publishing = publishAll(tenant, 300);
  const seen: StoredEvent[] = [];
  let cuts = 0;
  let killed = false;
  while (seen.length < 300) {
    const most = 1 + (cuts % 6) * 2;
    const left = Math.min(most, 300 - seen.length);
    const page = await readSome(tenant, seen.at(-1)?.seq ?? 0, left);
    seen.push(...page);
    cuts += 1;
    if (!killed && seen.length > 60) {
      killed = true;
      await engine.kill9();
      await engine.restart();
    }
  }
  const seqs = await publishing;
  expect(cuts).toBeGreaterThanOrEqual(50);
  expect(seen.map(({ seq }) => seq)).toEqual(seqs);
  expect(seen.map(({ status }) => status)).toEqual(
    seqs.map((_, index) => {
      if (index % 11 === 10) return "rejected";
      return index % 7 === 6 ? "deleted" : "visible";
    }),
  );
});

it("sends an event only after a question sees what it says (EO2)", async () => {
  const tenant = freshTenant("shown");
  const [first = 0] = await publishAll(tenant, 1);
  await eventually(async () => {
    expect((await client.status()).tenants.some((one) => one.tenant === tenant)).toBe(true);
  });
  let last = first - 1;
  for (let round = 0; round < 30; round += 1) {
    const text = `The crane of round ${round} lifts stones.`;
    const payload = new TextEncoder().encode(JSON.stringify({ id: "crane", text }));
    const { seq } = await site.log.docs.publish({ tenant, payload });
    const events: StoredEvent[] = [];
    while (events.at(-1)?.seq !== seq) {
      events.push(...(await readSome(tenant, events.at(-1)?.seq ?? last, 1)));
    }
    last = seq;
    const { sources } = await client.search(tenant, "Which crane lifts stones?");
    expect(sources.find(({ id }) => id === "crane")?.text).toBe(text);
  }
});
