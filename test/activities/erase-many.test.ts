/** Erases of several documents at once, and of many that are under way at the same time. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { asksForMerge } from "../../activities/erase/holds.ts";
import { eraseInParts } from "../../src/cli/erase-request.ts";
import { type Deletes, isNothing } from "../../src/contract/erase.ts";
import type { DocumentId, Position, Version } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import type { SignedReceipt } from "../../src/contract/receipt.ts";
import { heldDeletesOf, withErase } from "../../src/contract/tenant-privacy.ts";
import { publishDeletes } from "../../src/log/guard/erase-deletes.ts";
import { hold } from "../../src/log/holds.ts";
import { changePrivacy } from "../../src/log/privacy.ts";
import { verifyReceipt } from "../../src/tenants/receipt.ts";
import { eraseDocumentsStory, eraseTenantStory } from "../../workflows/erase-story.ts";
import { runs } from "../support/runs.ts";
import {
  deleteAs,
  deletesOf,
  durable,
  dyingPorts,
  erasePorts,
  filledWorld,
  Killed,
  publish,
  tracesOf,
} from "./erase-kit.ts";
import { runMerge } from "./run-merge.ts";
import { acme, createWorld, type World } from "./world.ts";

const noSleep = async (): Promise<void> => {};
const gone = { records: 0, operations: 0, cold: 0 };

const erase = (world: World, deletes: Deletes, ports = erasePorts(world)): Promise<SignedReceipt> =>
  eraseDocumentsStory(durable()(ports), { tenant: acme, ...deletes }, noSleep);

describe("an erase of several documents", () => {
  it("leaves nothing of any of them, and one receipt that names all", async () => {
    const world = await filledWorld();
    const deletes = await deletesOf(world, ["alpha", "beta"]);
    const signed = await erase(world, deletes);
    for (const id of ["alpha", "beta"]) expect(await tracesOf(world, id), id).toEqual(gone);
    expect((await tracesOf(world, "epsilon")).cold).toBeGreaterThan(0);
    expect(signed.receipt.documents_sha256).toHaveLength(2);
    expect(signed.receipt.document_sha256).toBeUndefined();
    expect(verifyReceipt(signed).kind).toBe("valid");
    expect(JSON.stringify(signed)).not.toContain("alpha");
    expect((await world.log.privacy.get(acme)).privacy).toEqual({});
  });

  it("ends alike when it is killed at any call, beside another one (I1, ED2)", async () => {
    const counted = await filledWorld();
    const counting = dyingPorts(counted, 0, "before");
    await erase(counted, await deletesOf(counted, ["alpha", "beta"]), counting.ports);
    for (const moment of ["before", "after"] as const) {
      for (let dieAt = 1; dieAt <= counting.calls(); dieAt += 1) {
        const world = await filledWorld();
        const [first, second] = [await deleteAs(world, "alpha"), await deleteAs(world, "gamma")];
        const own = await deletesOf(world, ["beta"]);
        const request = { versions: [first, ...own.versions], through: own.through };
        const other = { versions: [second], through: own.through };
        await hold(world.log.privacy, { tenant: acme, ...other });
        // The other one would have asked for it.
        await runMerge(world.ports);
        const steps = durable();
        const dying = dyingPorts(world, dieAt, moment);
        const input = { tenant: acme, ...request };
        await eraseDocumentsStory(steps(dying.ports), input, noSleep).catch((error: unknown) => {
          if (!(error instanceof Killed)) throw error;
        });
        const what = `${moment} call ${dieAt}`;
        const signed = await eraseDocumentsStory(steps(erasePorts(world)), input, noSleep);
        expect(isNothing(signed.receipt.left), what).toBe(true);
        expect(signed.receipt.documents_sha256, what).toHaveLength(2);
        for (const id of ["alpha", "beta"]) expect(await tracesOf(world, id), what).toEqual(gone);
        expect(isNothing((await erase(world, other)).receipt.left), what).toBe(true);
        expect(await tracesOf(world, "gamma"), what).toEqual(gone);
        expect((await world.log.privacy.get(acme)).privacy, what).toEqual({});
      }
    }
  });

  it("is not found where one of its deletes is gone, and holds nothing then (ED2)", async () => {
    const world = await filledWorld();
    const deletes = await deletesOf(world, ["alpha", "beta"]);
    await hold(world.log.privacy, { tenant: acme, ...deletes });
    const below = deletes.versions[1];
    await world.log.erasure.remove({ tenant: acme, of: "operations", below });
    await expect(erase(world, deletes)).rejects.toMatchObject({ code: "not_found" });
    expect((await world.log.privacy.get(acme)).privacy).toEqual({});
  });
});

describe("an erase of several documents whose deletes another erase takes", () => {
  /** As a node of an earlier release writes it: `batches` is no field that it knows. */
  const writtenByEarlier = ({ log }: World) =>
    changePrivacy(log.privacy, acme, ({ batches: _, ...known }) => known);

  it("holds them again before it removes anything, so that nobody takes them (ED2)", async () => {
    const world = await filledWorld();
    const deletes = await deletesOf(world, ["alpha", "beta"]);
    const last = await deleteAs(world, "gamma");
    const { through } = await deletesOf(world, []);
    const [steps, input] = [durable()(erasePorts(world)), { tenant: acme, ...deletes }];
    const begun = await steps.awaitDeletes(input);
    const request = { ...input, below: begun.below };
    await writtenByEarlier(world);
    const dying = durable()(dyingPorts(world, 8, "before").ports);
    await expect(dying.removeDocuments(request)).rejects.toBeInstanceOf(Killed);
    await erase(world, { versions: [last], through });
    const kept = await world.log.docs.readTenant({ tenant: acme, after: 0 as Version, max: 999 });
    expect(kept.map(({ version }) => version)).toEqual(
      expect.arrayContaining([...deletes.versions]),
    );
    await steps.removeDocuments(request);
    expect(isNothing(await steps.lookForDocuments(request))).toBe(true);
    await steps.finishDocuments({ ...request, begun });
    for (const id of ["alpha", "beta"]) expect(await tracesOf(world, id), id).toEqual(gone);
  });

  it("ends without a receipt: what they were of might be left (ED2)", async () => {
    const world = await filledWorld();
    const deletes = await deletesOf(world, ["alpha", "beta"]);
    const [first] = deletes.versions;
    const [steps, input] = [durable()(erasePorts(world)), { tenant: acme, ...deletes }];
    const { below } = await steps.awaitDeletes(input);
    const taken = { tenant: acme, of: "operations", below: below.docs } as const;
    await world.log.erasure.remove({ ...taken, except: new Set([first as Version]) });
    const ended = steps.removeDocuments({ ...input, below });
    await expect(ended).rejects.toMatchObject({ code: "not_found" });
    const looked = steps.lookForDocuments({ ...input, below });
    await expect(looked).rejects.toMatchObject({ code: "not_found" });
    expect((await world.log.privacy.get(acme)).privacy).toEqual({});
  });

  it("writes nothing of a tenant that is erased meanwhile", async () => {
    const world = await filledWorld();
    const deletes = await deletesOf(world, ["alpha", "beta"]);
    const [steps, input] = [durable()(erasePorts(world)), { tenant: acme, ...deletes }];
    const { below } = await steps.awaitDeletes(input);
    await eraseTenantStory(durable()(erasePorts(world)), { tenant: acme }, noSleep);
    const before = await world.log.privacy.get(acme);
    const ended = steps.removeDocuments({ ...input, below });
    await expect(ended).rejects.toMatchObject({ code: "not_found" });
    expect(await world.log.privacy.get(acme)).toEqual(before);
  });

  it("waits where the record has no room for those that it has lost there (ED2)", async () => {
    const { log } = createWorld();
    const versions = [1, 2, 3] as Version[];
    await hold(log.privacy, { tenant: acme, versions });
    await changePrivacy(log.privacy, acme, ({ batches: _, ...known }) => known);
    const listOf = (from: number, length: number) =>
      Array.from({ length }, (_, n) => (from + n) as Version);
    for (let left = limits.erasedPerTenantMax - 1, from = 10; left > 0; from += 2_000) {
      const length = Math.min(left, limits.eraseDocumentsMax);
      await hold(log.privacy, { tenant: acme, versions: listOf(from, length) });
      left -= length;
    }
    expect(await hold(log.privacy, { tenant: acme, versions })).toBeUndefined();
  });
});

