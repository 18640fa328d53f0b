import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FreshetError } from "../../../src/contract/errors.ts";
import type { TenantId, Version } from "../../../src/contract/ids.ts";
import { limits } from "../../../src/contract/limits.ts";
import { silentMetrics } from "../../../src/contract/observation.ts";
import type { TenantPrivacy } from "../../../src/contract/tenant-privacy.ts";
import {
  installationKeys,
  newTenantKey,
  openPayload,
  type PayloadKey,
  sealPayload,
  unwrapKey,
  wrapKey,
} from "../../../src/log/guard/payload-seal.ts";
import { KeyVault } from "../../../src/log/guard/payload-vault.ts";
import { createMemoryLog } from "../../../src/log/memory/log.ts";
import type { StoredOperation } from "../../../src/log/port.ts";
import { changePrivacy } from "../../../src/log/privacy.ts";
import { createManualClock } from "../../support/manual-clock.ts";

const acme = "acme" as TenantId;
const other = "other" as TenantId;
const [first, second] = installationKeys(`${"a".repeat(32)}\n${"b".repeat(32)}`) as [
  PayloadKey,
  PayloadKey,
];
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (payload: Uint8Array): string => new TextDecoder().decode(payload);

describe("a sealed payload", () => {
  const anything = fc.record({
    payload: fc.uint8Array({ maxLength: 300 }),
    messageId: fc.option(fc.string(), { nil: undefined }),
    tenant: fc.string({ minLength: 1 }),
  });

  it("opens to what it was under its key, tenant and message id, and under no other (PS1)", () => {
    const key = newTenantKey();
    fc.assert(
      fc.property(anything, fc.string(), ({ payload, ...under }, suffix) => {
        const sealed = sealPayload(key, payload, under).payload;
        expect(openPayload(key, sealed, under)).toEqual(Buffer.from(payload));
        const wrong = { ...under, tenant: `${under.tenant}${suffix}x` };
        expect(openPayload(key, sealed, wrong)).toBeUndefined();
        const moved = { ...under, messageId: `${under.messageId ?? ""}${suffix}x` };
        expect(openPayload(key, sealed, moved)).toBeUndefined();
        expect(openPayload(newTenantKey(), sealed, under)).toBeUndefined();
      }),
      { numRuns: 100 },
    );
  });

  it("opens no more when a bit of it changed or a part is missing", () => {
    const key = newTenantKey();
    const { payload } = sealPayload(key, bytes("The lamp is lit."), { tenant: acme });
    for (let at = 0; at < payload.length; at += 1) {
      const changed = Uint8Array.from(payload);
      changed[at] = (changed[at] as number) ^ 1;
      expect(openPayload(key, changed, { tenant: acme })).toBeUndefined();
      expect(openPayload(key, payload.subarray(0, at), { tenant: acme })).toBeUndefined();
    }
  });

  it("is the same bytes for a repetition, and others where no id says that it is one (PS2)", () => {
    const key = newTenantKey();
    const seal = (messageId?: string, what = "lamp") =>
      Buffer.from(sealPayload(key, bytes(what), { tenant: acme, messageId }).payload);
    expect(seal("one")).toEqual(seal("one"));
    expect(seal("one")).not.toEqual(seal("two"));
    expect(seal("one", "oil").subarray(0, 12)).not.toEqual(seal("one").subarray(0, 12));
    expect(seal()).not.toEqual(seal());
  });

  it("a wrapped key opens for its tenant, with the key that wrapped it", () => {
    const key = newTenantKey();
    const wrapped = { id: key.id, wrapped: wrapKey(first, key, acme) };
    expect(wrapped.wrapped.length).toBeLessThanOrEqual(limits.wrappedKeyCharsMax);
    expect(unwrapKey(first, wrapped, acme)?.secret).toEqual(key.secret);
    expect(unwrapKey(second, wrapped, acme)).toBeUndefined();
    expect(unwrapKey(first, wrapped, other)).toBeUndefined();
    expect(unwrapKey(first, { ...wrapped, id: newTenantKey().id }, acme)).toBeUndefined();
  });
});

function setUp(keys: readonly PayloadKey[] = [first]) {
  const clock = createManualClock();
  const log = createMemoryLog({
    clock,
    vault: (store) => new KeyVault({ store, keys, clock, metrics: silentMetrics }),
  });
  const set = async (change: (now: TenantPrivacy) => TenantPrivacy): Promise<void> => {
    await changePrivacy(log.privacy, acme, change);
    await clock.advance(limits.payloadKeysKnownMs);
  };
  const addKey = (by = first) =>
    set((now) => {
      const key = newTenantKey();
      const wrapped = { id: key.id, by: by.id, wrapped: wrapKey(by, key, acme), atMs: 0 };
      return { ...now, encryption: now.encryption ?? "on", keys: [...(now.keys ?? []), wrapped] };
    });
  const stored = async (): Promise<StoredOperation> =>
    (await log.docs.readTenant({ tenant: acme, after: 0 as Version, max: 99 })).at(
      -1,
    ) as StoredOperation;
  const publish = async (body: string, messageId?: string) => {
    await log.docs.publish({ tenant: acme, payload: bytes(body), messageId });
    return stored();
  };
  return { log, set, addKey, publish };
}

