/** A write never passes over what its sender asked for. */

import { afterEach, beforeEach, expect, it } from "vitest";
import { type Fixture, fixture } from "./http-fixture.ts";

let it_: Fixture;

beforeEach(async () => {
  it_ = fixture();
});

afterEach(() => it_.app.close());

const document = { id: "a", text: "rivers" };
const write = (
  method: "POST" | "DELETE",
  url: string,
  headers: Readonly<Record<string, string>> = {},
) => it_.app.inject({ method, url, headers, ...(method === "POST" ? { payload: document } : {}) });

it.each([
  ["POST", "/v1/documents?refresh=true"],
  ["DELETE", "/v1/documents/a?version=7"],
  ["POST", "/v1/erases?dry_run=true"],
  ["POST", "/v1/merge?action=preview"],
  ["DELETE", "/v1/webhooks/wh_1?dry_run=1"],
  ["POST", "/v1/feedback?tenant=b"],
] as const)("%s %s is refused, not carried out without its query string", async (method, url) => {
  await write("POST", "/v1/documents");
  const reply = await write(method, url);
  expect([reply.statusCode, reply.json().code]).toEqual([400, "invalid_request"]);
  expect(reply.json().detail).toContain("query string");
  expect((await it_.app.inject("/v1/documents/a")).json()).toMatchObject({ seq: 1 });
});

it.each(["if-match", "if-none-match", "if-unmodified-since"])(
  "a publish or a delete under the condition %s changes nothing",
  async (name) => {
    await write("POST", "/v1/documents");
    for (const [method, url] of [
      ["POST", "/v1/documents"],
      ["DELETE", "/v1/documents/a"],
    ] as const) {
      const reply = await write(method, url, { [name]: '"1"' });
      expect([reply.statusCode, reply.json().code]).toEqual([400, "invalid_request"]);
      expect(reply.json().detail).toContain(name);
    }
    expect((await it_.app.inject("/v1/documents/a")).json()).toMatchObject({ seq: 1 });
  },
);

it("reads may be conditional: a browser's cache asks so", async () => {
  await write("POST", "/v1/documents");
  const headers = { "if-none-match": '"1"' };
  const reply = await it_.app.inject({ url: "/v1/documents/a", headers });
  expect(reply.statusCode).toBe(200);
});
