/** `freshet tenant` on a real folder, and what it writes there. */

import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decode, parseCreds } from "@nats-io/jwt";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { runHere } from "../support/run-cli.ts";

/** A store with the tenant acme; signing takes half a second, so each test has a copy. */
let template: string;
let store: string;
const freshStore = () => join(mkdtempSync(join(tmpdir(), "freshet-tenant-")), "store");
const withAcme = () => cpSync(template, store, { recursive: true });
const remove = (path: string) => rmSync(join(path, ".."), { recursive: true, force: true });

beforeAll(async () => {
  store = freshStore();
  template = store;
  await run("create", "acme");
});
beforeEach(() => {
  store = freshStore();
});
afterEach(() => remove(store));
afterAll(() => remove(template));

const run = (...args: readonly string[]) =>
  runHere(["tenant", ...args], { env: { FRESHET_TENANT_STORE: store } });

const json = async (...args: readonly string[]) => JSON.parse((await run(...args, "--json")).out);

interface AccountClaims {
  readonly limits: Readonly<Record<string, number>>;
  readonly imports?: readonly { readonly local_subject: string; readonly subject: string }[];
  readonly revocations?: Readonly<Record<string, number>>;
  readonly default_permissions: object;
  readonly signing_keys: readonly { readonly role: string }[];
}

const accountOf = (key: string) =>
  decode<AccountClaims>(readFileSync(join(store, "jwt", `${key}.jwt`), "utf8")) as {
    readonly nats: AccountClaims;
  };
const conf = (form: string) => readFileSync(join(store, "nats", `${form}.conf`), "utf8");

function filesBelow(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).map((entry) =>
    join(entry.parentPath, entry.name),
  );
}

