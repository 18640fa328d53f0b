/** Tokens of an identity provider: who comes in, with which role and groups, and until when. */

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from "jose";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { tokenVerifier } from "../../src/gateway/tokens.ts";
import { codeOf, type RequestName, requests } from "./credential-requests.ts";
import { type Fixture, fixture } from "./http-fixture.ts";

const open: Fixture[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()));
});

describe("a token", () => {
  let provider: Server;
  let issuer: string;
  let pair: Awaited<ReturnType<typeof generateKeyPair>>;
  let stranger: Awaited<ReturnType<typeof generateKeyPair>>;
  /** What the provider answers with; undefined: an outage. */
  let keys: unknown;
  let published: unknown;

  beforeAll(async () => {
    pair = await generateKeyPair("ES256", { extractable: true });
    stranger = await generateKeyPair("ES256", { extractable: true });
    const own = await exportJWK(pair.publicKey);
    published = { keys: [{ ...own, kid: "1", alg: "ES256" }] };
    provider = createServer(({ url }, response) => {
      const isDiscovery = url === "/.well-known/openid-configuration";
      const body = isDiscovery ? { issuer, jwks_uri: `${issuer}/keys` } : keys;
      response.statusCode = keys === undefined ? 500 : 200;
      response.end(JSON.stringify(body ?? {}));
    });
    await new Promise<void>((resolve) => provider.listen(0, "127.0.0.1", resolve));
    issuer = `http://127.0.0.1:${(provider.address() as AddressInfo).port}`;
  });
  beforeEach(() => {
    keys = published;
  });
  afterAll(() => void provider.close());

  const audience = "freshet";
  const claims = { tenant: "acme", roles: ["query"] };

  function signed(
    payload: JWTPayload = claims,
    change: {
      readonly by?: typeof pair;
      readonly iss?: string;
      readonly aud?: string;
      readonly exp?: string;
    } = {},
  ): Promise<string> {
    return new SignJWT(payload)
      .setProtectedHeader({ alg: "ES256", kid: "1" })
      .setIssuer(change.iss ?? issuer)
      .setAudience(change.aud ?? audience)
      .setExpirationTime(change.exp ?? "10m")
      .sign((change.by ?? pair).privateKey);
  }

  function taking(groupsClaim?: string): Fixture {
    const named = { tenantClaim: "tenant", rolesClaim: "roles", groupsClaim };
    const settings = { issuer, audience, ...named };
    const one = fixture({ credentials: { verifyToken: tokenVerifier(settings) } });
    open.push(one);
    return one;
  }

  it("of the issuer names tenant and roles", async () => {
    const one = taking();
    const token = await signed();
    expect(await codeOf(one, "status", token)).toBe("ok");
    expect(await codeOf(one, "publish", token)).toBe("forbidden");
    const both = await signed({ tenant: "acme", roles: "openid ingest" });
    expect(await codeOf(one, "publish", both)).toBe("ok");
    await codeOf(one, "ask", token);
    expect(one.service.asked.map(({ tenant }) => tenant)).toEqual(["acme"]);
  });

  it.each([{ roles: [] }, { roles: ["offline_access"] }, {}])(
    "whose claims (%j) give no role here opens nothing, not even what takes any role",
    async (given) => {
      const one = taking();
      const token = await signed({ tenant: "acme", ...given });
      for (const name of Object.keys(requests) as RequestName[]) {
        expect([name, await codeOf(one, name, token)]).toEqual([name, "forbidden"]);
      }
      const headers = { authorization: `Bearer ${token}` };
      expect((await one.app.inject({ url: "/v1/models", headers })).statusCode).toBe(403);
    },
  );

  it.each<[string, string | undefined, JWTPayload, readonly string[] | undefined]>([
    ["a list", undefined, { groups: ["sales", "Domain Users"] }, ["sales", "Domain Users"]],
    ["the text of one", undefined, { groups: "Domain Users" }, ["Domain Users"]],
    ["an empty list", undefined, { groups: [] }, []],
    ["none: it sees everything", undefined, {}, undefined],
    ["none where a claim is set: it has none", "groups", {}, []],
    ["null: it is in none (OT3)", undefined, { groups: null }, []],
    ["a claim of another name", "team", { team: ["a"], groups: ["root"] }, ["a"]],
  ])("has as groups %s", async (_, claim, more, groups) => {
    const one = taking(claim);
    await codeOf(one, "ask", await signed({ ...claims, ...more }));
    expect(one.service.readers).toEqual([{ tenant: "acme", groups }]);
  });

  it.each<[string, JWTPayload]>([
    ["are no texts", { groups: [{ name: "sales" }] }],
    ["are an object", { groups: { sales: true } }],
    ["are too many", { groups: Array.from({ length: limits.accessGroupsMax + 1 }, String) }],
    ["are left out for their number", { _claim_names: { groups: "src1" } }],
    ["are left out for their number, as another provider says it", { hasgroups: true }],
  ])("whose groups %s opens nothing: it must not see more for it (OT3)", async (_, more) => {
    const one = taking();
    // Ours only where the token is not too long for the headers of a request.
    const code = await codeOf(one, "ask", await signed({ ...claims, ...more }));
    expect(code).toBe("unauthorized");
    expect(one.service.readers).toEqual([]);
  });

  it("that is wrong in any way opens nothing", async () => {
    const one = taking();
    const good = await signed();
    const unsigned = [
      Buffer.from('{"alg":"none"}').toString("base64url"),
      good.split(".")[1],
      "AA",
    ].join(".");
    const shared = await new SignJWT(claims)
      .setProtectedHeader({ alg: "HS256", kid: "1" })
      .setIssuer(issuer)
      .setAudience(audience)
      .setExpirationTime("10m")
      .sign(new TextEncoder().encode(JSON.stringify(await exportJWK(pair.publicKey))));
    const wrong = {
      signature: await signed(claims, { by: stranger }),
      issuer: await signed(claims, { iss: "https://issuer.example" }),
      audience: await signed(claims, { aud: "another service" }),
      expired: await signed(claims, { exp: "-2m" }),
      noTenant: await signed({ roles: ["admin"] }),
      badTenant: await signed({ tenant: "docs.*", roles: ["admin"] }),
      unsigned,
      shared,
      cut: good.slice(0, -4),
    };
    for (const [name, token] of Object.entries(wrong)) {
      expect([name, await codeOf(one, "status", token)]).toEqual([name, "unauthorized"]);
    }
    expect(await codeOf(one, "status", good)).toBe("ok");
  });

  it.each<[string, JWTPayload, Parameters<typeof signed>[1], RegExp]>([
    ["of another service", claims, { aud: "another" }, /^the token's aud .*FRESHET_OIDC_AUDIENCE/],
    ["of another issuer", claims, { iss: "https://b.example" }, /^the token's iss .*_OIDC_ISSUER/],
    ["for later", { ...claims, nbf: 4_000_000_000 }, {}, /^the token is not valid yet$/],
  ])("%s is refused with what is wrong with it", async (_, payload, change, reason) => {
    const authorization = `Bearer ${await signed(payload, change)}`;
    const reply = await taking().app.inject({ ...requests.status, headers: { authorization } });
    expect([reply.statusCode, reply.json().detail]).toEqual([401, expect.stringMatching(reason)]);
  });

  it("of a stranger, or that ends never, is refused with what is wrong with it", async () => {
    const said = async (token: string) => {
      const authorization = `Bearer ${token}`;
      const reply = await taking().app.inject({ ...requests.status, headers: { authorization } });
      return reply.json<{ detail: string }>().detail;
    };
    expect(await said(await signed(claims, { by: stranger }))).toMatch(/not signed by a key of/);
    const endless = new SignJWT(claims)
      .setProtectedHeader({ alg: "ES256", kid: "1" })
      .setIssuer(issuer)
      .setAudience(audience);
    expect(await said(await endless.sign(pair.privateKey))).toBe("the token has no exp");
  });

  it("cannot be checked during an outage of the issuer, which is told as that (OT2)", async () => {
    const one = taking();
    const token = await signed();
    keys = undefined;
    expect(await codeOf(one, "status", token)).toBe("identity_unavailable");
    keys = published;
    expect(await codeOf(one, "status", token)).toBe("ok");
    // The keys are known now: an outage stops nothing.
    keys = undefined;
    expect(await codeOf(one, "status", token)).toBe("ok");
    expect(await codeOf(one, "status", await signed(claims, { by: stranger }))).toBe(
      "unauthorized",
    );
  });
});
