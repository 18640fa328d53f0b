/** Commands that speak to the log, and ask no engine, know what a tenant is at. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { tenantId } from "../../src/contract/ids.ts";
import type { TenantLife } from "../../src/contract/tenant-life.ts";
import type { NatsLog } from "../../src/log/nats/log.ts";
import { connectTo } from "../log/nats-harness.ts";
import { type PrivateNats, startPrivateNats } from "../support/private-nats.ts";
import { runHere } from "../support/run-cli.ts";

const acme = tenantId("acme");
let server: PrivateNats;
let log: NatsLog;
let folder: string;
beforeEach(async () => {
  server = await startPrivateNats();
  log = await connectTo(server);
  folder = mkdtempSync(join(tmpdir(), "freshet-erased-"));
  writeFileSync(join(folder, "a.md"), "a text");
});
afterEach(async () => {
  await log.close();
  await server[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

function run(...args: readonly string[]) {
  const partitions = String(log.partitions);
  const env = { FRESHET_NATS_URL: server.url, FRESHET_PARTITIONS: partitions };
  return runHere([...args, "--tenant", acme], { env: { ...env, FRESHET_DATA_DIR: folder } });
}

async function putLife(life: TenantLife): Promise<void> {
  const { revision } = await log.lives.get(acme);
  expect(await log.lives.put(acme, life, revision)).toBe(true);
}

it.each([
  ["ingest", () => ["ingest", join(folder, "a.md")]],
  ["ingest --mirror", () => ["ingest", folder, "--mirror"]],
  ["webhook add", () => ["webhook", "add", "--url", "https://hooks.example.com/in"]],
  ["source add", () => ["source", "add", "repo", "--webhook", "--preset", "github"]],
  ["reembed start", () => ["reembed", "start", "--model", "bge-small-en-v1.5"]],
])("%s leaves nothing behind for a tenant that was erased, and says why", async (_name, args) => {
  const payload = new TextEncoder().encode(`{"id": "a", "text": "before"}`);
  const { seq } = await log.docs.publish({ tenant: acme, payload });
  await putLife({ state: "erasing", atMs: 1 });
  const { code, out, err } = await run(...args());
  expect([code, out]).toEqual([1, ""]);
  expect(err).toContain("(tenant_erased)");
  expect(await log.docs.lastVersion(acme)).toBe(seq);
});

it("ingest into a suspended tenant says so at once, and sends nothing", async () => {
  await putLife({ state: "suspended", atMs: 1 });
  const { code, err } = await run("ingest", join(folder, "a.md"));
  expect([code, err]).toEqual([1, expect.stringContaining("(tenant_suspended)")]);
  expect(await log.docs.lastVersion(acme)).toBe(0);
});
