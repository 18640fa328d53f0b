/** Two events are never one document, and what is no text is never stored as if it were. */

import { describe, expect, it } from "vitest";
import { operationsOf, presetMapper, type Told } from "./kit.ts";

const source = { db: "shop", schema: "public", table: "lines" };
const event = { specversion: "1.0", type: "com.crm.changed", source: "/crm", id: "1" };

const idsOf = async (name: "debezium" | "cloudevents", told: Told, options = {}) =>
  operationsOf(await presetMapper(name, options)(told)).map(({ id }) => id);

const inBase64 = (data: string | Uint8Array): string => Buffer.from(data).toString("base64");

describe("keys of several columns", () => {
  const rowId = (key: object): Promise<readonly unknown[]> =>
    idsOf("debezium", {
      body: { op: "c", after: { ...key, name: "Ann" }, source },
      headers: { key: JSON.stringify(key) },
    });

  it("tell rows apart whose values hold commas or backslashes", async () => {
    const keys = [
      { a: "1,2", b: "3" },
      { a: "1", b: "2,3" },
      { a: "1\\", b: "2,3" },
      { a: "1\\,2", b: "3" },
    ];
    const ids = (await Promise.all(keys.map(rowId))).flat();
    expect(new Set(ids).size).toBe(keys.length);
    expect(ids[1]).toBe("shop.public.lines/1,2\\,3");
  });

  it("stay as they are where nothing is to be told apart", async () => {
    expect(await rowId({ a: 1, b: "x" })).toEqual(["shop.public.lines/1,x"]);
    expect(await rowId({ name: "Smith, Ann" })).toEqual(["shop.public.lines/Smith, Ann"]);
  });
});

describe("what Debezium says beside changes of rows", () => {
  const mark = { id: "571:53195829", event_count: null, data_collections: null };

  it.each([
    ["heartbeat", { ts_ms: 1_700_000_000_123 }],
    ["heartbeat", { schema: {}, payload: { ts_ms: 1_700_000_000_123 } }],
    ["transaction", { status: "BEGIN", ...mark }],
    ["transaction", { status: "END", ...mark, event_count: 2 }],
    ["schema change", { source, databaseName: "shop", ddl: "CREATE TABLE x", tableChanges: [] }],
  ])("is left out by its name: %s", async (reason, body) => {
    expect(await presetMapper("debezium")({ body })).toEqual({ kind: "skipped", reason });
  });

  it("is not mistaken for a flattened row that has like columns", async () => {
    const rows = [
      { id: 1, ts_ms: 5 },
      { id: 2, status: "BEGIN", event_count: 1 },
      { id: 3, ddl: "x" },
    ];
    for (const body of rows) expect(await idsOf("debezium", { body })).toHaveLength(1);
  });
});

describe("CloudEvents", () => {
  it("refuse an event without id and subject: all of its source would be one document", async () => {
    const { id: _id, ...nameless } = event;
    const map = presetMapper("cloudevents");
    for (const body of [
      { ...nameless, data: { body: "x" } },
      { ...nameless, id: "", type: "com.crm.deleted" },
    ]) {
      expect(await map({ body })).toMatchObject({
        kind: "failed",
        message: expect.stringContaining("neither id nor subject"),
      });
    }
    expect(await idsOf("cloudevents", { body: { ...nameless, id: 12, data: "x" } })).toEqual([
      "/crm/12",
    ]);
  });

  it("have the same document for JSON in base64 as for JSON", async () => {
    const data = { id: "c-7", title: "Ann", at: "noon" };
    const plain = await presetMapper("cloudevents")({ body: { ...event, data } });
    const data_base64 = inBase64(JSON.stringify(data));
    for (const datacontenttype of ["application/json", "application/vnd.crm+json; charset=utf-8"]) {
      const body = { ...event, datacontenttype, data_base64 };
      expect(await presetMapper("cloudevents")({ body })).toEqual(plain);
    }
  });

  it("never store bytes that are no text", async () => {
    const picture = inBase64(new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0xff, 0xfe]));
    const body = { ...event, datacontenttype: "image/png", data_base64: picture };
    expect(await presetMapper("cloudevents")({ body })).toMatchObject({ kind: "failed" });
  });
});

describe("GitHub's events", () => {
  it("are refused without a repository: those of two would be one document", async () => {
    const issue = { number: 7, title: "Boiler leaks", body: null };
    for (const action of ["opened", "deleted"]) {
      const told = { body: { action, issue }, headers: { "x-github-event": "issues" } };
      expect(await presetMapper("github")(told)).toMatchObject({
        kind: "failed",
        message: expect.stringContaining("names no repository"),
      });
    }
  });
});
