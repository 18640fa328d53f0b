/** The operators' routes over injected requests: who may, what is checked, what is told. */

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { AuditEvent } from "../../src/contract/audit.ts";
import { limits } from "../../src/contract/limits.ts";
import type { Operations } from "../../src/contract/operations.ts";
import { type Fixture, fixture, keyOfAcme } from "./http-fixture.ts";

let current: Fixture;
let asked: unknown[][];
let audited: AuditEvent[];

const noting: Operations = {
  async merge(...args) {
    asked.push(["merge", ...args]);
    return { progress: null };
  },
  async steer(...args) {
    asked.push(["steer", ...args]);
    return { progress: null, url: "http://127.0.0.1:8233/x" };
  },
  async letters(...args) {
    asked.push(["letters", ...args]);
    return { letters: [], next: null };
  },
  async replay(...args) {
    asked.push(["replay", ...args]);
    return [
      { seq: 5, as: 9 },
      { seq: 6, skipped: "its document had a later operation" },
    ];
  },
  async erase(...args) {
    asked.push(["erase", ...args]);
    return { erase: 7, documents: args[1].length };
  },
  async eraseState(...args) {
    asked.push(["eraseState", ...args]);
    return { state: "running" };
  },
};

beforeEach(() => {
  asked = [];
  audited = [];
  const audit = { record: (event: AuditEvent) => void audited.push(event) };
  current = fixture({ operations: noting, audit, keys: true });
});
afterEach(() => current.close());

const authorization = `Bearer ${keyOfAcme}`;
const get = (url: string, headers: Record<string, string> = { authorization }) =>
  current.app.inject({ method: "GET", url, headers });
const post = (url: string, body: unknown) =>
  current.app.inject({
    ...{ method: "POST", url, payload: JSON.stringify(body) },
    headers: { authorization, "content-type": "application/json" },
  });

describe("an erase of documents", () => {
  it("begins for the credential's own tenant, is written down, and says where to look", async () => {
    const reply = await post("/v1/erases", { ids: ["a", "b/c"] });
    expect(reply.statusCode).toBe(202);
    expect(reply.json()).toEqual({ erase: 7, documents: 2 });
    expect(audited.at(-1)).toMatchObject({
      ...{ tenant: "acme", operation: "document_erase", outcome: "ok", accepted: 2 },
    });
    expect((await get(String(reply.headers["location"]))).json()).toEqual({ state: "running" });
    expect(asked).toEqual([
      ["erase", "acme", ["a", "b/c"]],
      ["eraseState", "acme", 7],
    ]);
  });

  it("takes as many ids as the command line does in one erase, of any length", async () => {
    const ids = Array.from({ length: limits.eraseDocumentsMax }, (_, n) => `${n}`.padEnd(256, "é"));
    expect((await post("/v1/erases", { ids })).statusCode).toBe(202);
    expect((await post("/v1/erases", { ids: [...ids, "more"] })).statusCode).toBe(400);
  });

  it.each([
    [{}],
    [{ ids: [] }],
    [{ ids: "a" }],
    [{ ids: [7] }],
    [{ ids: [""] }],
    [{ ids: ["a\u0000"] }],
    [{ ids: ["x".repeat(513)] }],
    [{ ids: ["\ud83c"] }],
    [{ ids: ["a"], tenant: "globex" }],
    [["a"]],
  ])("refuses %j and asks nothing", async (body) => {
    const reply = await post("/v1/erases", body);
    expect(reply.statusCode).toBe(400);
    expect(asked).toEqual([]);
  });

  it.each(["x", "0", "-1", "1.5", "99999999999999999999"])("is not known by %s", async (seq) => {
    expect((await get(`/v1/erases/${seq}`)).statusCode).toBe(400);
    expect(asked).toEqual([]);
  });
});

describe("the merge of a tenant", () => {
  it("is shown and steered for the credential's own tenant", async () => {
    expect((await get("/v1/merge")).json()).toEqual({ progress: null });
    expect((await post("/v1/merge", { action: "pause" })).statusCode).toBe(200);
    expect(asked).toEqual([
      ["merge", "acme"],
      ["steer", "acme", "pause"],
    ]);
  });

  it.each([
    ["run", "merge_force"],
    ["pause", "merge_pause"],
    ["resume", "merge_resume"],
    ["cancel", "merge_cancel"],
  ])("%s is written down as %s", async (action, operation) => {
    await post("/v1/merge", { action });
    expect(audited.at(-1)).toMatchObject({ tenant: "acme", operation, outcome: "ok" });
  });

  it("is only looked at by a preview, which the trail does not keep", async () => {
    await post("/v1/merge", { action: "preview" });
    expect(audited).toEqual([]);
  });

  it.each([[{ action: "stop" }], [{}], [[]], [{ action: "run", tenant: "globex" }]])(
    "refuses %j and asks nothing",
    async (body) => {
      const reply = await post("/v1/merge", body);
      expect([reply.statusCode, asked]).toEqual([400, []]);
      expect(reply.json()).toMatchObject({ code: "invalid_request" });
    },
  );
});

describe("dead letters", () => {
  it("are read page by page", async () => {
    await get("/v1/dead-letters");
    await get("/v1/dead-letters?after=7&limit=3");
    expect(asked).toEqual([
      ["letters", "acme", { after: 0, max: limits.dlqListDefault }],
      ["letters", "acme", { after: 7, max: 3 }],
    ]);
  });

  it.each(["after=x", "after=-1", "limit=0", "limit=201", "limit=1&limit=2"])(
    "with %s are refused",
    async (query) => {
      const reply = await get(`/v1/dead-letters?${query}`);
      expect([reply.statusCode, asked]).toEqual([400, []]);
    },
  );

  it("are published again, and how many were is written down", async () => {
    const reply = await post("/v1/dead-letters/replay", { seqs: [5, 6] });
    expect(reply.json<{ results: unknown[] }>().results).toHaveLength(2);
    expect(asked).toEqual([["replay", "acme", [5, 6]]]);
    expect(audited.at(-1)).toMatchObject({ operation: "dlq_replay", accepted: 1, refused: 1 });
  });

  it.each([[{ seqs: [] }], [{ seqs: [0] }], [{ seqs: ["5"] }], [{}]])(
    "are not published again for %j",
    async (body) => {
      expect((await post("/v1/dead-letters/replay", body)).statusCode).toBe(400);
      expect(asked).toEqual([]);
    },
  );
});

it("the routes are not there for a caller without a key, and say 404 where they lead nowhere", async () => {
  for (const url of ["/v1/merge", "/v1/dead-letters"]) {
    expect((await get(url, {})).statusCode).toBe(401);
  }
  const without = fixture();
  const reply = await without.app.inject({ method: "GET", url: "/v1/merge" });
  expect(reply.statusCode).toBe(404);
  await without.close();
});

it("the text of a document is its passages, and 404 when it is absent", async () => {
  await post("/v1/documents", { id: "rivers", text: "rivers run" });
  const reply = await get("/v1/documents/rivers/text");
  expect(reply.json()).toMatchObject({ passages: [{ id: "rivers" }], complete: true });
  expect(current.service.asked.at(-1)?.question).toMatchObject({ filter: { id: "rivers" } });
  expect((await get("/v1/documents/lakes/text")).statusCode).toBe(404);
});
