/** What every adapter does with tenants' lives, and with what is erased. */

import { describe, expect, it } from "vitest";
import { begin, firstGeneration } from "../../src/contract/generation.ts";
import {
  type Epoch,
  generationName,
  type Position,
  partitionOf,
  type Version,
} from "../../src/contract/ids.ts";
import { emptyManifest } from "../../src/contract/manifest.ts";
import { erasable } from "../../src/log/erasure-port.ts";
import { changeLife } from "../../src/log/lives.ts";
import { tombstoneOf } from "../../src/log/tombstone.ts";
import type { Opened } from "./harness.ts";

export function describeLives(opened: Opened): void {
  describe("what a tenant is at", () => {
    it("is active without a record, changes by compare-and-set, and is told to all who watch", async () => {
      const { log, other } = opened.harness;
      const tenant = opened.tenant();
      expect(await log.lives.get(tenant)).toEqual({ life: { state: "active" }, revision: 0 });
      const ended = new AbortController();
      const heard: string[] = [];
      const watching = (async () => {
        for await (const found of other.lives.watch(ended.signal)) {
          if (found.tenant !== tenant) continue;
          heard.push(found.life.state);
          // A watch that begins late hears the newest alone, so their number says nothing.
          if (found.life.state === "asleep") return;
        }
      })();
      expect(await log.lives.put(tenant, { state: "suspended", atMs: 5 }, 0)).toBe(true);
      const { revision } = await other.lives.get(tenant);
      expect(await other.lives.put(tenant, { state: "active" }, 0)).toBe(false);
      const asleep = {
        state: "asleep",
        atMs: 7,
        version: 3 as Version,
        to: 4 as Position,
      } as const;
      expect(await other.lives.put(tenant, asleep, revision)).toBe(true);
      expect((await log.lives.get(tenant)).life).toEqual(asleep);
      await watching;
      ended.abort();
      expect([["asleep"], ["suspended", "asleep"]]).toContainEqual(heard);
      const all: string[] = [];
      for await (const found of log.lives.all())
        if (found.tenant === tenant) all.push(found.life.state);
      expect(all).toEqual(["asleep"]);
    });

    it("never leaves erased, and from erasing only goes there", async () => {
      const { log } = opened.harness;
      const tenant = opened.tenant();
      await changeLife(log.lives, tenant, () => ({ state: "erasing", atMs: 1 }));
      const back = changeLife(log.lives, tenant, () => ({ state: "active" }));
      await expect(back).rejects.toMatchObject({ code: "tenant_erased" });
    });
  });

  describe("which generations a tenant has", () => {
    it("is the first alone without a record, changes by compare-and-set, and is told to all", async () => {
      const { log, other } = opened.harness;
      const tenant = opened.tenant();
      const none = await log.generations.get(tenant);
      expect(none).toEqual({ generations: firstGeneration, revision: 0 });
      const plan = { model: "m", from: 3 as Position, upTo: 2 as Version };
      const built = begin(firstGeneration, plan);
      expect(await log.generations.put(tenant, built, 0)).toBe(true);
      expect(await other.generations.put(tenant, firstGeneration, 0)).toBe(false);
      // Any of its names asks for the tenant's.
      const second = await other.generations.get(generationName(tenant, 2));
      expect(second.generations).toEqual(built);
      for await (const found of other.generations.watch(new AbortController().signal)) {
        if (found.tenant !== tenant) continue;
        expect(found.generations).toEqual(built);
        break;
      }
    });

    it("have records of their own in the tenant's partition, over the tenant's operations", async () => {
      const { log } = opened.harness;
      const tenant = opened.tenant();
      const second = generationName(tenant, 2);
      const { seq } = await log.docs.publish({ tenant, payload: new Uint8Array([123, 125]) });
      const record = { kind: "fence", version: 0 as Version, epoch: 1 as Epoch } as const;
      const appended = await log.chunks.append({ ...record, tenant: second }, 0 as Position);
      expect(appended.kind).toBe("appended");
      expect(await log.chunks.last(tenant)).toBeNull();
      expect((await log.chunks.last(second))?.tenant).toBe(second);
      const partition = partitionOf(tenant, log.partitions);
      expect(await log.chunks.tenants(partition)).toContain(second);
      expect(await log.docs.lastVersion(second)).toBe(seq);
      await log.manifests.commit(second, emptyManifest, 0);
      expect(await log.manifests.get(tenant)).toBeNull();
      expect(await log.manifests.tenants()).toContain(second);
    });
  });

  describe("what is erased", () => {
    it("leaves what is excepted, which does not count, and takes what lies around it", async () => {
      const { log } = opened.harness;
      const tenant = opened.tenant();
      const payload = new Uint8Array([123, 125]);
      const seqs: Version[] = [];
      for (let at = 0; at < 5; at += 1)
        seqs.push((await log.docs.publish({ tenant, payload })).seq);
      const [, second, , fourth, fifth] = seqs as [Version, Version, Version, Version, Version];
      const of = { tenant, of: "operations", below: fifth } as const;
      const except = new Set([second, fourth]);
      expect(await log.erasure.count({ ...of, except })).toBe(2);
      expect(await log.erasure.remove({ ...of, except })).toBe(2);
      const left = await log.docs.readTenant({ tenant, after: 0 as Version, max: 9 });
      expect(left.map(({ version }) => version)).toEqual([second, fourth, fifth]);
      expect(await log.erasure.remove({ ...of, except })).toBe(0);
      expect(await log.erasure.remove(of)).toBe(2);
    });

    it("is gone for every store of its tenant, below a bound where one is given, and no other's", async () => {
      const { log } = opened.harness;
      const [tenant, beside] = [opened.tenant(), opened.tenant()];
      const ends = new Map<string, Position>();
      for (const name of [tenant, beside]) {
        const base = { tenant: name, epoch: 1 as Epoch };
        let last = 0 as Position;
        for (let count = 1; count <= 3; count += 1) {
          await log.docs.publish({ tenant: name, payload: new Uint8Array([123, 125]) });
          const record = { ...base, version: count as Version, kind: "fence" } as const;
          const outcome = await log.chunks.append(record, last);
          if (outcome.kind !== "appended") throw new Error(outcome.kind);
          last = outcome.position;
          await log.deadLetters.publish({
            ...{ tenant: name, version: count as Version, documentId: null },
            ...{ reason: "invalid_document", message: "", atMs: 1 },
          });
        }
        ends.set(name, last);
        await log.manifests.putPiece(name, new TextEncoder().encode(`piece of ${name}`));
        await log.manifests.commit(name, emptyManifest, 0);
        await log.attempts.put(name, { upTo: 1 as Version, lives: 1, epoch: 1 as Epoch });
        await log.feedback.append(name, new Uint8Array([123, 125]));
        await log.tokens.put(name, { day: 20_000, tenant: 7, credentials: {} });
        await log.privacy.put(name, { rawMs: 0 }, 0);
        await log.generations.put(name, firstGeneration, 0);
      }
      const counts = async (name: typeof tenant) =>
        Promise.all(erasable.map((of) => log.erasure.count({ tenant: name, of })));
      const before = await counts(beside);
      expect(before.every((count) => count > 0)).toBe(true);
      expect(await log.erasure.remove({ tenant, of: "letters", version: 2 as Version })).toBe(1);
      expect(await log.deadLetters.get(tenant, 2 as Version)).toBeNull();
      const below = ends.get(tenant);
      expect(await log.erasure.count({ tenant, of: "records", below })).toBe(2);
      expect(await log.erasure.remove({ tenant, of: "records", below })).toBe(2);
      expect((await log.chunks.first(tenant))?.position).toBe(below);
      for (const of of erasable) await log.erasure.remove({ tenant, of });
      expect(await counts(tenant)).toEqual(erasable.map(() => 0));
      expect(await log.tokens.get(tenant)).toBeNull();
      expect(await log.tokens.get(beside)).not.toBeNull();
      expect(await counts(beside)).toEqual(before);
      expect(await log.erasure.remove({ tenant, of: "operations" })).toBe(0);
      await log.checkIdentity();
    });

    it("is followed by nothing: a tombstone refuses whoever expected an earlier record (I6)", async () => {
      const { log, other } = opened.harness;
      const tenant = opened.tenant();
      const fence = { kind: "fence", tenant, version: 0 as Version, epoch: 1 as Epoch } as const;
      const begun = await log.chunks.append(fence, 0 as Position);
      if (begun.kind !== "appended") throw new Error(begun.kind);
      const sealed = await other.chunks.append(
        tombstoneOf(tenant, await other.chunks.last(tenant)),
        begun.position,
      );
      if (sealed.kind !== "appended") throw new Error(sealed.kind);
      await other.erasure.remove({ tenant, of: "records", below: sealed.position });
      const late = { ...fence, kind: "delete", documentId: "a" as never } as const;
      expect((await log.chunks.append(late, begun.position)).kind).toBe("behind");
      expect((await log.chunks.append(fence, 0 as Position)).kind).toBe("behind");
      await log.checkIdentity();
    });
  });

  it("tells the newest operation of each tenant of a partition", async () => {
    const { log } = opened.harness;
    const tenant = opened.tenant();
    await log.docs.publish({ tenant, payload: new Uint8Array([123, 125]) });
    const { seq } = await log.docs.publish({ tenant, payload: new Uint8Array([123, 125]) });
    const found: number[] = [];
    for await (const newest of log.docs.newest(partitionOf(tenant, log.partitions))) {
      if (newest.tenant === tenant) found.push(newest.version);
    }
    expect(found).toEqual([seq]);
  });
}