describe("erases that are under way together", () => {
  it("all end with a receipt, and leave nothing, in whatever order their steps come (ED2)", async () => {
    const ids = ["alpha", "beta", "gamma", "delta"];
    const requests = fc.array(fc.uniqueArray(fc.nat({ max: 3 }), { minLength: 1, maxLength: 3 }), {
      ...{ minLength: 2, maxLength: 4 },
    });
    const orders = fc.infiniteStream(fc.nat({ max: 99 }));
    await fc.assert(
      fc.asyncProperty(requests, orders, async (lists, order) => {
        const world = createWorld();
        for (const id of ids) await publish(world, id);
        const asked = await interleaved(world, lists, ids);
        await runMerge(world.ports);
        const receipts = await inTurns(world, asked, order);
        expect(receipts).toHaveLength(lists.length);
        expect(receipts.every(({ receipt }) => isNothing(receipt.left))).toBe(true);
        for (const id of new Set(lists.flat())) {
          expect(await tracesOf(world, ids[id] as string)).toEqual(gone);
        }
        expect((await world.log.privacy.get(acme)).privacy).toEqual({});
      }),
      { numRuns: runs(20) },
    );
  });

  it("ask for a merge once: the one whose last delete comes first and is not merged (ED4)", () => {
    const held = [[3, 9], [4], [5, 7]] as unknown as readonly (readonly Version[])[];
    const asking = (merged: number) =>
      held.filter((own) => asksForMerge(held, own, merged as Version)).map((own) => own[0]);
    expect(asking(0)).toEqual([4]);
    // Those that are merged may ask, and need not: their callers look first.
    expect(asking(4)).toContain(5);
    expect(asking(4)).not.toContain(3);
    expect(asking(7)).toContain(3);
  });
});

