import { afterEach, expect, it } from "vitest";
import { type Fixture, fixture, keyOfAcme } from "./http-fixture.ts";

let current: Fixture;
afterEach(() => current.close());

const said = { query: "When?", sources: [{ id: "a", relevance: 1 }] };

it("takes feedback of a tenant and gives it back to who exports it", async () => {
  current = fixture({ keys: true });
  const headers = { authorization: `Bearer ${keyOfAcme}` };
  const url = "/v1/feedback";
  const stored = await current.app.inject({ method: "POST", url, headers, payload: said });
  expect([stored.statusCode, stored.json()]).toEqual([202, { seq: 1 }]);
  const page = await current.app.inject({ url: `${url}?limit=1`, headers });
  expect(page.json()).toMatchObject({ feedback: [{ ...said, seq: 1 }], next: 1 });
  const end = await current.app.inject({ url: `${url}?after=1`, headers });
  expect(end.json()).toEqual({ feedback: [], next: null });
});

it("refuses what is no feedback, no page, no JSON and no key", async () => {
  current = fixture({ keys: true });
  const headers = { authorization: `Bearer ${keyOfAcme}` };
  const url = "/v1/feedback";
  const codes = await Promise.all(
    [
      current.app.inject({ method: "POST", url, headers, payload: { query: "" } }),
      current.app.inject({ url: `${url}?limit=0`, headers }),
      current.app.inject({ method: "POST", url, payload: said }),
      current.app.inject({ method: "DELETE", url, headers }),
      current.app.inject({
        ...{ method: "POST", url, payload: "when" },
        headers: { ...headers, "content-type": "text/plain" },
      }),
    ].map(async (reply) => (await reply).json<{ code: string }>().code),
  );
  expect(codes).toEqual([
    ...["invalid_request", "invalid_request", "unauthorized", "method_not_allowed"],
    "unsupported_media_type",
  ]);
});
