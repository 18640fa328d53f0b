/**
 * Erases, killed at every call that they make to log, cold and key, right before and right after
 * the call's effect, and continued with what is stored and what Temporal remembers.
 */

import { describe, expect, it } from "vitest";
import { createEraseActivities } from "../../activities/erase/erase.ts";
import { createMergeActivities } from "../../activities/steps.ts";
import { isNothing, nothingLeft } from "../../src/contract/erase.ts";
import {
  type DocumentId,
  type Epoch,
  nextAfter,
  type Position,
  type Version,
} from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import type { ChunkRecord } from "../../src/contract/record.ts";
import { withHolds } from "../../src/contract/tenant-privacy.ts";
import { changePrivacy } from "../../src/log/privacy.ts";
import { isTombstone } from "../../src/log/tombstone.ts";
import { verifyReceipt } from "../../src/tenants/receipt.ts";
import { eraseDocumentStory, eraseTenantStory } from "../../workflows/erase-story.ts";
import {
  deletesOf,
  documentIds,
  durable,
  dyingPorts,
  erasePorts,
  filledWorld,
  holdings,
  Killed,
  neighbour,
  tracesOf,
} from "./erase-kit.ts";
import { runMerge } from "./run-merge.ts";
import { acme, type World } from "./world.ts";

const noSleep = async (): Promise<void> => {};
const input = { tenant: acme };

function eraseTenant(world: World) {
  return eraseTenantStory(durable()(erasePorts(world)), input, noSleep);
}

const gone = { ...nothingLeft, feedback: 0, records: 1, cold: 0, sources: 0, webhooks: 0 };

