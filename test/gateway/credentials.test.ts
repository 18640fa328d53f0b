/** Keys of the key store and tokens: who comes in, with which role, and until when. */

import { randomBytes } from "node:crypto";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from "jose";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type ApiKey, makeApiKey, type Role } from "../../src/contract/api-key.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { KeyStore } from "../../src/gateway/key-store.ts";
import { tokenVerifier } from "../../src/gateway/tokens.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { type Fixture, fixture } from "./http-fixture.ts";

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "freshet-keys-"));
  path = join(directory, "keys.json");
});
const open: Fixture[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()));
  rmSync(directory, { recursive: true, force: true });
});

const startMs = 1_700_000_000_000;
const acme = "acme" as TenantId;

function made(grant: Partial<ApiKey> = {}) {
  const created_at = new Date(startMs).toISOString();
  return makeApiKey({ tenant: acme, roles: ["admin"], created_at, ...grant }, randomBytes);
}

/** As `freshet key` does: beside, then moved. */
function write(...entries: readonly ApiKey[]): void {
  writeFileSync(`${path}.new`, JSON.stringify({ format: 1, keys: entries }));
  renameSync(`${path}.new`, path);
}

function served() {
  const clock = createManualClock(startMs);
  const lines: string[] = [];
  const say = (fields: object, message: string) =>
    void lines.push(`${message} ${JSON.stringify(fields)}`);
  const logger = { debug: say, info: say, warn: say, error: say };
  const keyStore = KeyStore.open({ path, clock, logger });
  const one = fixture({ credentials: { keyStore } });
  open.push(one);
  return { ...one, clock, lines, keyStore };
}

const requests = {
  ask: { method: "POST", url: "/answer", payload: { query: "what is new?" } },
  publish: { method: "POST", url: "/v1/documents", payload: { id: "a", text: "b" } },
  delete: { method: "DELETE", url: "/v1/documents/a" },
  document: { method: "GET", url: "/v1/documents/a" },
  documents: { method: "GET", url: "/v1/documents" },
  status: { method: "GET", url: "/v1/status" },
} as const;
type RequestName = keyof typeof requests;

async function codeOf({ app }: Fixture, name: RequestName, key: string, headers = {}) {
  const authorization = `Bearer ${key}`;
  const reply = await app.inject({ ...requests[name], headers: { authorization, ...headers } });
  return reply.statusCode < 300 ? "ok" : reply.json<{ code: string }>().code;
}