describe("freshet tenant", () => {
  it("creates an account whose subjects are the tenant's, and says where its credentials are", async () => {
    const { out, err, code } = await run("create", "acme");
    expect(code).toBe(0);
    expect(out).toBe(`${join(store, "tenants", "acme.creds")}\n`);
    expect(err).toMatch(/^credentials of acme; in effect when the server has it: --server/);
    const { tenants } = await json("list");
    const { nats } = accountOf(tenants[0].account);
    expect(nats.imports?.map(({ local_subject, subject }) => [local_subject, subject])).toEqual([
      ["docs", "docs.acme"],
      ["query", "query.acme"],
      ["api.*", "api.acme.*"],
      ["events", "events.acme"],
    ]);
    expect(nats.limits).toMatchObject({ disk_storage: 0, streams: 0, leaf: 0, conn: 256 });
    const { uc, aid } = await parseCreds(readFileSync(out.trim()));
    expect(aid).toBe(tenants[0].account);
    expect(uc.sub).toBe(tenants[0].users[0].key);
  });

  it("keeps all of it from other users of the machine, also in a folder that was there", async () => {
    mkdirSync(store, { mode: 0o755 });
    await run("create", "acme");
    expect(statSync(store).mode & 0o777).toBe(0o700);
    const entries = filesBelow(store);
    expect(entries.length).toBeGreaterThan(20);
    for (const entry of entries) {
      const stat = statSync(entry);
      expect([entry, stat.mode & 0o777]).toEqual([entry, stat.isDirectory() ? 0o700 : 0o600]);
    }
  });

  it("writes no seed into what a server includes, nor into what it lists", async () => {
    withAcme();
    const seeds = readdirSync(join(store, "keys")).map((name) =>
      readFileSync(join(store, "keys", name), "utf8").trim(),
    );
    const forms = ["operator", "operator-memory", "accounts", "one-account"];
    const shown = [...forms.map(conf), (await run("list")).out, JSON.stringify(await json("list"))];
    expect(seeds.length).toBeGreaterThan(8);
    for (const seed of seeds) for (const text of shown) expect(text).not.toContain(seed);
    for (const form of forms) {
      expect((await run("permissions", "--format", form)).out).toBe(conf(form));
    }
  });

  it("the engine's account has JetStream, the system's has none, and unscoped users may do nothing", async () => {
    withAcme();
    const { engine, system } = JSON.parse(readFileSync(join(store, "accounts.json"), "utf8"));
    const ofEngine = accountOf(engine.account).nats;
    expect(ofEngine.limits).toMatchObject({ disk_storage: -1, conn: -1, subs: -1, leaf: 0 });
    const ofSystem = accountOf(system.account).nats;
    expect(ofSystem.limits).toMatchObject({ disk_storage: 0, mem_storage: 0, conn: -1 });
    for (const { default_permissions, signing_keys } of [ofEngine, ofSystem]) {
      expect(default_permissions).toEqual({ pub: { deny: [">"] }, sub: { deny: [">"] } });
      expect(signing_keys.length).toBeGreaterThan(0);
    }
  });

  it("keeps tokens below what a server takes of a connecting client", async () => {
    await run("create", "a".repeat(64));
    for (const creds of filesBelow(store).filter((path) => path.endsWith(".creds"))) {
      expect(readFileSync(creds).length).toBeLessThan(2_048);
    }
  });

  it("rotates: the old user ends, or stays until it is revoked by its key", async () => {
    withAcme();
    const [first] = (await json("list")).tenants[0].users;
    const { users, creds, account } = await json("rotate", "acme");
    expect(users).toHaveLength(1);
    expect(users[0].key).not.toBe(first.key);
    expect(Object.keys(accountOf(account).nats.revocations ?? {})).toEqual([first.key]);
    expect((await parseCreds(readFileSync(creds))).uc.sub).toBe(users[0].key);

    const kept = await json("rotate", "acme", "--keep-old", "--expires-in", "90d");
    expect(kept.users.map(({ key }: { key: string }) => key)).toContain(users[0].key);
    const { uc } = await parseCreds(readFileSync(creds));
    expect((uc.exp ?? 0) * 1_000 - Date.now()).toBeGreaterThan(89 * 86_400_000);
    const left = await json("revoke", "acme", "--user", users[0].key);
    expect(left.users).toHaveLength(1);
    const revoked = Object.keys(accountOf(account).nats.revocations ?? {});
    expect(revoked.sort()).toEqual([first.key, users[0].key].sort());
  });

  it("revokes a tenant for good; one of the same name is another account", async () => {
    withAcme();
    const { account } = (await json("list")).tenants[0];
    await run("create", "other");
    await run("revoke", "acme");
    const { nats } = accountOf(account);
    expect(nats.limits["conn"]).toBe(0);
    expect(nats.imports).toEqual([]);
    expect(Object.keys(nats.revocations ?? {})).toHaveLength(1);
    expect(readdirSync(join(store, "tenants")).sort()).toEqual(["other.creds", "other.nk"]);
    expect(conf("operator")).toContain(account);
    expect(conf("accounts")).not.toContain("acme");
    expect(conf("one-account")).not.toContain("acme");
    const again = await json("create", "acme");
    expect(again.account).not.toBe(account);
    expect((await run("list")).out).toMatch(/acme +revoked [\d-]+\nother .*\nacme +U/);
  });

  it("gives the engine new credentials, and the streams that its sources read", async () => {
    withAcme();
    const read = () => JSON.parse(readFileSync(join(store, "accounts.json"), "utf8")).engine;
    const before = read();
    await run("engine", "--source-stream", "orders", "--source-stream", "users");
    const revocations = accountOf(before.account).nats.revocations ?? {};
    expect(Object.keys(revocations).sort()).toEqual([before.user, before.replies].sort());
    expect(read().source_streams).toEqual(["orders", "users"]);
    expect(conf("accounts")).toContain("$JS.API.STREAM.INFO.orders");
    expect((await run("engine", "--source-stream", "a.b")).err).toContain("the name of a stream");
  });

  it.each([
    [["create", "a.b"], /1-64 letters/],
    [["rotate", "nobody"], /no tenant nobody: freshet tenant create nobody/],
    [["revoke", "nobody"], /no tenant nobody/],
    [["revoke", "acme", "--user", "UX"], /acme has no user UX: freshet tenant list/],
    [["create", "acme"], /there is a tenant acme: freshet tenant rotate acme/],
    [["create", "b", "--expires-in", "soon"], /30m, 12h or 90d/],
    [["permissions", "--format", "yaml"], /operator, operator-memory, accounts, one-account/],
    [["push"], /--server/],
  ] as const)("says what is wrong with %j", async (args, message) => {
    withAcme();
    const { code, err } = await run(...args);
    expect(code).not.toBe(0);
    expect(err).toMatch(message);
  });

  it("says what is wrong with a folder", async () => {
    expect((await run("list")).err).toMatch(/holds no tenants yet: freshet tenant create/);
    withAcme();
    const tenants = await json("list");
    writeFileSync(join(store, "lock"), "");
    expect((await run("rotate", "acme")).err).toMatch(/another command changes .*remove .*lock/);
    rmSync(join(store, "lock"));
    expect(await json("list")).toEqual(tenants);
    const { engine } = JSON.parse(readFileSync(join(store, "accounts.json"), "utf8"));
    rmSync(join(store, "keys", `${engine.account}.nk`));
    expect((await run("create", "b")).err).toMatch(/\.nk is missing: restore it from a copy/);
    writeFileSync(join(store, "accounts.json"), "{}");
    expect((await run("list")).err).toMatch(/accounts\.json holds no accounts: format/);
    writeFileSync(join(store, "accounts.json"), "{");
    expect((await run("list")).err).toMatch(/cannot be read as JSON/);
  });

  it("a server that cannot be told leaves what was made, and says how to tell it", async () => {
    const { code, err } = await run("create", "acme", "--server", "nats://127.0.0.1:1");
    expect(code).toBe(1);
    expect(err).toMatch(/saved, and not in effect yet: .*freshet tenant push --server nats:/);
    expect((await json("list")).tenants).toHaveLength(1);
  });

  it("what a killed command left half done is made whole by the next", async () => {
    withAcme();
    const { account } = (await json("list")).tenants[0];
    rmSync(join(store, "jwt", `${account}.jwt`));
    rmSync(join(store, "nats", "accounts.conf"));
    await run("create", "other");
    expect(accountOf(account).nats.imports).toHaveLength(4);
    expect(conf("accounts")).toContain("docs.acme");
  });
});
