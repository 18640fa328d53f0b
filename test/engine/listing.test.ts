import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { accessOf } from "../../src/contract/access.ts";
import { type DocumentId, tenantId, type Version } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { type ListingParts, listDocuments } from "../../src/engine/listing.ts";
import { type MemoryEngine, startMemoryEngine } from "../support/memory-engine.ts";

const demo = tenantId("demo");
let engine: MemoryEngine;

beforeEach(() => {
  engine = startMemoryEngine({ graceMs: 0 });
});
afterEach(() => engine.stop());

async function publish(...operations: readonly object[]): Promise<number> {
  let seq = 0;
  for (const operation of operations) {
    const payload = Buffer.from(JSON.stringify(operation));
    ({ seq } = await engine.service.publish(demo, { payload }));
  }
  await engine.event(seq);
  return seq;
}

/** Whole; `between` runs after each page. */
async function list(limit: number, between: () => Promise<unknown> = async () => {}) {
  const listed: string[] = [];
  for (let after: string | undefined; ; ) {
    const page = await engine.service.documents({ tenant: demo }, { after, limit });
    expect(page.documents.length).toBeLessThanOrEqual(limit);
    listed.push(...page.documents.map(({ id, shard }) => `${id} ${shard}`));
    if (page.next === null) return listed.sort();
    after = page.next;
    await between();
  }
}

const ids = async (limit: number, between?: () => Promise<unknown>) =>
  [...new Set((await list(limit, between)).map((line) => line.split(" ")[0]))].sort();

const text = "Rivers rise in spring.";
const some = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, n) => ({ id: `${prefix}${n}`, text }));

async function merged(): Promise<void> {
  expect(await engine.merges.force(demo)).toMatchObject({ kind: "merged" });
  while (engine.service.status().tenants[0]?.hot.documents !== 0) {
    await engine.clock.sleep(1);
  }
}