describe("a key of the key store", () => {
  it.each<[Role, readonly RequestName[]]>([
    ["ingest", ["publish", "delete", "document", "documents", "status"]],
    ["query", ["ask", "document", "documents", "status"]],
    ["admin", Object.keys(requests) as RequestName[]],
  ])("with the role %s may do what that role does, and nothing else", async (role, allowed) => {
    const { key, entry } = made({ roles: [role] });
    write(entry);
    const one = served();
    for (const name of Object.keys(requests) as RequestName[]) {
      const code = await codeOf(one, name, key);
      const isForbidden = code === "forbidden";
      expect([name, isForbidden]).toEqual([name, !allowed.includes(name)]);
      expect(code).not.toBe("unauthorized");
    }
  });

  it("says which role is missing, and of which it is", async () => {
    const { key, entry } = made({ roles: ["query"] });
    write(entry);
    const { app } = served();
    const headers = { authorization: `Bearer ${key}` };
    const reply = await app.inject({ ...requests.publish, headers });
    expect(reply.statusCode).toBe(403);
    expect(reply.json().detail).toBe("this takes a key with the role ingest; this one has query");
  });

  it("belongs to its tenant whatever the request says", async () => {
    const { key, entry } = made();
    write(entry);
    const one = served();
    expect(await codeOf(one, "status", key, { "x-tenant": "globex" })).toBe("wrong_tenant");
    await codeOf(one, "ask", key);
    expect(one.service.asked.map(({ tenant }) => tenant)).toEqual(["acme"]);
  });

  it.each<[string, readonly string[] | undefined]>([
    ["none", undefined],
    ["an empty list", []],
    ["a list", ["sales", "team:ops"]],
  ])("with %s of groups reads with these, whatever the request says (AC1)", async (_, groups) => {
    const { key, entry } = made(groups === undefined ? {} : { groups: [...groups] });
    write(entry);
    const one = served();
    const claimed = { "x-groups": "root", "x-freshet-groups": "root", groups: "root" };
    for (const name of ["ask", "document", "documents"] as const) {
      await codeOf(one, name, key, claimed);
    }
    expect(one.service.readers).toEqual(Array(3).fill({ tenant: "acme", groups }));
    const payload = { query: "what is new?", groups: ["root"] };
    const headers = { authorization: `Bearer ${key}` };
    const reply = await one.app.inject({ method: "POST", url: "/answer", payload, headers });
    expect(reply.json()).toMatchObject({ code: "invalid_request" });
  });

  it("with groups is told no numbers of its tenant, which count what it may not know of", async () => {
    const [all, some] = [made(), made({ groups: [] })];
    write(all.entry, some.entry);
    const one = served();
    await codeOf(one, "publish", all.key);
    const tenantsFor = async (key: string) => {
      const headers = { authorization: `Bearer ${key}` };
      const reply = await one.app.inject({ method: "GET", url: "/v1/status", headers });
      return reply.json<{ tenants: unknown[] }>().tenants;
    };
    expect(await tenantsFor(all.key)).toHaveLength(1);
    expect(await tenantsFor(some.key)).toEqual([]);
  });

  it("opens nothing when it was changed, cut or made up, all told alike", async () => {
    const { key, entry } = made();
    write(entry);
    const one = served();
    const other = made().key;
    const forged = `${key.slice(0, -1)}${key.endsWith("A") ? "B" : "A"}`;
    for (const wrong of [other, forged, key.slice(0, -1), entry.id, entry.sha256, "frk_"]) {
      expect(await codeOf(one, "status", wrong)).toBe("unauthorized");
    }
  });

  it("that has expired opens nothing, from that moment", async () => {
    const expires_at = new Date(startMs + 60_000).toISOString();
    const { key, entry } = made({ expires_at });
    write(entry);
    const one = served();
    await one.clock.advance(59_999);
    expect(await codeOf(one, "status", key)).toBe("ok");
    await one.clock.advance(1);
    expect(await codeOf(one, "status", key)).toBe("unauthorized");
  });

  it("that was added or revoked counts without a restart (KS1)", async () => {
    const [first, second] = [made(), made({ tenant: "globex" as TenantId })];
    write(first.entry);
    const one = served();
    write(second.entry);
    await one.clock.advance(limits.keyStoreCheckMs);
    expect(await codeOf(one, "status", first.key)).toBe("unauthorized");
    expect(await codeOf(one, "status", second.key)).toBe("ok");
    expect(one.keyStore.has(acme)).toBe(false);
  });

  it("keeps its rights while the file is broken or gone, and the log says so once (KS2)", async () => {
    const { key, entry } = made();
    write(entry);
    const one = served();
    writeFileSync(path, '{"format":1,"keys":[{');
    for (let look = 0; look < 3; look += 1) {
      await one.clock.advance(limits.keyStoreCheckMs);
      expect(await codeOf(one, "status", key)).toBe("ok");
    }
    rmSync(path);
    for (let look = 0; look < 3; look += 1) {
      await one.clock.advance(limits.keyStoreCheckMs);
      expect(await codeOf(one, "status", key)).toBe("ok");
    }
    expect(
      one.lines.filter((line) => line.startsWith("the key store cannot be read")),
    ).toHaveLength(2);
    write();
    await one.clock.advance(limits.keyStoreCheckMs);
    expect(await codeOf(one, "status", key)).toBe("unauthorized");
  });

  it("is in no log line and in no metric; its id tells when it was used", async () => {
    const { key, entry } = made();
    write(entry);
    const one = served();
    await codeOf(one, "ask", key);
    await codeOf(one, "publish", key);
    const shown = [...one.lines, await one.metrics.metricsText()].join("\n");
    expect(shown).not.toContain(key);
    expect(shown).not.toContain(entry.sha256);
    expect(shown).toContain(`freshet_api_key_used_timestamp_seconds{key="${entry.id}"}`);
  });
});

describe("a key store", () => {
  it.each([
    ["that is not there", undefined, /no such file/],
    ["that is not JSON", "keys", /not JSON/],
    ["of another format", '{"format":2,"keys":[]}', /format/],
    [
      "with a role that does not exist",
      JSON.stringify({ format: 1, keys: [{ ...made().entry, roles: ["root"] }] }),
      /keys.0.roles.0/,
    ],
    [
      "with a group that can be no label",
      JSON.stringify({ format: 1, keys: [{ ...made().entry, groups: [" a"] }] }),
      /keys.0.groups.0/,
    ],
    ["with an id twice", JSON.stringify({ format: 1, keys: Array(2).fill(made().entry) }), /twice/],
  ])("%s ends the start with one line that names the setting", (_, text, reason) => {
    if (text !== undefined) writeFileSync(path, text);
    const start = () => served();
    expect(start).toThrow(/^FRESHET_KEY_STORE: [^\n]+$/);
    expect(start).toThrow(reason);
  });
});

// --- tokens ------------------------------------------------------------------------------------

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