/** Every list's deletes, taking turns with those of the others, and one marker behind all. */
async function interleaved(
  world: World,
  lists: readonly (readonly number[])[],
  ids: readonly string[],
): Promise<readonly Deletes[]> {
  const versions = lists.map((): Version[] => []);
  for (let turn = 0; turn < ids.length; turn += 1) {
    for (const [at, list] of lists.entries()) {
      const id = ids[list[turn] ?? -1];
      if (id !== undefined) versions[at]?.push(await deleteAs(world, id));
    }
  }
  const { through } = await deletesOf(world, []);
  const asked = versions.map((own) => ({ versions: own, through }));
  for (const own of asked) await hold(world.log.privacy, { tenant: acme, ...own });
  return asked;
}

/** A step of one, then of another; a step that is not ready has its turn again, as in Temporal. */
async function inTurns(world: World, asked: readonly Deletes[], order: Iterable<number>) {
  const waiting: (() => void)[] = [];
  const turn = (): Promise<void> => new Promise((resolve) => void waiting.push(resolve));
  const receipts: SignedReceipt[] = [];
  let left = asked.length;
  const works = asked.map(async (deletes) => {
    const steps = durable()({ ...erasePorts(world), looksMax: 1 });
    const inTurn = new Proxy(steps, {
      get: (target, name: keyof typeof steps) => async (request: never) => {
        for (;;) {
          await turn();
          try {
            return await (target[name] as (request: never) => Promise<unknown>)(request);
          } catch (thrown) {
            if (!(thrown instanceof Error && "code" in thrown && thrown.code === "not_ready")) {
              throw thrown;
            }
          }
        }
      },
    });
    receipts.push(await eraseDocumentsStory(inTurn, { tenant: acme, ...deletes }, turn));
    left -= 1;
  });
  const numbers = order[Symbol.iterator]();
  const all = Promise.all(works);
  while (left > 0) {
    const next = numbers.next().value as number;
    waiting.splice(next % Math.max(1, waiting.length), 1)[0]?.();
    await Promise.race([all, new Promise((resolve) => setImmediate(resolve))]);
  }
  await all;
  return receipts;
}