describe("a listing of documents", () => {
  it("of a tenant that has none is empty", async () => {
    await expect
      .poll(() => engine.service.documents({ tenant: demo }, { limit: 3 }).catch(() => undefined))
      .toEqual({ documents: [], next: null });
  });

  it.each([1, 3, 100])("names what is in memory and what is merged, %d at once", async (limit) => {
    await publish(...some("cold", 5), { id: "gone", text }, { id: "changed", text });
    await merged();
    await publish(...some("hot", 4), { id: "gone", op: "delete" }, { id: "changed", text: "New." });
    expect(await list(limit)).toEqual(
      [
        "changed hot",
        ...some("cold", 5).map(({ id }) => `${id} cold`),
        ...some("hot", 4).map(({ id }) => `${id} hot`),
      ].sort(),
    );
  });

  it("leaves out what has expired, in memory and merged, and so does what is counted", async () => {
    const expires_at = new Date(engine.clock.nowMs() + 1_000).toISOString();
    await publish({ id: "kept", text }, { id: "merged", text, expires_at });
    await merged();
    await publish({ id: "hot", text, expires_at });
    expect(await ids(9)).toEqual(["hot", "kept", "merged"]);
    await engine.clock.sleep(1_000);
    expect((await engine.service.usage(demo)).documents).toBe(1);
    expect(await ids(9)).toEqual(["kept"]);
  });

  it.each([
    { name: "until its merge is confirmed", graceMs: 60_000, hot: 6, limit: 1 },
    { name: "until its merge is confirmed", graceMs: 60_000, hot: 6, limit: 100 },
    { name: "for good", graceMs: 0, hot: 0, limit: 1 },
    { name: "for good", graceMs: 0, hot: 0, limit: 100 },
  ])("names once what memory holds $name beside cold, $limit at once", async (held) => {
    const { graceMs, limit } = held;
    await engine.stop();
    engine = startMemoryEngine({ graceMs, keptBytesMax: 1_000_000 });
    await publish(...some("cold", 5), { id: "changed", text });
    expect(await engine.merges.force(demo)).toMatchObject({ kind: "merged" });
    const hot = () => engine.service.status().tenants[0]?.hot.documents;
    await expect.poll(hot).toBe(held.hot);
    await publish(...some("hot", 4), { id: "changed", text: "New." });
    expect(await list(limit)).toEqual(
      [
        "changed hot",
        ...some("cold", 5).map(({ id }) => `${id} cold`),
        ...some("hot", 4).map(({ id }) => `${id} hot`),
      ].sort(),
    );
  });

  it.each([1, 4, 100])(
    "EL1: is as full for groups as if the others were not there, %d at once",
    async (limit) => {
      const labelled = (prefix: string) =>
        some(prefix, 12).map((document, n) => ({
          ...document,
          acl: [n % 3 === 0 ? "own" : "other"],
        }));
      await publish(...labelled("cold"));
      await merged();
      await publish(...labelled("hot"));
      const reader = { tenant: demo, groups: ["own"] };
      const pages: string[][] = [];
      let after: string | undefined;
      do {
        const page = await engine.service.documents(reader, { after, limit });
        pages.push(page.documents.map(({ id }) => id));
        after = page.next ?? undefined;
        // No object of a hidden document: its id could be guessed from the document's.
        const hidden = engine.cold.objects(demo).filter(({ info }) => info.acl?.[0] !== "own");
        expect(hidden.map(({ id }) => `cold:${id}`)).not.toContain(after);
      } while (after !== undefined);
      const own = ["0", "3", "6", "9"];
      expect(pages.flat().sort()).toEqual([
        ...own.map((n) => `cold${n}`),
        ...own.map((n) => `hot${n}`),
      ]);
      // Two parts, memory and cold; within each only the last page may be short.
      const short = pages.filter((page) => page.length < limit);
      expect(short.length).toBeLessThanOrEqual(2);
    },
  );

  it("EL1: a page whose walk finds too little ends at a cursor that names nothing, and goes on", async () => {
    const access = accessOf(["own"], "deny");
    const objects = Array.from({ length: 60 }, (_, n) => ({
      documentId: `d${n}` as DocumentId,
      version: (n + 1) as Version,
      chunk: 0,
      id: `${(n * 1_000).toString(16).padStart(4, "0")}1234-0000-5000-8000-00000000000a`,
      acl: [n === 55 ? "own" : "other"],
      info: {},
    }));
    const walks = { most: 0 };
    const parts: ListingParts = {
      ...{ tenant: demo, access },
      askView: async ({ cold }) => ({ hot: [], cold, coldExists: true }),
      cold: {
        walk: async (_tenant, { after }) => {
          walks.most += 1;
          return objects.filter(({ id }) => id > (after ?? "")).slice(0, 2);
        },
        labels: async (_tenant, ids) =>
          new Map(objects.filter(({ id }) => ids.includes(id)).map(({ id, acl }) => [id, acl])),
      },
    };
    const found: string[] = [];
    const cursors: string[] = [];
    for (let next: string | null = "cold:"; next !== null; ) {
      walks.most = 0;
      const page = await listDocuments(parts, { after: next, limit: 10 });
      expect(walks.most).toBeLessThanOrEqual(limits.documentPageWalksMax);
      found.push(...page.documents.map(({ id }) => id));
      next = page.next;
      if (next !== null) cursors.push(next);
    }
    expect(found).toEqual(["d55"]);
    expect(cursors.length).toBeGreaterThan(0);
    for (const { id } of objects) expect(cursors).not.toContain(`cold:${id}`);
  });

  it("names each document that stays as it is, also when it is merged meanwhile", async () => {
    await publish(...some("a", 3));
    await merged();
    await publish(...some("b", 3));
    let isMerged = false;
    const listed = await ids(1, async () => {
      if (!isMerged) await merged();
      isMerged = true;
    });
    expect(listed).toEqual(["a0", "a1", "a2", "b0", "b1", "b2"]);
  });

  it.each(["x", "hot:", "hot:-1", "cold:z", "hot:99999999999999999", `cold:${"0".repeat(99)}`])(
    "refuses a cursor that is none: %s",
    async (after) => {
      await publish({ id: "a", text });
      const refused = engine.service.documents({ tenant: demo }, { after, limit: 1 });
      await expect(refused).rejects.toMatchObject({ code: "invalid_request" });
    },
  );

  it("says when cold cannot be asked, instead of ending early (I12)", async () => {
    await publish(...some("a", 2));
    await merged();
    engine.cold.setDown(true);
    await expect(list(10)).rejects.toMatchObject({ code: "cold_unavailable" });
  });
});