describe("an erase of a tenant", () => {
  it("leaves nothing of it but its tombstone, and all of its neighbour", async () => {
    const world = await filledWorld();
    const before = await holdings(world, neighbour);
    const found = await holdings(world, acme);
    expect(Object.values(found).every((count) => count > 0)).toBe(true);
    const signed = await eraseTenant(world);
    expect(await holdings(world, acme)).toEqual(gone);
    expect(isTombstone(await world.log.chunks.last(acme))).toBe(true);
    expect(await holdings(world, neighbour)).toEqual(before);
    expect(verifyReceipt(signed).kind).toBe("valid");
    expect(signed.receipt.found).toEqual({ ...found, cold: 1 });
    expect(isNothing(signed.receipt.left)).toBe(true);
    await runMerge(world.ports, neighbour);
  });

  it("destroys its keys before anything else is removed, and counts them", async () => {
    const world = await filledWorld();
    const wrapped = { id: "0".repeat(16), by: "1".repeat(16), wrapped: "w", atMs: 1 };
    const keys = [wrapped, { ...wrapped, id: "2".repeat(16) }];
    await world.log.privacy.put(acme, { encryption: "on", keys }, 0);
    const removed: string[] = [];
    const { erasure } = world.log;
    const log = {
      ...world.log,
      erasure: {
        ...erasure,
        remove: (request: Parameters<typeof erasure.remove>[0]) => {
          removed.push(request.of);
          return erasure.remove(request);
        },
      },
    };
    const ports = { ...erasePorts(world), log };
    const signed = await eraseTenantStory(durable()(ports), input, noSleep);
    expect(removed[0]).toBe("keys");
    expect(signed.receipt.found.keys).toBe(2);
    expect(verifyReceipt(signed).kind).toBe("valid");
    expect(await world.log.privacy.get(acme)).toMatchObject({ privacy: {} });
  });

  it("speaks of no keys where the tenant has only said how long raw text stays", async () => {
    const world = await filledWorld();
    await world.log.privacy.put(acme, { rawMs: 0 }, 0);
    const { receipt } = await eraseTenant(world);
    expect(receipt.found).not.toHaveProperty("keys");
    expect(await world.log.privacy.get(acme)).toMatchObject({ privacy: {} });
  });

  it("ends alike when it is killed at any call, before or after its effect (I1)", async () => {
    const counted = await filledWorld();
    const counting = dyingPorts(counted, 0, "before");
    await eraseTenantStory(durable()(counting.ports), input, noSleep);
    expect(counting.calls()).toBeGreaterThan(30);
    const found = await filledWorld().then((world) => holdings(world, acme));
    for (const moment of ["before", "after"] as const) {
      for (let dieAt = 1; dieAt <= counting.calls(); dieAt += 1) {
        const world = await filledWorld();
        const steps = durable();
        const dying = dyingPorts(world, dieAt, moment);
        await eraseTenantStory(steps(dying.ports), input, noSleep).catch((error: unknown) => {
          if (!(error instanceof Killed)) throw error;
        });
        const signed = await eraseTenantStory(steps(erasePorts(world)), input, noSleep);
        const what = `${moment} call ${dieAt}`;
        expect(await holdings(world, acme), what).toEqual(gone);
        expect(signed.receipt.found, what).toEqual({ ...found, cold: 1 });
        expect(verifyReceipt(signed).kind, what).toBe("valid");
        const { life } = await world.log.lives.get(acme);
        expect(life, what).toMatchObject({ state: "erased", receipt: signed });
      }
    }
  });

  it("has one receipt, however often it is asked for", async () => {
    const world = await filledWorld();
    const first = await eraseTenant(world);
    expect(await eraseTenant(world)).toEqual(first);
  });

  it("says what was there when it began, also where its workflow was lost under way (EA2)", async () => {
    const world = await filledWorld();
    const found = { ...(await holdings(world, acme)), cold: 1 };
    const steps = durable()(erasePorts(world));
    const finishErase = () => Promise.reject(new Killed());
    const lost = eraseTenantStory({ ...steps, finishErase }, input, noSleep);
    await expect(lost).rejects.toThrow(Killed);
    expect(await holdings(world, acme)).toEqual(gone);
    const { receipt } = await eraseTenant(world);
    expect(receipt.found).toEqual(found);
  });

  it("lets no owner append again, not one that read the log before, nor one that begins (I6)", async () => {
    const world = await filledWorld();
    const last = await world.log.chunks.last(acme);
    await eraseTenant(world);
    const version = 99 as Version;
    const late: ChunkRecord = {
      kind: "delete",
      tenant: acme,
      version,
      epoch: 1 as Epoch,
      documentId: "alpha" as DocumentId,
    };
    const expected = [last?.position ?? (0 as Position), 0 as Position];
    for (const position of expected) {
      expect((await world.log.chunks.append(late, position)).kind).toBe("behind");
    }
    expect(await documentIds(world, acme)).toEqual([null]);
  });

  it("is not undone by a merge that was under way: it writes no more, and what it wrote goes", async () => {
    const world = await filledWorld();
    const merges = createMergeActivities(world.ports);
    const plan = await merges.planMerge({ tenant: acme });
    if (plan.kind !== "merge") throw new Error("nothing was planned");
    const lateWrites = async (): Promise<void> => {
      // An attempt that had passed every check, and whose request to Weaviate comes now.
      const [object] = world.cold.objects(neighbour);
      if (object !== undefined) world.cold.resurrect(acme, [object]);
    };
    await eraseTenantStory(durable()(erasePorts(world)), input, lateWrites);
    expect(await holdings(world, acme)).toEqual(gone);
    const { from, to } = plan;
    const write = merges.writeRange({ tenant: acme, from, to, after: from });
    await expect(write).rejects.toMatchObject({ code: "tenant_erased" });
    expect(await merges.planMerge({ tenant: acme })).toEqual({ kind: "nothing" });
  });

  it("keeps the log's identity: nothing is taken for lost", async () => {
    const world = await filledWorld();
    await eraseTenant(world);
    await world.log.checkIdentity();
  });
});

/** Deletes alpha as the owner would, with the operation after it. */
const deleteAlpha = (world: World) => deleteOf(world, "alpha");

async function deleteOf(world: World, documentId: string) {
  const { versions, through } = await deletesOf(world, [documentId]);
  return { tenant: acme, version: versions[0] as Version, through };
}

const traces = (world: World) => tracesOf(world, "alpha");

