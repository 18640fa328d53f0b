/** GET /v1/events, over injected requests: form, places to begin, bounds and refusals. */

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FreshetError } from "../../src/contract/errors.ts";
import type { StoredEvent } from "../../src/contract/events.ts";
import { type Fixture, fixture, keyOfAcme } from "./http-fixture.ts";

let current: Fixture;
beforeEach(() => {
  current = fixture();
});
afterEach(() => current.close());

const at = "2026-11-29T10:00:00.000Z";
const stored: readonly StoredEvent[] = [
  { id: "a", seq: 5, status: "visible", at },
  { id: null, seq: 6, status: "rejected", reason: "invalid_json", message: "no JSON\nat all", at },
  { id: "a", seq: 8, status: "deleted", at },
];

const get = (url: string, headers: Record<string, string> = {}) =>
  current.app.inject({ method: "GET", url, headers });
const idsIn = (payload: string) =>
  [...payload.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id));

describe("GET /v1/events", () => {
  it("sends each event with its sequence as id, on lines of its own", async () => {
    current.service.stored = stored;
    const reply = await get("/v1/events?from_seq=0");
    expect(reply.statusCode).toBe(200);
    expect(reply.headers["content-type"]).toMatch(/^text\/event-stream/);
    const data = [...reply.payload.matchAll(/^data: (.*)$/gm)].map(([, text = ""]) => text);
    expect(data.map((text) => JSON.parse(text) as unknown)).toEqual(stored);
    expect(idsIn(reply.payload)).toEqual([5, 6, 8]);
  });

  it("begins with from_seq, or after Last-Event-ID, which counts first", async () => {
    current.service.stored = stored;
    expect(idsIn((await get("/v1/events?from_seq=6")).payload)).toEqual([6, 8]);
    const back = await get("/v1/events?from_seq=0", { "last-event-id": "6" });
    expect(idsIn(back.payload)).toEqual([8]);
    expect(idsIn((await get("/v1/events?after=6&from_seq=0")).payload)).toEqual([8]);
    expect(idsIn((await get("/v1/events?after=0", { "last-event-id": "6" })).payload)).toEqual([8]);
  });

  it("takes a Last-Event-ID without a value for none", async () => {
    current.service.stored = stored;
    const reply = await get("/v1/events?from_seq=6", { "last-event-id": "" });
    expect(idsIn(reply.payload)).toEqual([6, 8]);
  });

  it.each([
    ["/v1/events?from_seq=now", {}, "from_seq"],
    ["/v1/events?from_seq=-1", {}, "from_seq"],
    ["/v1/events?from_seq=99999999999999999", {}, "from_seq"],
    ["/v1/events?from_seq=1&from_seq=2", {}, "from_seq"],
    ["/v1/events", { "last-event-id": "x" }, "Last-Event-ID"],
    ["/v1/events?after=x", {}, "after"],
  ])("refuses %s %j and names the field", async (url, headers, name) => {
    const reply = await get(url, headers);
    expect(reply.statusCode).toBe(400);
    expect(reply.json<{ detail: string }>().detail).toContain(name);
  });

  it("refuses a place that the log does not hold, before the stream begins", async () => {
    const details = { oldest_seq: 3 };
    current.service.failure = new FreshetError("events_expired", undefined, { details });
    current.service.failsAtOnce = true;
    const reply = await get("/v1/events?from_seq=1");
    expect(reply.statusCode).toBe(410);
    expect(reply.json()).toMatchObject({ code: "events_expired", details });
  });

  it("ends with an event `failed` when the log goes away later", async () => {
    current.service.failure = new FreshetError("log_unavailable");
    const { statusCode, payload } = await get("/v1/events");
    expect(statusCode).toBe(200);
    expect(payload).toContain("event: failed\n");
    expect(payload).toContain("log_unavailable");
  });

  it("gives back the place of a reader that has left", async () => {
    for (let reader = 0; reader < 300; reader += 1) {
      expect((await get("/v1/events")).statusCode).toBe(200);
    }
  });

  it("is for keys that may ask", async () => {
    await current.close();
    current = fixture({ keys: true });
    expect((await get("/v1/events")).statusCode).toBe(401);
    const authorization = `Bearer ${keyOfAcme}`;
    expect((await get("/v1/events", { authorization })).statusCode).toBe(200);
  });
});
