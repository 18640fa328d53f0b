import { describe, expect, it } from "vitest";
import { rewrapKeys, rotateKey, setPrivacy } from "../../src/cli/commands/tenant-privacy.ts";
import { judgeTenantKeys } from "../../src/cli/doctor/tenant-keys.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import { silentMetrics } from "../../src/contract/observation.ts";
import { installationKeys, type PayloadKey } from "../../src/log/guard/payload-seal.ts";
import { KeyVault } from "../../src/log/guard/payload-vault.ts";
import { createMemoryLog } from "../../src/log/memory/log.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { runHere } from "../support/run-cli.ts";

const acme = "acme" as TenantId;
const [first, second] = installationKeys(`${"a".repeat(32)} ${"b".repeat(32)}`) as [
  PayloadKey,
  PayloadKey,
];
const payload = new TextEncoder().encode("secret");

function setUp(keys: readonly PayloadKey[] = [first]) {
  const clock = createManualClock();
  const vaultOf = (own: readonly PayloadKey[]) => (store: KeyVaultStore) =>
    new KeyVault({ store, keys: own, clock, metrics: silentMetrics });
  const log = createMemoryLog({ clock, vault: vaultOf(keys) });
  const site = { log, keys };
  const publish = async () => {
    await clock.advance(10_000);
    await log.docs.publish({ tenant: acme, payload });
    const found = await log.docs.readTenant({ tenant: acme, after: 0 as never, max: 99 });
    return found.at(-1) as (typeof found)[0];
  };
  return { log, site, publish, vaultOf };
}

type KeyVaultStore = ConstructorParameters<typeof KeyVault>[0]["store"];

describe("freshet tenant privacy", () => {
  it("sets what is named, keeps what is not, and leaves its keys when encryption ends", async () => {
    const { log, site, publish } = setUp();
    await setPrivacy(site, acme, { rawRetention: { ms: 0 } });
    const on = await setPrivacy(site, acme, { encryption: "on" });
    expect(on).toMatchObject({ rawMs: 0, encryption: "on", keys: [{ by: first.id }] });
    const sealed = await publish();
    expect(sealed.sealed).toBeDefined();
    const off = await setPrivacy(site, acme, {
      encryption: "off",
      rawRetention: { ms: undefined },
    });
    expect(off).toEqual({ keys: on.keys });
    expect(await publish()).toMatchObject({ payload });
    expect(await log.docs.open(sealed)).toEqual(Buffer.from(payload));
  });

  it("takes what was published before encryption is required, also when that is said twice", async () => {
    const { log, site, publish } = setUp();
    const before = await publish();
    const required = await setPrivacy(site, acme, { encryption: "required" });
    expect(required.plainTo).toBe(before.version);
    await publish();
    const again = await setPrivacy(site, acme, { encryption: "required" });
    expect(again.plainTo).toBe(before.version);
    expect(await log.docs.open(before)).toEqual(payload);
  });

  it("rotates a tenant's key; the old one still opens", async () => {
    const { log, site, publish } = setUp();
    await expect(rotateKey(site, acme)).rejects.toThrow(/--encryption on/);
    await setPrivacy(site, acme, { encryption: "on" });
    const old = await publish();
    expect((await rotateKey(site, acme)).keys).toHaveLength(2);
    const next = await publish();
    expect(next.sealed).not.toBe(old.sealed);
    expect(await log.docs.open(old)).toEqual(Buffer.from(payload));
  });

  it("wraps every key with a new secret, while the old one stands below it; then it may go", async () => {
    const { log, site, publish, vaultOf } = setUp();
    await setPrivacy(site, acme, { encryption: "on" });
    const operation = await publish();
    await expect(rewrapKeys({ log, keys: [second] })).rejects.toThrow(/a line below the new one/);
    expect(await rewrapKeys({ log, keys: [second, first] })).toBe(1);
    expect(await rewrapKeys({ log, keys: [second] })).toBe(0);
    const alone = vaultOf([second])(log.privacy);
    expect(await alone.open(operation)).toEqual(Buffer.from(payload));
  });

  it("doctor says whose keys do not open with what is set", async () => {
    const { log, site } = setUp();
    expect(await judgeTenantKeys(log, undefined)).toEqual([]);
    await setPrivacy(site, acme, { encryption: "on" });
    expect(await judgeTenantKeys(log, "a".repeat(32))).toMatchObject([{ level: "ok" }]);
    for (const secrets of [undefined, "b".repeat(32)]) {
      const [finding] = await judgeTenantKeys(log, secrets);
      expect(finding).toMatchObject({ level: "fail", found: expect.stringContaining("acme") });
    }
  });

  it("asks for the installation's secret, and refuses an erased tenant", async () => {
    const { log } = setUp();
    const without = setPrivacy({ log, keys: [] }, acme, { encryption: "on" });
    await expect(without).rejects.toThrow(/set FRESHET_PAYLOAD_KEY_FILE first/);
    await log.lives.put(acme, { state: "erasing", atMs: 1 }, 0);
    const erased = setPrivacy({ log, keys: [first] }, acme, { rawRetention: { ms: 0 } });
    await expect(erased).rejects.toThrow(/was erased/);
  });

  it.each([
    [["--raw-retention", "soon"], "0s, a time such as"],
    [["--encryption", "maybe"], "Allowed choices are off, on, required"],
  ])("%j is no wish", async (flags, says) => {
    const { code, err } = await runHere(["tenant", "privacy", "acme", ...flags]);
    expect(code).toBe(2);
    expect(err).toContain(says);
  });
});
