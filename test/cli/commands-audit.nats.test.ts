/** Commands that change something leave it in the trail of the installation that they change. */

import { afterEach, beforeEach, expect, it } from "vitest";
import { entriesOf } from "../../src/cli/commands/audit.ts";
import { tenantId } from "../../src/contract/ids.ts";
import type { NatsLog } from "../../src/log/nats/log.ts";
import { connectTo } from "../log/nats-harness.ts";
import { type PrivateNats, startPrivateNats } from "../support/private-nats.ts";
import { runHere } from "../support/run-cli.ts";

const acme = tenantId("acme");
let server: PrivateNats;
let log: NatsLog;
beforeEach(async () => {
  server = await startPrivateNats();
  log = await connectTo(server);
  await log.audit.ensure();
});
afterEach(async () => {
  await log.close();
  await server[Symbol.asyncDispose]();
});

async function run(...args: readonly string[]): Promise<void> {
  const env = { FRESHET_NATS_URL: server.url, FRESHET_PARTITIONS: String(log.partitions) };
  const { code, out, err } = await runHere(args, { env });
  const said = out + err;
  expect(`${code} ${said}`).toMatch(/^0 /);
  expect(said).not.toContain("not in the audit trail");
}

it("names what was done to tenants, and nothing that was only looked at", async () => {
  await run("tenant", "suspend", acme);
  await run("tenant", "resume", acme);
  await run("tenant", "privacy", acme);
  await run("tenant", "privacy", acme, "--raw-retention", "12h");
  const { entries } = await entriesOf({ audit: log.audit, key: undefined }, { max: 10 });
  expect(entries.map(({ operation, tenant, outcome }) => [operation, tenant, outcome])).toEqual([
    ["tenant_suspend", acme, "ok"],
    ["tenant_resume", acme, "ok"],
    ["tenant_privacy", acme, "ok"],
  ]);
});
