/** Keys of the key store: who comes in, with which role, and until when. */

import { randomBytes } from "node:crypto";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type ApiKey, makeApiKey, type Role } from "../../src/contract/api-key.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { KeyStore } from "../../src/gateway/key-store.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { codeOf, type RequestName, requests } from "./credential-requests.ts";
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
    // Told to who holds the whole of it, and to nobody else.
    const told = async (given: string) => {
      const headers = { authorization: `Bearer ${given}` };
      return (await one.app.inject({ ...requests["status"], headers })).body;
    };
    expect(await told(key)).toContain(`the API key ${entry.id} has expired`);
    expect(await told(`${key.slice(0, -3)}abc`)).toContain("no valid API key was given");
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

  it.each<[string, (key: ApiKey) => readonly ApiKey[], string]>([
    ["is revoked", () => [], "unauthorized"],
    ["expires", (key) => [{ ...key, expires_at: new Date(startMs).toISOString() }], "unauthorized"],
    ["loses its role", (key) => [{ ...key, roles: ["ingest"] }], "forbidden"],
    ["gets groups", (key) => [{ ...key, groups: ["sales"] }], "unauthorized"],
  ])("that %s ends the streams that it has opened (KS1)", async (_, change, code) => {
    const { key, entry } = made();
    const other = made();
    write(entry, other.entry);
    const one = served();
    one.service.hold = Promise.resolve();
    const { url } = await one.listen();
    const open = (as: string) =>
      fetch(`${url}/v1/events`, { headers: { authorization: `Bearer ${as}` } });
    const [stream, stays] = [await open(key), await open(other.key)];
    write(...change(entry), other.entry);
    await one.clock.advance(limits.keyStoreCheckMs);
    const text = await stream.text();
    expect(text).toMatch(/event: failed\n/);
    expect(text).toContain(`"code":"${code}"`);
    // The other one is still heard.
    expect(await codeOf(one, "status", other.key)).toBe("ok");
    await stays.body?.cancel();
  });

  it("that is revoked ends what its agent listens to (KS1)", async () => {
    const { key, entry } = made();
    write(entry);
    const one = served();
    one.service.hold = Promise.resolve();
    const { url } = await one.listen();
    const ends: Promise<string>[] = [];
    const client = new Client(
      { name: "test", version: "1" },
      { versionNegotiation: { mode: "auto" } },
    );
    const transport = new StreamableHTTPClientTransport(new URL("/mcp", url), {
      requestInit: { headers: { authorization: `Bearer ${key}` } },
      fetch: async (place, init) => {
        const reply = await fetch(place, init);
        if (String(init?.body).includes("subscriptions/listen")) ends.push(reply.clone().text());
        return reply;
      },
    });
    await client.connect(transport);
    await client.listen({ resourceSubscriptions: ["freshet://acme/documents/a"] });
    expect(ends).toHaveLength(1);
    write();
    await one.clock.advance(limits.keyStoreCheckMs);
    await Promise.allSettled(ends);
    expect(await codeOf(one, "status", key)).toBe("unauthorized");
    await client.close();
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