describe("who asks for an erase", () => {
  it("has its deletes held before anything else knows of it (ED2)", async () => {
    const { log } = createWorld();
    const ids = ["a", "b", "a"] as DocumentId[];
    const deletes = await publishDeletes(log, { tenant: acme, ids });
    expect(deletes.versions).toHaveLength(2);
    expect(deletes.through).toBeGreaterThan(deletes.versions[1] as number);
    const { privacy } = await log.privacy.get(acme);
    expect(heldDeletesOf(privacy)).toEqual([deletes.versions]);
    expect(privacy.heldFrom).toBe(deletes.versions[0]);
  });

  it("is refused before anything is deleted while as many are under way as may be", async () => {
    const { log } = createWorld();
    const full = (now: object) => {
      let next = now;
      for (let at = 1; at <= limits.erasesPerTenantMax; at += 1) {
        next = withErase(next, [at as Version]) ?? next;
      }
      return next;
    };
    await changePrivacy(log.privacy, acme, full);
    const asked = publishDeletes(log, { tenant: acme, ids: ["a" as DocumentId] });
    await expect(asked).rejects.toMatchObject({ code: "overloaded" });
    expect(await log.docs.lastVersion(acme)).toBe(0);
  });

  it("begins no further part of a list once it is told to end", async () => {
    const { log } = createWorld();
    const all = limits.eraseDocumentsMax * (limits.erasesOfListMax + 1);
    const ids = Array.from({ length: all }, (_, n) => `d${n}` as DocumentId);
    const stop = new AbortController();
    const ended: number[] = [];
    const erasing = eraseInParts(
      log,
      { tenant: acme, ids, signal: stop.signal },
      {
        run: async () => stop.abort(new Error("interrupted")),
        ended: (_, documents) => ended.push(documents),
      },
    );
    await expect(erasing).rejects.toThrow("interrupted");
    expect(ended).toHaveLength(limits.erasesOfListMax);
    const markers = limits.erasesOfListMax;
    const operations = await log.erasure.count({ tenant: acme, of: "operations" });
    expect(operations).toBe(limits.erasesOfListMax * limits.eraseDocumentsMax + markers);
  });

  it("is refused for more documents than the record has room for, or one erase takes", async () => {
    const { log } = createWorld();
    const idsOf = (count: number) => Array.from({ length: count }, (_, n) => `d${n}` as DocumentId);
    const batch = (from: number) =>
      Array.from({ length: limits.eraseDocumentsMax }, (_, n) => (from + n) as Version);
    const isFull = limits.erasedPerTenantMax / limits.eraseDocumentsMax;
    for (let at = 0; at < isFull; at += 1) {
      await changePrivacy(log.privacy, acme, (now) => withErase(now, batch(1 + at * 2_000)));
    }
    const one = publishDeletes(log, { tenant: acme, ids: idsOf(1) });
    await expect(one).rejects.toMatchObject({ code: "overloaded" });
    const many = publishDeletes(log, { tenant: acme, ids: idsOf(limits.eraseDocumentsMax + 1) });
    await expect(many).rejects.toMatchObject({ code: "invalid_request" });
    const none = publishDeletes(log, { tenant: acme, ids: [] });
    await expect(none).rejects.toMatchObject({ code: "invalid_request" });
  });
});

it("1,000 documents take one merge and a few passes, not a thousand of each (ED4)", async () => {
  const world = createWorld();
  const ids = Array.from({ length: limits.eraseDocumentsMax }, (_, n) => `d${n}`);
  for (const id of ids) await publish(world, id);
  const deletes = await deletesOf(world, ids);
  let merges = 0;
  const ports = erasePorts(world);
  const requestMerge = async (): Promise<void> => {
    merges += 1;
    await runMerge(world.ports);
  };
  const { receipt } = await erase(world, deletes, { ...ports, requestMerge });
  expect(merges).toBe(1);
  expect(receipt.documents_sha256).toHaveLength(ids.length);
  expect(receipt.below.chunks).toBe((await world.log.chunks.last(acme))?.position as Position);
});