describe("an erase of a document", () => {
  it("leaves nothing of it in log and cold, and every other document of its tenant", async () => {
    const world = await filledWorld();
    const others = (await holdings(world, neighbour)) as object;
    const request = await deleteAlpha(world);
    const signed = await eraseDocumentStory(durable()(erasePorts(world)), request, noSleep);
    expect(await traces(world)).toEqual({ records: 0, operations: 0, cold: 0 });
    const live = new Set(world.cold.objects(acme).map(({ documentId }) => documentId));
    expect([...live].sort()).toEqual(["beta", "epsilon", "unmerged"]);
    expect(await holdings(world, neighbour)).toEqual(others);
    expect(verifyReceipt(signed).kind).toBe("valid");
    expect(JSON.stringify(signed)).not.toContain("alpha");
  });

  it("ends alike when it is killed at any call, and its tenant goes on (I1, I7)", async () => {
    const counted = await filledWorld();
    const asked = await deleteAlpha(counted);
    const counting = dyingPorts(counted, 0, "before");
    await eraseDocumentStory(durable()(counting.ports), asked, noSleep);
    for (const moment of ["before", "after"] as const) {
      for (let dieAt = 1; dieAt <= counting.calls(); dieAt += 1) {
        const world = await filledWorld();
        const request = await deleteAlpha(world);
        const steps = durable();
        const dying = dyingPorts(world, dieAt, moment);
        await eraseDocumentStory(steps(dying.ports), request, noSleep).catch((error: unknown) => {
          if (!(error instanceof Killed)) throw error;
        });
        const ports = erasePorts(world);
        const signed = await eraseDocumentStory(steps(ports), request, noSleep);
        const what = `${moment} call ${dieAt}`;
        expect(await traces(world), what).toEqual({ records: 0, operations: 0, cold: 0 });
        expect(isNothing(signed.receipt.left), what).toBe(true);
        const end = await world.log.chunks.last(acme);
        const next: ChunkRecord = {
          kind: "delete",
          tenant: acme,
          version: (request.through + 1) as Version,
          epoch: 1 as Epoch,
          documentId: "beta" as DocumentId,
        };
        await world.log.chunks.append(next, end?.position ?? (0 as Position));
        expect(await runMerge(world.ports), what).toMatchObject({ kind: "merged" });
      }
    }
  });

  it("holds what says which document it is, however early raw text goes, until it is done", async () => {
    const world = await filledWorld();
    await world.log.privacy.put(acme, { rawMs: 0 }, 0);
    const request = await deleteAlpha(world);
    const steps = durable()(erasePorts(world));
    await steps.awaitConfirmed(request);
    const held = async () => (await world.log.privacy.get(acme)).privacy;
    const { version } = request;
    expect(await held()).toEqual({ rawMs: 0, heldFrom: version, holds: [version] });
    await eraseDocumentStory(steps, request, noSleep);
    expect(await held()).toEqual({ rawMs: 0 });
  });

  it("that ends leaves what a later one of its tenant holds", async () => {
    const world = await filledWorld();
    const early = await deleteOf(world, "alpha");
    const late = await deleteOf(world, "beta");
    const steps = durable()(erasePorts(world));
    const laterSteps = durable();
    const stopped = new AbortController();
    const others = laterSteps({ ...erasePorts(world), signal: () => stopped.signal });
    await steps.awaitConfirmed(early);
    const heldFrom = async () => (await world.log.privacy.get(acme)).privacy.heldFrom;
    expect(await heldFrom()).toBe(early.version);
    // It holds what it reads, and is stopped while it waits.
    stopped.abort();
    await expect(others.awaitConfirmed(late)).rejects.toThrow();
    await eraseDocumentStory(steps, early, noSleep);
    expect(await heldFrom()).toBe(late.version);
    await eraseDocumentStory(durable()(erasePorts(world)), late, noSleep);
    expect((await world.log.privacy.get(acme)).privacy).toEqual({});
  });

  it("takes nothing away that an earlier one still reads, and does not wait for it (ED2)", async () => {
    const world = await filledWorld();
    const early = await deleteOf(world, "alpha");
    const late = await deleteOf(world, "beta");
    const earlier = durable()(erasePorts(world));
    await earlier.awaitConfirmed(early);
    const receipts = [await eraseDocumentStory(durable()(erasePorts(world)), late, noSleep)];
    const read = { tenant: acme, after: (early.version - 1) as Version, max: 1 };
    expect((await world.log.docs.readTenant(read))[0]?.version).toBe(early.version);
    receipts.push(await eraseDocumentStory(earlier, early, noSleep));
    expect(receipts.every(({ receipt }) => isNothing(receipt.left))).toBe(true);
    expect(await traces(world)).toEqual({ records: 0, operations: 0, cold: 0 });
    const live = new Set(world.cold.objects(acme).map(({ documentId }) => documentId));
    expect([...live].sort()).toEqual(["epsilon", "unmerged"]);
  });

  it("waits for an earlier one of the same document: it would not find all of it gone (ED2)", async () => {
    const world = await filledWorld();
    const early = await deleteOf(world, "alpha");
    const late = await deleteOf(world, "alpha");
    const earlier = durable()(erasePorts(world));
    await earlier.awaitConfirmed(early);
    const ends: string[] = [];
    const ports = erasePorts(world);
    const sleep = async (): Promise<void> => {
      await eraseDocumentStory(earlier, early, noSleep);
      ends.push("early");
    };
    const waiting = { ...ports, clock: { ...ports.clock, sleep } };
    await eraseDocumentStory(durable()(waiting), late, noSleep);
    expect(ends).toEqual(["early"]);
    expect(await traces(world)).toEqual({ records: 0, operations: 0, cold: 0 });
  });

  it("whose operation was taken while it waited holds nothing for ever (ED2)", async () => {
    const world = await filledWorld();
    const request = await deleteAlpha(world);
    const steps = createEraseActivities({ ...erasePorts(world), looksMax: 1 });
    await expect(steps.awaitConfirmed(request)).rejects.toMatchObject({ code: "not_ready" });
    const { tenant, version } = request;
    expect((await world.log.privacy.get(tenant)).privacy.holds).toEqual([version]);
    const below = nextAfter(version);
    await world.log.erasure.remove({ tenant, of: "operations", below });
    await expect(steps.awaitConfirmed(request)).rejects.toMatchObject({ code: "not_found" });
    expect((await world.log.privacy.get(tenant)).privacy).toEqual({});
  });

  it("leaves the waiting to whoever repeats a step, where that holds a place (I9)", async () => {
    const world = await filledWorld();
    const request = await deleteAlpha(world);
    let looks = 0;
    const requestMerge = async (): Promise<void> => {
      looks += 1;
      if (looks === 3) await runMerge(world.ports);
    };
    const steps = createEraseActivities({ ...erasePorts(world), requestMerge, looksMax: 1 });
    for (let at = 1; at <= 3; at += 1) {
      await expect(steps.awaitConfirmed(request)).rejects.toMatchObject({ code: "not_ready" });
      expect(looks).toBe(at);
    }
    expect((await steps.awaitConfirmed(request)).found.operations).toBeGreaterThan(0);
  });

  it("waits while more of its tenant are under way than its record names", async () => {
    const world = await filledWorld();
    const request = await deleteAlpha(world);
    const holds = Array.from(
      { length: limits.erasesPerTenantMax },
      (_, n) => (request.through + n) as Version,
    );
    await changePrivacy(world.log.privacy, acme, (now) => withHolds(now, holds));
    const steps = createEraseActivities({ ...erasePorts(world), looksMax: 1 });
    for (const _ of [1, 2]) {
      await expect(steps.awaitConfirmed(request)).rejects.toMatchObject({ code: "not_ready" });
    }
    await changePrivacy(world.log.privacy, acme, (now) => withHolds(now, holds.slice(1)));
    expect((await steps.awaitConfirmed(request)).found.operations).toBeGreaterThan(0);
  });

  it("keeps what was published anew under the same id", async () => {
    const world = await filledWorld();
    const request = await deleteAlpha(world);
    const steps = durable()(erasePorts(world));
    const begun = await steps.awaitConfirmed(request);
    const object = world.cold.objects(neighbour).find(({ documentId }) => documentId === "alpha");
    if (object === undefined) throw new Error("the neighbour has no alpha");
    const version = (request.through + 5) as Version;
    world.cold.resurrect(acme, [{ ...object, id: "0".repeat(36), version }]);
    await steps.removeDocument({ ...request, below: begun.below });
    expect((await traces(world)).cold).toBe(1);
  });

  it("of an operation that is not there says so", async () => {
    const world = await filledWorld();
    const request = { tenant: acme, version: 7 as Version, through: 8 as Version };
    const erase = eraseDocumentStory(durable()(erasePorts(world)), request, noSleep);
    await expect(erase).rejects.toMatchObject({ code: "not_found" });
  });
});
