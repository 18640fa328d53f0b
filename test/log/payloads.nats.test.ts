/** Sealed documents, and raw text that goes early, down to the bytes in the files of NATS. */

import { afterAll, beforeAll, expect, it } from "vitest";
import { setPrivacy } from "../../src/cli/commands/tenant-privacy.ts";
import type { TenantId, Version } from "../../src/contract/ids.ts";
import { silentLogger, silentMetrics } from "../../src/contract/observation.ts";
import { installationKeys } from "../../src/log/guard/payload-seal.ts";
import { KeyVault } from "../../src/log/guard/payload-vault.ts";
import { connectNatsLog, type NatsLog } from "../../src/log/nats/log.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { filesBelow, needlesOf, Scanner } from "../leaks/scan.ts";
import { type PrivateNats, startPrivateNats } from "../support/private-nats.ts";

const acme = "acme" as TenantId;
const secret = "quirinzauberhaft@lighthouse.example";
const keys = installationKeys("k".repeat(32));
const scanner = new Scanner(needlesOf("secret", secret));

let nats: PrivateNats;
let log: NatsLog;

beforeAll(async () => {
  nats = await startPrivateNats();
  log = await connectNatsLog({
    ...{ servers: nats.url, partitions: 2, name: "test" },
    ...{ clock: systemClock, logger: silentLogger },
    vault: (store) => new KeyVault({ store, keys, clock: systemClock, metrics: silentMetrics }),
  });
});
afterAll(async () => {
  await log.close();
  await nats[Symbol.asyncDispose]();
});

const payload = new TextEncoder().encode(JSON.stringify({ id: "a", text: secret }));
const filesWithIt = (): readonly string[] =>
  [...filesBelow([nats.directory])].filter((file) => scanner.file(file).size > 0);
const stored = (tenant: TenantId) => log.docs.readTenant({ tenant, after: 0 as Version, max: 9 });

it("no file holds the text of a sealed document; it is read as it was published, until its key goes", async () => {
  await setPrivacy({ log, keys }, acme, { encryption: "required" });
  await log.docs.publish({ tenant: acme, payload, messageId: "m1" });
  const [operation] = await stored(acme);
  if (operation === undefined) throw new Error("nothing is there");
  expect(operation).toMatchObject({ messageId: "m1", sealed: expect.stringMatching(/^1 /) });
  expect(await log.docs.open(operation)).toEqual(Buffer.from(payload));
  expect(filesWithIt()).toEqual([]);
  expect(await log.erasure.count({ tenant: acme, of: "keys" })).toBeGreaterThan(0);
  await log.erasure.remove({ tenant: acme, of: "keys" });
  expect(await log.erasure.count({ tenant: acme, of: "keys" })).toBe(0);
  // Another process, which never had the key in memory.
  const vault = new KeyVault({
    store: log.privacy,
    keys,
    clock: systemClock,
    metrics: silentMetrics,
  });
  await expect(vault.open(operation)).rejects.toMatchObject({ code: "payload_unreadable" });
});

it("what is removed early is in no file any more, the oldest so many first", async () => {
  const tenant = "plain" as TenantId;
  const versions: Version[] = [];
  for (let count = 0; count < 3; count += 1)
    versions.push((await log.docs.publish({ tenant, payload })).seq);
  expect(filesWithIt().length).toBeGreaterThan(0);
  const all = { tenant, of: "operations", below: (versions.at(-1) ?? 0) + 1 } as const;
  expect(await log.erasure.remove({ ...all, max: 2 })).toBe(2);
  expect((await stored(tenant)).map(({ version }) => version)).toEqual(versions.slice(2));
  expect(await log.erasure.remove(all)).toBe(1);
  expect(filesWithIt()).toEqual([]);
});

it("records of all tenants are read at once, each in its newest form", async () => {
  const other = "other" as TenantId;
  await setPrivacy({ log, keys }, acme, { rawRetention: { ms: null } });
  await setPrivacy({ log, keys }, other, { rawRetention: { ms: 1_000 } });
  await setPrivacy({ log, keys }, other, { rawRetention: { ms: 2_000 } });
  const found = new Map<string, unknown>();
  for await (const { tenant, privacy } of log.privacy.all()) found.set(tenant, privacy.rawMs);
  expect(Object.fromEntries(found)).toEqual({ acme: null, other: 2_000 });
});
