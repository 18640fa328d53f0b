import { join } from "node:path";
/** What commands leave in the audit trail, and what `freshet audit` shows of it. */

import { describe, expect, it } from "vitest";
import { entriesOf, reportLines } from "../../src/cli/commands/audit.ts";
import { appendToAudit } from "../../src/cli/connect.ts";
import type { AuditEvent } from "../../src/contract/audit.ts";
import { type DocumentId, tenantId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { MemoryAuditLog } from "../../src/log/memory/audit.ts";
import { checkOf } from "../log/audit-kit.ts";
import { runHere } from "../support/run-cli.ts";
import { folderOfTest } from "../support/test-folder.ts";

const key = "a key of the audit trail, 32 chars";
const acme = tenantId("acme");
const event: AuditEvent = {
  ...{ tenant: acme, credential: "os:ada", surface: "cli", outcome: "ok" },
  operation: "key_create",
};
const all = { max: 1_000 };

const run = (env: Record<string, string>, ...args: readonly string[]) => runHere(args, { env });

describe("a command in the audit trail", () => {
  it("is one entry of the command line's chain, which several commands continue", async () => {
    const audit = new MemoryAuditLog();
    const work = { event, key: undefined };
    const outcomes = await Promise.all([1, 2, 3].map(() => appendToAudit(audit, work)));
    expect(outcomes).toEqual(["stored", "stored", "stored"]);
    const { entries } = await entriesOf({ audit, key: undefined }, all);
    expect(entries).toMatchObject([1, 2, 3].map(() => ({ ...event, node: "cli", times: 1 })));
    const { ok, chains } = await checkOf(audit);
    expect({ ok, chains }).toMatchObject({
      ok: true,
      chains: [{ chain: "cli", number: 3, cuts: 0 }],
    });
  });

  it("is not written without the key where entries before it were, so that it is no forgery", async () => {
    const audit = new MemoryAuditLog();
    expect(await appendToAudit(audit, { event, key })).toBe("stored");
    expect(await appendToAudit(audit, { event, key: undefined })).toBe("missing");
    expect(await checkOf(audit, { key })).toMatchObject({ ok: true });
  });

  it("is left out where the installation has no trail", async () => {
    const audit = new MemoryAuditLog();
    audit.ensure = async () => false;
    expect(await appendToAudit(audit, { event, key })).toBe("none");
  });
});

describe("freshet audit list", () => {
  it("finds by tenant, credential, time, and a document by its digest alone", async () => {
    const audit = new MemoryAuditLog();
    const document = "contract-7" as DocumentId;
    const events: readonly AuditEvent[] = [
      { ...event, credential: "one" },
      { ...event, tenant: tenantId("globex"), credential: "two" },
      { ...event, operation: "delete", document },
    ];
    for (const one of events) await appendToAudit(audit, { event: one, key });
    const listed = async (options: object) =>
      (await entriesOf({ audit, key }, { ...all, ...options })).entries.map(
        ({ credential }) => credential,
      );
    expect(await listed({ tenant: acme })).toEqual(["one", "os:ada"]);
    expect(await listed({ credential: "two" })).toEqual(["two"]);
    expect(await listed({ tenant: acme, document })).toEqual(["os:ada"]);
    expect(await listed({ tenant: acme, document: "contract-8" })).toEqual([]);
    expect(await listed({ since: Date.now() + 60_000 })).toEqual([]);
    expect(await listed({ max: 1 })).toEqual(["os:ada"]);
    await expect(
      entriesOf({ audit, key: undefined }, { ...all, tenant: acme, document }),
    ).rejects.toThrow(/FRESHET_AUDIT_KEY/);
  });

  it.each([
    ["--since", "yesterday", /2026-11-29T08:00:00Z, or 30m, 2h, 7d/],
    ["--tenant", "a b", /1-64 letters/],
    ["--max", "0", /whole number from 1/],
  ])("refuses %s %s with what it takes", async (option, value, why) => {
    const { code, err } = await run({}, "audit", "list", option, value);
    expect(code).toBe(2);
    expect(err).toMatch(why);
  });
});

describe("freshet audit verify", () => {
  it("says what is wrong, and where", async () => {
    const audit = new MemoryAuditLog();
    for (let count = 0; count < 3; count += 1)
      await appendToAudit(audit, { event, key: undefined });
    const whole = reportLines(await checkOf(audit));
    expect(whole.at(-1)).toBe("the trail is whole");
    const foreign = new TextEncoder().encode("{}");
    await audit.append({ chain: "cli", data: foreign, expectedLast: 3 });
    const lines = reportLines(await checkOf(audit));
    expect(lines.slice(-2)).toEqual([
      "the trail is NOT whole:",
      "foreign: cli, sequence 4: this is no block of the chain",
    ]);
  });

  it("takes as heads only what it said itself", async () => {
    const { code, err } = await run({}, "audit", "verify", "--heads", "/nowhere/heads.json");
    expect(code).toBe(2);
    expect(err).toMatch(/no output of freshet audit verify --json/);
  });
});

describe("a command that needs no NATS", () => {
  it("is done all the same when the trail it should be in is away, and says so", async () => {
    expect(limits.auditCliMs).toBeLessThanOrEqual(5_000);
    const store = join(folderOfTest("audit"), "keys.json");
    const env = { FRESHET_AUDIT: "stream", FRESHET_NATS_URL: "nats://127.0.0.1:9" };
    const args = ["key", "create", "--store", store, "--tenant", "acme", "--role", "query"];
    const { code, out, err } = await run(env, ...args);
    expect(code).toBe(0);
    expect(out).toMatch(/^frk_/);
    expect(err).toMatch(/not in the audit trail: no NATS answers/);
  });
});
