import { describe, expect, it } from "vitest";
import type { MergePorts } from "../../activities/context.ts";
import { purgeRaw } from "../../activities/retention/raw.ts";
import { purgeOld } from "../../activities/retention/retention.ts";
import { createSweepActivities } from "../../activities/sweep.ts";
import type { Epoch, Position, Version } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { type TenantPrivacy, withHolds } from "../../src/contract/tenant-privacy.ts";
import { changePrivacy } from "../../src/log/privacy.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { acme, createWorld } from "./world.ts";

const idsMs = 2 * limits.duplicateWindowMs;
const payload = new TextEncoder().encode('{"id":"a","text":"raw"}');

async function setUp(privacy: TenantPrivacy) {
  const clock = createManualClock();
  const world = createWorld({ clock });
  const { log } = world;
  await changePrivacy(log.privacy, acme, () => privacy);
  const publish = async () => (await log.docs.publish({ tenant: acme, payload })).seq;
  let last = 0 as Position;
  const decide = async (version: Version): Promise<void> => {
    const record = { kind: "fence", tenant: acme, version, epoch: 1 as Epoch } as const;
    const outcome = await log.chunks.append(record, last);
    if (outcome.kind === "appended") last = outcome.position;
  };
  const left = async () =>
    (await log.docs.readTenant({ tenant: acme, after: 0 as Version, max: 99 })).map(
      ({ version }) => version,
    );
  return { ...world, clock, publish, decide, left };
}

describe("raw text that a tenant wants gone at once", () => {
  it("goes to the last operation, when it is decided and its message id is forgotten (XR1)", async () => {
    const { ports, clock, publish, decide, left } = await setUp({ rawMs: 0 });
    const first = await publish();
    const second = await publish();
    await decide(first);
    await clock.advance(idsMs - 1);
    expect(await purgeRaw(ports)).toBe(0);
    await clock.advance(1_000);
    expect(await purgeRaw(ports)).toBe(1);
    // Nothing has decided about it, however old it is (I2).
    expect(await left()).toEqual([second]);
    await decide(second);
    expect(await purgeRaw(ports)).toBe(1);
    expect(await left()).toEqual([]);
    expect(await purgeRaw(ports)).toBe(0);
  });

  it("is looked for by each sweep, so many of a tenant at a time (XR4)", async () => {
    const { ports, clock, publish, decide, left } = await setUp({ rawMs: 0 });
    let newest = 0 as Version;
    for (let count = 0; count < limits.rawPerSweepMax + 5; count += 1) newest = await publish();
    await decide(newest);
    await clock.advance(idsMs + 1_000);
    const nothing = async (): Promise<void> => {};
    const isErasing = async () => true;
    const asked = { requestMerge: nothing, requestScrub: nothing, cancelMerge: nothing, isErasing };
    const sweep = createSweepActivities({ ports, ageMs: 1e9, ...asked });
    await sweep.signalDueTenants();
    const after = await ports.log.docs.nextVersion({ tenant: acme, after: 0 as Version });
    expect(newest - after).toBe(4);
    await sweep.signalDueTenants();
    expect(await left()).toEqual([]);
  });

  it("stays while an erase of a document needs it (XR3)", async () => {
    const { ports, log, clock, publish, decide, left } = await setUp({ rawMs: 0 });
    await publish();
    const held = await publish();
    await decide(held);
    await changePrivacy(log.privacy, acme, (now) => ({ ...now, heldFrom: held }));
    await clock.advance(10 * idsMs);
    await purgeRaw(ports);
    expect(await left()).toEqual([held]);
    await changePrivacy(log.privacy, acme, ({ heldFrom: _, ...now }) => now);
    await purgeRaw(ports);
    expect(await left()).toEqual([]);
  });
});

it("the hourly retention takes nothing earlier than the replay window: it overwrites and holds nothing (XR2, XR3)", async () => {
  const { ports, clock, publish, decide, left } = await setUp({ rawMs: 0 });
  const first = await publish();
  const second = await publish();
  await decide(second);
  await clock.advance(5 * idsMs);
  await purgeOld(ports, { after: null }, 10 * idsMs);
  expect(await left()).toEqual([first, second]);
  expect(await purgeRaw(ports)).toBe(2);
});

it("the hourly retention leaves what an erase of a document still reads (XR3)", async () => {
  for (const rawMs of [undefined, 30 * idsMs]) {
    const { ports, log, clock, publish, decide, left } = await setUp({ rawMs });
    await publish();
    const held = await publish();
    await decide(await publish());
    await changePrivacy(log.privacy, acme, (now) => withHolds(now, [held]));
    await clock.advance(50 * idsMs);
    await purgeOld(ports, { after: null }, 10 * idsMs);
    expect(await left(), String(rawMs)).toEqual([held, held + 1]);
  }
});

it("what an erase holds, or its tenant wants kept, since a sweep began stays (XR3, RT7)", async () => {
  const sweeps = [
    (ports: MergePorts) => purgeRaw(ports),
    (ports: MergePorts) => purgeOld(ports, { after: null }, 5 * idsMs),
  ];
  for (const [index, sweep] of sweeps.entries()) {
    for (const wish of [(held: Version) => ({ heldFrom: held }), () => ({ rawMs: null })]) {
      const { ports, log, clock, publish, decide, left } = await setUp({ rawMs: 0 });
      const held = await publish();
      await decide(await publish());
      await clock.advance(10 * idsMs);
      // What each of the two reads next, once it knows for whom it is there.
      const isNext = (name: unknown): boolean => name === ["nextVersion", "tenants"][index];
      const docs = new Proxy(log.docs, {
        get: (target, name) => {
          const method = Reflect.get(target, name) as (...args: unknown[]) => Promise<unknown>;
          return async (...args: unknown[]) => {
            if (isNext(name))
              await changePrivacy(log.privacy, acme, (now) => ({ ...now, ...wish(held) }));
            return method.apply(target, args);
          };
        },
      });
      await sweep({ ...ports, log: { ...log, docs } });
      expect(await left()).toEqual([held, held + 1]);
    }
  }
});

it("raw text may also stay longer than the replay window, or for ever (RT7)", async () => {
  const windowMs = 10 * idsMs;
  for (const [rawMs, kept] of [
    [null, 2],
    [3 * windowMs, 2],
    [undefined, 1],
  ] as const) {
    const { ports, clock, publish, decide, left } = await setUp({ rawMs });
    await publish();
    await decide(await publish());
    await clock.advance(2 * windowMs);
    await purgeOld(ports, { after: null }, windowMs);
    expect(await left(), String(rawMs)).toHaveLength(kept);
  }
});