describe("DOCS of a tenant that wants it sealed", () => {
  it("holds nothing of the text, and is read as it was published; a neighbour's stays plain", async () => {
    const { log, addKey, publish } = setUp();
    await addKey();
    const operation = await publish('{"id":"a","text":"lighthouse"}', "m1");
    expect(text(operation.payload)).not.toContain("lighthouse");
    expect(text(await log.docs.open(operation))).toBe('{"id":"a","text":"lighthouse"}');
    await log.docs.publish({ tenant: other, payload: bytes("{}") });
    const [plain] = await log.docs.readTenant({ tenant: other, after: 0 as Version, max: 1 });
    expect(plain).toMatchObject({ payload: bytes("{}") });
  });

  it("opens what earlier keys sealed after a rotation, and what was published before it", async () => {
    const { log, addKey, publish } = setUp();
    const plain = await publish("plain");
    await addKey();
    const old = await publish("old");
    await addKey();
    const next = await publish("next");
    expect(next.sealed).not.toBe(old.sealed);
    const opened = await Promise.all([plain, old, next].map((one) => log.docs.open(one)));
    expect(opened.map(text)).toEqual(["plain", "old", "next"]);
  });

  it("of another tenant, under another id or with a header changed it is unreadable", async () => {
    const { log, addKey, publish } = setUp();
    await addKey();
    const operation = await publish("secret", "m1");
    const unreadable = { code: "payload_unreadable", retryable: false };
    for (const changed of [
      { messageId: "m2" },
      { tenant: other },
      { sealed: `1 ${"0".repeat(16)}` },
      { sealed: "2 x" },
      { payload: operation.payload.subarray(1) },
    ])
      await expect(log.docs.open({ ...operation, ...changed })).rejects.toMatchObject(unreadable);
  });

  it("refuses plain text where that is required, but not what was there before, and no delete (PV3)", async () => {
    const { log, set, addKey, publish } = setUp();
    const before = await publish("before");
    await addKey();
    await set((now) => ({ ...now, encryption: "required", plainTo: before.version }));
    const operation = await publish("after");
    const { sealed: _, ...stripped } = operation;
    const plain = { code: "payload_plain", retryable: false };
    await expect(log.docs.open(stripped)).rejects.toMatchObject(plain);
    expect(text(await log.docs.open(before))).toBe("before");
    const remove = bytes('{"op":"delete","id":"a"}');
    expect(await log.docs.open({ ...stripped, payload: remove })).toBe(remove);
  });

  it("without the installation's key nothing is published in plain, and reading waits (PV2)", async () => {
    const { log, addKey, publish } = setUp([second]);
    await addKey(first);
    await expect(publish("secret")).rejects.toMatchObject({ code: "payload_key_unavailable" });
    const both = setUp([second, first]);
    await both.addKey(first);
    const operation = await both.publish("secret");
    expect(text(await both.log.docs.open(operation))).toBe("secret");
    const { privacy } = await both.log.privacy.get(acme);
    await changePrivacy(log.privacy, acme, () => privacy);
    await expect(log.docs.open(operation)).rejects.toMatchObject({
      ...{ code: "payload_unreadable" },
    });
  });

  it("is read and published while the records are read again, until they are too old (PV1)", async () => {
    const clock = createManualClock();
    const wrapping = newTenantKey();
    const keys = [
      { id: wrapping.id, by: first.id, wrapped: wrapKey(first, wrapping, acme), atMs: 0 },
    ];
    let reads = 0;
    let isAway = false;
    const gates: PromiseWithResolvers<void>[] = [];
    const store = {
      async *all() {
        reads += 1;
        if (reads > 1) await (gates[reads] = Promise.withResolvers<void>()).promise;
        if (isAway) throw new FreshetError("log_unavailable");
        yield { tenant: acme, privacy: { encryption: "on" as const, keys }, revision: 1 };
      },
    };
    const vault = new KeyVault({ store, keys: [first], clock, metrics: silentMetrics });
    const seal = () => vault.seal({ tenant: acme, payload: bytes("x") });
    await seal();
    await clock.advance(limits.payloadKeysReadMs - 1);
    await seal();
    expect(reads).toBe(1);
    await clock.advance(1);
    await seal();
    await seal();
    expect(reads).toBe(2);
    // It takes longer than what is known counts: nobody goes by that any more.
    await clock.advance(limits.payloadKeysKnownMs - limits.payloadKeysReadMs);
    let isSealed = false;
    const waiting = seal().then(() => {
      isSealed = true;
    });
    await new Promise(setImmediate);
    expect(isSealed).toBe(false);
    gates[2]?.resolve();
    await waiting;
    // A read beside the work that fails is noticed when it counts, and not before.
    isAway = true;
    await clock.advance(limits.payloadKeysReadMs - limits.payloadKeysKnownMs / 2);
    await seal();
    gates[3]?.resolve();
    await new Promise(setImmediate);
    await clock.advance(limits.payloadKeysKnownMs);
    const refused = seal();
    gates[4]?.resolve();
    await expect(refused).rejects.toMatchObject({ code: "log_unavailable" });
  });

  it("is unreadable for good once the keys are destroyed (PV1)", async () => {
    const { log, set, addKey, publish } = setUp();
    await addKey();
    const operation = await publish("secret");
    expect(await log.erasure.count({ tenant: acme, of: "keys" })).toBe(1);
    await log.erasure.remove({ tenant: acme, of: "keys" });
    await set(() => ({}));
    await expect(log.docs.open(operation)).rejects.toMatchObject({ code: "payload_unreadable" });
  });
});
