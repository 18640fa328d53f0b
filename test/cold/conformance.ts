/**
 * What every cold shard promises (C1-C3 of src/cold/port.ts), run against memory and Weaviate
 * alike.
 */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ColdEntry, ColdObject, ColdQuery, ColdShard } from "../../src/cold/port.ts";
import { position, type TenantId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { dotProduct } from "../../src/contract/vector.ts";
import { describeColdMarker } from "./conformance-marker.ts";
import { describeColdSearch } from "./conformance-search.ts";
import {
  coldObject,
  direction,
  documentId,
  freshTenant,
  type ObjectOptions,
  version,
} from "./objects.ts";
import { settled } from "./settled.ts";

const incarnation = 2 ** 40;

/** Side by side: each test has tenants of its own, and a server waits for its disk in most of them. */
export function describeColdShard(name: string, open: () => Promise<ColdShard>): void {
  describe.concurrent(`the cold shard over ${name}`, () => {
    let cold: ColdShard;
    beforeAll(async () => {
      cold = await open();
      await settled(cold);
    });
    afterAll(() => cold.close());

    async function filled(label: string, objects: readonly ObjectOptions[]) {
      const tenant = freshTenant(label);
      await cold.ensureTenant(tenant);
      const made = objects.map((options) => coldObject(tenant, options));
      await cold.upsert(tenant, made);
      return { tenant, objects: made };
    }

    const search = async (tenant: TenantId, query: Partial<ColdQuery> = {}) =>
      (await cold.search({ tenant, vector: direction(0), text: "text", limit: 10, ...query })).hits;

    const found = async (tenant: TenantId, query: Partial<ColdQuery> = {}) =>
      (await search(tenant, query)).map((hit) => hit.documentId).toSorted();

    test("answers a ping", async () => {
      await expect(cold.ping()).resolves.toBeUndefined();
    });

    test("creates a tenant as often as it is asked to", async () => {
      const tenant = freshTenant("again");
      await cold.ensureTenant(tenant);
      await cold.ensureTenant(tenant);
      expect(await search(tenant)).toEqual([]);
    });

    test("a tenant that nobody created has nothing, and asking does not create it", async () => {
      const tenant = freshTenant("nobody");
      expect(await search(tenant)).toEqual([]);
      expect(await cold.readMarker(tenant)).toBeNull();
      expect(await cold.versions(tenant, [coldObject(tenant, { id: "a" }).id])).toEqual(new Map());
      expect(await cold.staleIds(tenant, { documentId: documentId("a"), keep: null })).toEqual([]);
      await expect(cold.deleteIds(tenant, [coldObject(tenant, { id: "a" }).id])).resolves.toBe(
        undefined,
      );
    });

    test("a hit carries everything that was written, and its exact cosine", async () => {
      const info = {
        title: "Ships",
        source: "docs/ships.md",
        timestamp: 1_700_000_000_123,
        publishedAtMs: 1_700_000_000_456,
        expiresAtMs: 4_700_000_000_789,
        language: "de-CH",
        acl: ["Team:Ops", "jane@example.com"],
        contentHash: "0123456789abcdef0123456789abcdef",
        metadata: { lang: "en", tags: ["a", "b"], pages: 12, draft: false },
      };
      const { tenant } = await filled("whole", [
        {
          id: "a/b c.md",
          version: incarnation + 5,
          chunk: 7,
          heading: "One > Two",
          range: [3, 99],
          info,
          angle: 0.5,
        },
      ]);
      const [hit] = await search(tenant);
      expect(hit).toMatchObject({
        shard: "cold",
        documentId: "a/b c.md",
        version: incarnation + 5,
        chunk: 7,
        text: "text of a/b c.md",
        heading: "One > Two",
        range: [3, 99],
        info,
      });
      expect(hit?.cosine).toBeCloseTo(Math.cos(0.5), 5);
    });

    test("C1: writing twice is writing once", async () => {
      const { tenant, objects } = await filled("twice", [{ id: "a" }, { id: "b", chunk: 1 }]);
      await cold.upsert(tenant, objects);
      expect(await search(tenant)).toHaveLength(2);
    });

    test("a rewrite of what is there changes nothing that a reader sees, however often it comes (RP1)", async () => {
      const { tenant, objects } = await filled("rewritten", [{ id: "a" }, { id: "b", chunk: 1 }]);
      const versions = new Map(objects.map(({ id, version: of }) => [id, of]));
      for (let time = 1; time <= 3; time += 1) {
        await cold.rewrite(tenant, objects);
        expect(await cold.versions(tenant, [...versions.keys()])).toEqual(versions);
        const hits = await search(tenant);
        expect(hits).toHaveLength(2);
        for (const { cosine } of hits) expect(cosine).toBeCloseTo(1, 6);
      }
    });

    test("a rewrite writes what is not there", async () => {
      const tenant = freshTenant("rewritten-new");
      await cold.ensureTenant(tenant);
      await cold.rewrite(tenant, [coldObject(tenant, { id: "a" })]);
      expect(await search(tenant)).toHaveLength(1);
      await expect(cold.rewrite(tenant, [])).resolves.toBeUndefined();
    });

    test("C2: a page of the largest size is complete when upsert returns", async () => {
      const tenant = freshTenant("page");
      await cold.ensureTenant(tenant);
      const all = Array.from({ length: 2 * limits.mergePageObjects }, (_, index) =>
        coldObject(tenant, { id: `d${index}`, version: incarnation + index, angle: index / 500 }),
      );
      await Promise.all([
        cold.upsert(tenant, all.slice(0, limits.mergePageObjects)),
        cold.upsert(tenant, all.slice(limits.mergePageObjects)),
      ]);
      const versions = await cold.versions(
        tenant,
        all.map((object) => object.id),
      );
      expect(versions).toEqual(new Map(all.map((object) => [object.id, object.version])));
    });

    test("refuses a page above the bound", async () => {
      const tenant = freshTenant("refused");
      const good = coldObject(tenant, { id: "a" });
      const many = Array.from({ length: limits.mergePageObjects + 1 }, () => good);
      await expect(cold.upsert(tenant, many)).rejects.toMatchObject({ code: "internal" });
    });

    const withVector = (object: ColdObject, value: number): ColdObject => ({
      ...object,
      vector: direction(0).fill(value, 5, 6),
    });

    test.each<[string, (object: ColdObject) => ColdObject]>([
      ["a vector that is too long", (object) => withVector(object, 2)],
      ["NaN in its vector", (object) => withVector(object, Number.NaN)],
      ["an infinite vector", (object) => withVector(object, Number.POSITIVE_INFINITY)],
      [
        "half a character in its id",
        (object) => ({ ...object, documentId: documentId("x\ud83c") }),
      ],
      ["a number that its property does not take", (object) => ({ ...object, chunk: 1.5 })],
    ])(
      "C4: an object with %s is refused by its id, and its neighbours are written",
      async (_what, spoil) => {
        const tenant = freshTenant("spoilt");
        await cold.ensureTenant(tenant);
        const good = Array.from({ length: 9 }, (_, index) =>
          coldObject(tenant, { id: `d${index}` }),
        );
        const bad = spoil(coldObject(tenant, { id: "bad" }));
        const page = [...good.slice(0, 6), bad, ...good.slice(6)];
        await expect(cold.upsert(tenant, page)).rejects.toMatchObject({
          ...{ code: "cold_refused", retryable: false, ids: [bad.id] },
        });
        const ids = page.map(({ id }) => id);
        const found = await cold.versions(tenant, ids);
        expect([...found.keys()].toSorted()).toEqual(good.map(({ id }) => id).toSorted());
      },
    );

    test("C4: of a page of which nothing can be written each object is refused", async () => {
      const tenant = freshTenant("all-spoilt");
      const bad = ["a\ud83c", "b\ud83c"].map((id) => coldObject(tenant, { id }));
      await expect(cold.upsert(tenant, bad)).rejects.toMatchObject({
        ...{ code: "cold_refused", ids: bad.map(({ id }) => id) },
      });
      expect(await search(tenant)).toEqual([]);
    });

    test("stored objects come back as they were written, absent ones are passed over", async () => {
      const { tenant, objects } = await filled("stored", [
        { id: "a", text: "wind and rain", heading: "Weather", sparse: Uint8Array.of(7, 1, 40) },
        { id: "b", info: { title: "Boats", metadata: { kind: "sail" } } },
      ]);
      const ids = objects.map(({ id }) => id);
      const absent = coldObject(tenant, { id: "c" }).id;
      const found = await cold.stored(tenant, [...ids, absent]);
      expect(found.map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
      for (const object of objects) {
        const read = found.find(({ id }) => id === object.id);
        const { vector: own, ...rest } = object;
        // What an object lacks it may lack in both ways.
        const present = Object.entries(rest).filter(([, value]) => value !== undefined);
        expect(read).toMatchObject(Object.fromEntries(present));
        expect(dotProduct(read?.vector ?? [], own)).toBeCloseTo(1, 5);
      }
      expect(await cold.stored(freshTenant("nobody"), ids)).toEqual([]);
    });

    test("a walk gives every object once, page by page, in order of ids, and what it can be told by; a count says how many", async () => {
      const { tenant, objects } = await filled(
        "walk",
        Array.from({ length: 25 }, (_, index) => ({
          id: `d${index % 5}`,
          version: incarnation + 1 + Math.floor(index / 5),
          chunk: index % 3,
          chunkCount: 3,
          info: index % 5 === 0 ? { expiresAtMs: 1_000 + index } : {},
        })),
      );
      const { tenant: neighbour } = await filled("walk-neighbour", [{ id: "other" }]);
      const walked: ColdEntry[] = [];
      for (let after: string | null = null; ; ) {
        const page: readonly ColdEntry[] = await cold.walk(tenant, { after, limit: 10 });
        expect(page.length).toBeLessThanOrEqual(10);
        walked.push(...page);
        after = page.at(-1)?.id ?? null;
        if (after === null) break;
      }
      const ids = walked.map(({ id }) => id);
      expect(ids).toEqual(ids.toSorted());
      const expected = objects.map((object) => {
        const { id, documentId: name, version: of, chunk, chunkCount, info } = object;
        const { expiresAtMs } = info;
        return { id, documentId: name, version: of, chunk, chunkCount, info: { expiresAtMs } };
      });
      const byId = (left: ColdEntry, right: ColdEntry) => (left.id < right.id ? -1 : 1);
      expect(walked).toEqual(expected.toSorted(byId));
      // A page may begin after an id that no object has.
      const between = `${ids[4]?.slice(0, -1)}${ids[4]?.endsWith("f") ? "e" : "f"}`;
      const later = ids.filter((each) => each > between);
      const rest = await cold.walk(tenant, { after: between, limit: 100 });
      expect(rest.map((entry) => entry.id)).toEqual(later);
      expect(await cold.walk(neighbour, { after: null, limit: 10 })).toHaveLength(1);
      expect(await cold.count(tenant)).toBe(25);
      expect(await cold.count(neighbour)).toBe(1);
      expect(await cold.count(freshTenant("nobody"))).toBe(0);
      expect(await cold.walk(freshTenant("nobody"), { after: null, limit: 10 })).toEqual([]);
    });

    test("versions tells what is there and leaves out what is not", async () => {
      const { tenant, objects } = await filled("versions", [
        { id: "a", version: Number.MAX_SAFE_INTEGER },
        { id: "b", version: incarnation * 8_000 + 1 },
      ]);
      const absent = coldObject(tenant, { id: "c" }).id;
      const versions = await cold.versions(tenant, [...objects.map(({ id }) => id), absent]);
      expect([...versions.values()].toSorted()).toEqual(
        [Number.MAX_SAFE_INTEGER, incarnation * 8_000 + 1].toSorted(),
      );
      expect(versions.has(absent)).toBe(false);
      expect(await cold.versions(tenant, [])).toEqual(new Map());
    });

    test("expired names what has an expiry that is over, that millisecond included, up to a limit", async () => {
      const at = (expiresAtMs: number) => ({ info: { expiresAtMs } });
      const { tenant, objects } = await filled("expired", [
        { id: "past", version: 4, ...at(999) },
        { id: "now", ...at(1_000) },
        { id: "later", ...at(1_001) },
        { id: "before 1970", ...at(-5) },
        { id: "never", info: { timestamp: 1 } },
      ]);
      const expired = async (atMs: number, limit = 10) =>
        await cold.expired(tenant, { atMs, limit });
      const entry = ({ id, documentId: of, version: made }: ColdObject) => {
        return { id, documentId: of, version: made };
      };
      const found = await expired(1_000);
      const wanted = [0, 1, 3].map((index) => entry(objects[index] as ColdObject));
      const byId = (left: { id: string }, right: { id: string }) => (left.id < right.id ? -1 : 1);
      expect(found.toSorted(byId)).toEqual(wanted.toSorted(byId));
      expect(await expired(-6)).toEqual([]);
      expect(await expired(5_000, 2)).toHaveLength(2);
      const [past, , later] = objects as readonly ColdObject[];
      const one = { atMs: 1_000, limit: 10 };
      expect(await cold.expired(tenant, { ...one, id: past?.id })).toHaveLength(1);
      expect(await cold.expired(tenant, { ...one, id: later?.id })).toEqual([]);
      expect(await cold.expired(freshTenant("nobody"), { atMs: 1, limit: 1 })).toEqual([]);
    });

    test("renewing the terms of objects changes nothing else of them, also of absent ones", async () => {
      const info = { title: "T", expiresAtMs: 9_000_000_000_000, acl: ["a"] };
      const { tenant, objects } = await filled("renewed", [
        { id: "a", heading: "H", range: [0, 4], info, angle: 0.3 },
        { id: "b", chunk: 1, chunkCount: 2 },
      ]);
      const ids = objects.map(({ id }) => id);
      const before = await search(tenant);
      const walked = await cold.walk(tenant, { after: null, limit: 10 });
      await cold.renewTerms(tenant, [...ids, coldObject(tenant, { id: "absent" }).id]);
      const byId = (left: { documentId: string }, right: { documentId: string }) =>
        left.documentId < right.documentId ? -1 : 1;
      expect((await search(tenant)).toSorted(byId)).toEqual(before.toSorted(byId));
      expect(await cold.walk(tenant, { after: null, limit: 10 })).toEqual(walked);
      expect((await cold.versions(tenant, ids)).size).toBe(2);
      await expect(cold.renewTerms(freshTenant("nobody"), ids)).resolves.toBeUndefined();
    });

    test("staleIds names every other version of exactly this document", async () => {
      const { tenant, objects } = await filled("stale", [
        { id: "a", version: 1 },
        { id: "a", version: 1, chunk: 1 },
        { id: "a", version: 2 },
        { id: " a", version: 1 },
        { id: "A", version: 1 },
        { id: "a b", version: 1 },
      ]);
      const ids = (indexes: readonly number[]) =>
        indexes.map((index) => objects[index]?.id).toSorted();
      const stale = async (keep: number | null) =>
        (
          await cold.staleIds(tenant, {
            documentId: documentId("a"),
            keep: keep === null ? null : version(keep),
          })
        ).toSorted();
      expect(await stale(2)).toEqual(ids([0, 1]));
      expect(await stale(null)).toEqual(ids([0, 1, 2]));
      expect(await stale(3)).toEqual(ids([0, 1, 2]));
    });

    test("staleIds is complete for a document of many chunks", async () => {
      const chunks = Array.from({ length: 230 }, (_, chunk) => ({ id: "long", chunk }));
      const { tenant } = await filled("long", chunks);
      const stale = await cold.staleIds(tenant, { documentId: documentId("long"), keep: null });
      expect(new Set(stale).size).toBe(230);
    });

    test("deleteIds deletes those ids, all of them, and no others; absent ids do not disturb", async () => {
      const { tenant, objects } = await filled(
        "delete",
        Array.from({ length: 240 }, (_, index) => ({ id: `d${index}` })),
      );
      const ids = objects.map(({ id }) => id);
      const absent = coldObject(tenant, { id: "never" }).id;
      await cold.deleteIds(tenant, [...ids.slice(0, 200), absent]);
      await cold.deleteIds(tenant, []);
      const left = await cold.versions(tenant, ids);
      expect([...left.keys()].toSorted()).toEqual(ids.slice(200).toSorted());
    });

    test("C3: a tenant sees, counts and deletes only its own objects", async () => {
      const mine = await filled("mine", [{ id: "same" }]);
      const theirs = await filled("theirs", [{ id: "same", text: "secret" }, { id: "other" }]);
      expect(await found(mine.tenant)).toEqual(["same"]);
      expect((await search(mine.tenant))[0]?.text).toBe("text of same");
      const foreign = theirs.objects.map(({ id }) => id);
      expect(await cold.versions(mine.tenant, foreign)).toEqual(new Map());
      await cold.deleteIds(mine.tenant, foreign);
      expect(await found(theirs.tenant)).toEqual(["other", "same"]);
    });

    describeColdSearch({ cold: () => cold, filled, search, found });
    describeColdMarker({ cold: () => cold, filled, found });

    test("a tenant is erased with all that it holds, sleeps, and wakes by being used", async () => {
      const tenant = freshTenant("erased");
      expect(await cold.hasTenant(tenant)).toBe(false);
      await cold.eraseTenant(tenant);
      const marker = { to: position(incarnation + 3), version: version(incarnation + 9) };
      await cold.writeMarker(tenant, marker);
      await cold.sleepTenant(tenant);
      expect(await cold.hasTenant(tenant)).toBe(true);
      expect(await cold.readMarker(tenant)).toEqual(marker);
      await cold.sleepTenant(tenant);
      await cold.eraseTenant(tenant);
      expect(await cold.hasTenant(tenant)).toBe(false);
      expect(await cold.readMarker(tenant)).toBeNull();
      await cold.writeMarker(tenant, marker);
      expect(await cold.readMarker(tenant)).toEqual(marker);
    });
  });
}
