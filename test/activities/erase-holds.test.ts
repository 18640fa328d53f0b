/** Holds of erases of documents that have ended without a receipt, and given-up generations. */

import { describe, expect, it } from "vitest";
import { createEraseActivities } from "../../activities/erase/erase.ts";
import { removeReleased } from "../../activities/reembed/remove.ts";
import { createSweepActivities } from "../../activities/sweep.ts";
import { eraseMarkerId } from "../../src/contract/erase.ts";
import { abandon, begin } from "../../src/contract/generation.ts";
import {
  type DocumentId,
  type Epoch,
  generationName,
  type Position,
  type TenantId,
  type Version,
} from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { withHolds } from "../../src/contract/tenant-privacy.ts";
import { changeGenerations } from "../../src/log/generations.ts";
import { changePrivacy } from "../../src/log/privacy.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { erasePorts, publish } from "./erase-kit.ts";
import { runMerge } from "./run-merge.ts";
import { acme, createWorld, type World } from "./world.ts";

const noneYet = 0 as Position;

/** A document that was published, deleted and merged. */
async function deletedIn(world: World) {
  const { log } = world;
  await publish(world, "alpha");
  const version = await publish(world, "alpha", { op: "delete" });
  const through = await publish(world, eraseMarkerId, { op: "delete" });
  let last = noneYet;
  for (const [id, at] of [["alpha", version] as const, [eraseMarkerId, through] as const]) {
    const own = { tenant: acme, version: at, epoch: 1 as Epoch, documentId: id as DocumentId };
    const appended = await log.chunks.append({ kind: "delete", ...own }, last);
    if (appended.kind !== "appended") throw new Error("not appended");
    last = appended.position;
  }
  await runMerge(world.ports);
  return { tenant: acme, version, through };
}

const nothing = async (): Promise<void> => {};

function sweepOf(world: World, isErasing: (tenant: TenantId, version: Version) => boolean) {
  const asked = { requestMerge: nothing, requestScrub: nothing, cancelMerge: nothing };
  return createSweepActivities({
    ...{ ports: world.ports, ageMs: 1e9, ...asked },
    isErasing: async (tenant, version) => isErasing(tenant, version),
  });
}

describe("an erase whose workflow an operator has terminated", () => {
  it("lets go at the next sweep: later ones of its tenant go on, and those under way hold on", async () => {
    const world = createWorld();
    const request = await deletedIn(world);
    // Of the same document: later ones wait for it.
    const terminated = (request.version - 1) as Version;
    await changePrivacy(world.log.privacy, acme, (now) => withHolds(now, [terminated]));
    const steps = createEraseActivities({ ...erasePorts(world), looksMax: 1 });
    await expect(steps.awaitConfirmed(request)).rejects.toMatchObject({ code: "not_ready" });
    await sweepOf(world, () => true).signalDueTenants();
    await expect(steps.awaitConfirmed(request)).rejects.toMatchObject({ code: "not_ready" });
    await sweepOf(world, (_, version) => version !== terminated).signalDueTenants();
    expect((await world.log.privacy.get(acme)).privacy.holds).toEqual([request.version]);
    expect((await steps.awaitConfirmed(request)).found.operations).toBeGreaterThan(0);
  });

  it("holds nothing against retention any more, also where an earlier Freshet noted it", async () => {
    const world = createWorld();
    const heldFrom = 1 as Version;
    await changePrivacy(world.log.privacy, acme, (now) => ({ ...now, rawMs: 0, heldFrom }));
    await sweepOf(world, () => false).signalDueTenants();
    expect((await world.log.privacy.get(acme)).privacy).toEqual({ rawMs: 0 });
  });
});

it("an erase sees an earlier one of its document that begins while it waits", async () => {
  const world = createWorld();
  const request = await deletedIn(world);
  const ports = erasePorts(world);
  const earlier = (request.version - 1) as Version;
  let looks = 0;
  const sleep = async (): Promise<void> => {
    looks += 1;
    const holds = looks === 1 ? [earlier, request.version] : [request.version];
    if (looks < 3) await changePrivacy(world.log.privacy, acme, (now) => withHolds(now, holds));
  };
  const manifests = { ...bound(world.log.manifests), get: async () => late() };
  let reads = 0;
  const late = () => (++reads === 1 ? null : world.log.manifests.get(acme));
  const log = { ...ports.log, manifests };
  const steps = createEraseActivities({ ...ports, log, clock: { ...ports.clock, sleep } });
  await steps.awaitConfirmed(request);
  expect(looks).toBe(2);
});

const bound = <Port extends object>(port: Port): Port =>
  new Proxy(port, {
    get: (target, key) => {
      const value: unknown = Reflect.get(target, key);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });

it("an erase of a document waits until a generation that was given up is gone (EG3)", async () => {
  const clock = createManualClock();
  const world = createWorld({ clock });
  const request = await deletedIn(world);
  const plan = { model: "other", probe: "p", from: noneYet, upTo: 0 as Version };
  await changeGenerations(world.log.generations, acme, (record) => begin(record, plan));
  await changeGenerations(world.log.generations, acme, abandon);
  const steps = createEraseActivities({ ...erasePorts(world), looksMax: 1 });
  await expect(steps.awaitConfirmed(request)).rejects.toMatchObject({ code: "not_ready" });
  const ports = { ...world.ports, cancelMerge: nothing };
  expect(await removeReleased(ports)).toBe(0);
  await expect(steps.awaitConfirmed(request)).rejects.toMatchObject({ code: "not_ready" });
  await clock.advance(limits.mergeConfirmMs);
  expect(await removeReleased(ports)).toBe(1);
  expect((await steps.awaitConfirmed(request)).found.operations).toBeGreaterThan(0);
  expect(await world.cold.hasTenant(generationName(acme, 2))).toBe(false);
});
