/** `freshet key` on a real file, and the store that an engine makes of it. */

import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { silentLogger } from "../../src/contract/observation.ts";
import { KeyStore } from "../../src/gateway/key-store.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { runHere } from "../support/run-cli.ts";

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "freshet-key-"));
  path = join(directory, "keys.json");
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const run = (...args: readonly string[]) =>
  runHere(["key", ...args], { env: { FRESHET_KEY_STORE: path } });

const json = async (...args: readonly string[]) => JSON.parse((await run(...args, "--json")).out);
const opened = (nowMs = Date.now()) =>
  KeyStore.open({ path, clock: createManualClock(nowMs), logger: silentLogger });

function opens(key: string, nowMs: number): boolean {
  try {
    return opened(nowMs).identityOf(key) !== undefined;
  } catch (thrown) {
    expect(String(thrown)).toContain("has expired");
    return false;
  }
}

describe("freshet key", () => {
  it("creates a key that an engine knows, and keeps no secret in a file that only its owner reads", async () => {
    const { out, err, code } = await run("create", "--tenant", "acme", "--role", "query");
    const key = out.trim();
    expect(code).toBe(0);
    expect(err).toMatch(/^key [0-9a-f]{12} of acme, query; it is not shown again\n$/);
    expect(opened().identityOf(key)).toMatchObject({ tenant: "acme", roles: new Set(["query"]) });
    expect(readFileSync(path, "utf8")).not.toContain(key);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it("lists keys without what could open anything", async () => {
    const { key, id } = await json("create", "--tenant", "acme", "--role", "admin", "--note", "me");
    const { out } = await run("list");
    expect(out).toContain(id);
    expect(out).toContain("me");
    const listed = JSON.stringify(await json("list"));
    for (const secret of [key, "sha256"]) expect(out + listed).not.toContain(secret);
  });

  it("creates keys that see by their groups, and rotation keeps them", async () => {
    const args = ["create", "--tenant", "acme", "--role", "query"];
    const grouped = await json(...args, "--group", "sales", "-g", "team:ops", "-g", "sales");
    const none = await json(...args, "--no-groups");
    const all = await json(...args);
    const next = await json("rotate", grouped.id);
    const seen = [grouped, none, all, next].map(({ key }) => opened().identityOf(key)?.groups);
    expect(seen).toEqual([["sales", "team:ops"], [], undefined, ["sales", "team:ops"]]);
    const { out } = await run("list");
    expect(out).toContain("sales,team:ops");
    const { err } = await run(...args, "--group", "a");
    expect(err).toContain("groups: a");
  });

  it("writes no file that engines would not read for its size", async () => {
    const group = (n: number) => `${n}`.padEnd(limits.aclLabelCharsMax, "x");
    const groups = Array.from({ length: limits.accessGroupsMax }, (_, n) => group(n));
    const key = {
      ...{ id: "0".repeat(12), tenant: "acme", roles: ["query"], groups },
      ...{ sha256: "0".repeat(64), created_at: new Date().toISOString() },
    };
    const keys = Array.from({ length: 160 }, (_, n) => ({ ...key, id: `${n}`.padStart(12, "0") }));
    writeFileSync(path, JSON.stringify({ format: 1, keys }));
    const before = statSync(path).ino;
    const { code, err } = await run("create", "-t", "acme", "-r", "query");
    expect(code).toBe(1);
    expect(err).toMatch(/not written: engines read at most/);
    expect(statSync(path).ino).toBe(before);
  });

  it.each([
    [["--group", " a"], /blanks/],
    [["--group", ""], /label|small/],
    [["--group", "a", "--no-groups"], /one of them/],
  ])("refuses %j and says why", async (groups, why) => {
    const { code, err } = await run("create", "-t", "acme", "-r", "query", ...groups);
    expect(code).toBe(2);
    expect(err).toMatch(why);
  });

  it("takes a whole key for its id, and shows no key that it does not know", async () => {
    const old = await json("create", "--tenant", "acme", "--role", "query");
    const next = await json("rotate", old.key);
    expect(next.tenant).toBe("acme");
    expect((await run("revoke", next.key)).out).toBe(`revoked ${next.id}\n`);
    for (const given of [next.key, `${next.key}x`, `Bearer ${next.key}`]) {
      const { code, err } = await run("revoke", given);
      expect(code).toBe(1);
      expect(err).toContain("freshet key list");
      expect(err).not.toContain(next.key);
    }
  });

  it("says that a key's own quota stays with the old key", async () => {
    const old = await json("create", "--tenant", "acme", "--role", "query");
    const quotas = join(directory, "quotas.json");
    const rotate = (file: string) =>
      runHere(["key", "rotate", old.id], {
        env: { FRESHET_KEY_STORE: path, FRESHET_QUOTAS_FILE: file },
      });
    const credentials = { [old.id]: { questions_per_second: 1 } };
    writeFileSync(quotas, JSON.stringify({ format: 1, credentials }));
    const { out, err } = await rotate(quotas);
    const next = out.trim().split("_")[1];
    expect(err).toContain(`has a quota of its own for ${old.id}: give "${next}" the same`);
    expect((await rotate(join(directory, "none.json"))).err).not.toContain("quota");
    writeFileSync(quotas, JSON.stringify({ format: 1 }));
    expect((await rotate(quotas)).err).not.toContain("quota");
  });

  it("rotates: both keys work for a while, then the new one alone, with the same rights and life", async () => {
    const args = ["--tenant", "acme", "--role", "ingest", "--role", "query", "--expires-in", "90d"];
    const old = await json("create", ...args);
    const next = await json("rotate", old.id, "--overlap", "2d");
    const dayMs = 86_400_000;
    const nowMs = Date.now();
    const works = (atMs: number) => [old, next].map(({ key }) => opens(key, atMs));
    expect(works(nowMs)).toEqual([true, true]);
    expect(works(nowMs + 3 * dayMs)).toEqual([false, true]);
    expect(works(nowMs + 91 * dayMs)).toEqual([false, false]);
    expect(next).toMatchObject({ tenant: "acme", roles: ["ingest", "query"] });
  });

  it("revokes at once", async () => {
    const { key, id } = await json("create", "--tenant", "acme", "--role", "query");
    expect(await json("revoke", id)).toEqual({ revoked: id });
    expect(opened().identityOf(key)).toBeUndefined();
  });

  it.each([
    [["create", "--tenant", "a.b", "--role", "query"], 2, /1-64 letters/],
    [["create", "--tenant", "acme", "--role", "root"], 2, /ingest, query, admin/],
    [["create", "--tenant", "acme"], 2, /--role/],
    [["create", "--tenant", "acme", "--role", "query", "--expires-in", "soon"], 2, /90d/],
    [["create", "--tenant", "acme", "--role", "query", "--note", "x".repeat(201)], 2, /200 char/],
    [["revoke", "nothing"], 1, /freshet key list/],
    [["rotate", "nothing"], 1, /freshet key list/],
  ])("explains %j", async (args, code, reason) => {
    const ended = await run(...args);
    expect([ended.code, ended.out]).toEqual([code, ""]);
    expect(ended.err).toMatch(reason);
  });

  it("leaves a file alone that is no key store, or that another command changes", async () => {
    writeFileSync(path, "{}");
    const create = ["create", "--tenant", "acme", "--role", "query"];
    expect((await run(...create)).err).toMatch(/is no key store/);
    expect(readFileSync(path, "utf8")).toBe("{}");
    writeFileSync(path, '{"format":1,\n"keys":[]');
    expect((await run(...create)).err).toMatch(
      /is no key store: the file is not JSON: line 2, col/,
    );
    writeFileSync(`${path}.lock`, "");
    expect((await run(...create)).err).toMatch(/another command/);
  });

  it("waits for another command that changes the file, and loses no key", async () => {
    const create = ["create", "--tenant", "acme", "--role", "query"];
    writeFileSync(`${path}.lock`, "");
    const waiting = [1, 2, 3].map(() => run(...create));
    await new Promise((resolve) => setTimeout(resolve, 2 * limits.lockFileRetryMs));
    rmSync(`${path}.lock`);
    expect((await Promise.all(waiting)).map(({ code }) => code)).toEqual([0, 0, 0]);
    expect((await json("list")).keys).toHaveLength(3);
  });
});
