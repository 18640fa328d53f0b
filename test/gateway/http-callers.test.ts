import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { callsOf, type Fixture, fixture, keyOfAcme, keyOfGlobex } from "./http-fixture.ts";

let it_: Fixture;
beforeEach(() => {
  it_ = fixture();
});
afterEach(() => it_.close());

const { publish, ask } = callsOf(() => it_);

describe("who is asking", () => {
  beforeEach(async () => {
    await it_.close();
    it_ = fixture({ keys: true });
  });
  const as = (key: string) => ({ authorization: `Bearer ${key}` });

  it("is told by the key alone", async () => {
    await publish({ id: "a", text: "rivers" }, as(keyOfAcme));
    expect((await ask({ query: "rivers" }, as(keyOfAcme))).statusCode).toBe(200);
    expect((await ask({ query: "rivers" }, as(keyOfGlobex))).statusCode).toBe(404);
  });

  it.each([
    {},
    { authorization: "Bearer wrong-key-0123456789" },
    { authorization: `Basic ${keyOfAcme}` },
    { authorization: `Bearer ${keyOfAcme}x` },
    { authorization: `Bearer ${keyOfAcme.slice(0, -1)}` },
  ])("is refused in the same words without a valid key: %j", async (headers) => {
    const reply = await ask({ query: "rivers" }, headers);
    expect([reply.statusCode, reply.json()]).toEqual([
      401,
      expect.objectContaining({
        code: "unauthorized",
        detail: "no valid API key was given: send one as `Authorization: Bearer <key>`",
      }),
    ]);
    expect(reply.headers["www-authenticate"]).toBe("Bearer");
  });

  it("is not read from the URL", async () => {
    const reply = await it_.app.inject(`/v1/status?api_key=${keyOfAcme}&key=${keyOfAcme}`);
    expect(reply.statusCode).toBe(401);
  });

  it("may repeat the own tenant but not name another", async () => {
    const own = await publish({ id: "a", text: "t" }, { ...as(keyOfAcme), "x-tenant": "acme" });
    expect(own.statusCode).toBe(202);
    const other = await publish({ id: "a", text: "t" }, { ...as(keyOfAcme), "x-tenant": "globex" });
    expect([other.statusCode, other.json().code]).toEqual([403, "wrong_tenant"]);
  });

  it("sees the status of the own tenant only", async () => {
    await publish({ id: "a", text: "t" }, as(keyOfAcme));
    await publish({ id: "a", text: "t" }, as(keyOfGlobex));
    const { tenants } = (await it_.app.inject({ url: "/v1/status", headers: as(keyOfAcme) })).json<{
      tenants: { tenant: string }[];
    }>();
    expect(tenants.map(({ tenant }) => tenant)).toEqual(["acme"]);
  });

  it("cannot scrape metrics, which name other tenants, from wherever it comes", async () => {
    const scrape = (remoteAddress: string, headers = {}) =>
      it_.app.inject({ url: "/metrics", remoteAddress, headers });
    // Behind a proxy on this machine every request comes from loopback.
    expect((await scrape("127.0.0.1")).statusCode).toBe(401);
    expect((await scrape("10.0.0.7", as(keyOfAcme))).statusCode).toBe(401);
  });

  it("operators scrape metrics with a token of their own, which is no tenant's key", async () => {
    const token = "operator-0123456789";
    const other = fixture({ keys: true, operatorToken: token });
    const scrape = (headers = {}) => other.app.inject({ url: "/metrics", headers });
    expect((await scrape({ authorization: `Bearer ${token}` })).statusCode).toBe(200);
    expect((await scrape({ authorization: `Bearer ${token}x` })).statusCode).toBe(401);
    expect((await scrape()).statusCode).toBe(401);
    const asked = await other.app.inject({
      url: "/v1/status",
      headers: { authorization: `Bearer ${token}` },
    });
    expect(asked.statusCode).toBe(401);
    await other.close();
  });

  it.each(["/healthz", "/readyz", "/openapi.json"])(
    "%s answers to addresses and to the deployment's own names only",
    async (url) => {
      const other = fixture({ keys: true, hosts: ["Freshet.example"] });
      const statusFor = async (host: string) =>
        (await other.app.inject({ url, headers: { host } })).statusCode;
      for (const host of ["10.1.2.3:8787", "[fe80::1]:8787", "localhost", "freshet.example:443"])
        expect([host, await statusFor(host)]).toEqual([host, 200]);
      expect(await statusFor("rebound.example:8787")).toBe(401);
      await other.close();
    },
  );
});

describe("without keys", () => {
  it("the tenant is what the header says", async () => {
    await publish({ id: "a", text: "rivers" }, { "x-tenant": "acme" });
    expect((await ask({ query: "rivers" }, { "x-tenant": "acme" })).statusCode).toBe(200);
    expect((await ask({ query: "rivers" })).statusCode).toBe(404);
  });

  it.each(["a.b", "*", ">", "a b", "x".repeat(65), "ä", "a,b"])(
    "a tenant that NATS or Weaviate could misread is refused: %j",
    async (tenant) => {
      const reply = await ask({ query: "q" }, { "x-tenant": tenant });
      expect([reply.statusCode, reply.json().code]).toEqual([400, "invalid_tenant"]);
    },
  );

  it("a name that only a browser would bring here is refused", async () => {
    const reply = await ask({ query: "q" }, { host: "rebound.example:8787" });
    expect([reply.statusCode, reply.json().code]).toEqual([401, "unauthorized"]);
    expect((await ask({ query: "q" }, { host: "[::1]:8787" })).statusCode).toBe(404);
    for (const url of ["/metrics", "/readyz", "/healthz", "/openapi.json", "/v1/status"]) {
      const headers = { host: "rebound.example:8787" };
      expect([url, (await it_.app.inject({ url, headers })).statusCode]).toEqual([url, 401]);
    }
  });
});
