/** What a search of every cold shard promises; part of conformance.ts. */

import { expect, test } from "vitest";
import type { ColdObject, ColdQuery, ColdShard } from "../../src/cold/port.ts";
import { type AclDefault, accessOf, admits } from "../../src/contract/access.ts";
import type { Candidate } from "../../src/contract/candidate.ts";
import { normalFilter } from "../../src/contract/filter.ts";
import type { FilterInput } from "../../src/contract/filter-schema.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import { lexicalMatch } from "../../src/text/chunk-terms.ts";
import { queryTerms } from "../../src/text/lexical.ts";
import { random } from "../hot/documents.ts";
import { coldObject, freshTenant, type ObjectOptions } from "./objects.ts";

/** The shard under test, opened by the time a test runs, and what tests of it share. */
export interface ColdBench {
  cold(): ColdShard;
  /** A tenant of its own with these objects in it. */
  filled(
    label: string,
    objects: readonly ObjectOptions[],
  ): Promise<{ readonly tenant: TenantId; readonly objects: readonly ColdObject[] }>;
  search(tenant: TenantId, query?: Partial<ColdQuery>): Promise<readonly Candidate[]>;
  /** Sorted ids of the documents that a search finds. */
  found(tenant: TenantId, query?: Partial<ColdQuery>): Promise<readonly string[]>;
}

export function describeColdSearch({ cold, filled, search, found }: ColdBench): void {
  test("search honours its limit and prefers what is near", async () => {
    const { tenant } = await filled(
      "near",
      Array.from({ length: 20 }, (_, index) => ({
        id: `d${index}`,
        angle: index * 0.1,
        text: "x",
      })),
    );
    const hits = await search(tenant, { limit: 3, text: "nothing alike" });
    expect(hits.map((hit) => hit.documentId).toSorted()).toEqual(["d0", "d1", "d2"]);
  });

  test("candidates bring their vectors where they are wanted, as they were stored, and only there", async () => {
    const { tenant, objects } = await filled("vectors", [
      { id: "a", angle: 0.3, text: "first" },
      { id: "b", angle: 1.2, text: "second" },
    ]);
    const hits = await search(tenant, { wanted: { vectors: true } });
    for (const { id, documentId, vector } of objects) {
      const own = hits.find((hit) => hit.documentId === documentId)?.vector;
      expect(Array.from(own ?? []), id).toEqual(Array.from(vector));
    }
    for (const hit of await search(tenant)) expect(hit.vector).toBeUndefined();
  });

  test("candidates are scored by their sparse vectors where the question has one, and only there", async () => {
    const { tenant, objects } = await filled("sparse", [
      { id: "a", sparse: Uint8Array.of(3, 0, 1, 1, 64, 32) },
      { id: "b", sparse: Uint8Array.of(5, 0, 64) },
      { id: "c" },
    ]);
    const scores = async (query: Partial<ColdQuery>) =>
      new Map((await search(tenant, query)).map((hit) => [String(hit.documentId), hit.sparse]));
    const asked = { sparse: Uint8Array.of(3, 0, 9, 0, 32, 64) };
    const expected = new Map([
      ["a", 0.5],
      ["b", 0],
      ["c", undefined],
    ]);
    expect(await scores(asked)).toEqual(expected);
    expect(new Set((await scores({})).values())).toEqual(new Set([undefined]));
    // As a scrub does it: an object is written anew from what it holds itself.
    await cold().renewTerms(
      tenant,
      objects.map(({ id }) => id),
    );
    expect(await scores(asked)).toEqual(expected);
  });

  test("search finds a chunk by a word of its text, title or heading that its vector hides", async () => {
    const far = { angle: Math.PI };
    const { tenant } = await filled("word", [
      ...Array.from({ length: 8 }, (_, index) => ({ id: `near${index}`, text: "plain prose" })),
      { id: "in-text", text: "the zyzzyva is a weevil", ...far },
      { id: "in-title", text: "none", info: { title: "Quokka facts" }, ...far },
      { id: "in-heading", text: "none", heading: "Animals > Axolotl", ...far },
    ]);
    for (const [word, id] of [
      ["zyzzyva", "in-text"],
      ["quokka", "in-title"],
      ["axolotl", "in-heading"],
    ] as const) {
      expect(await found(tenant, { text: word })).toContain(id);
    }
  });

  test.each([
    ["Thai", "ประกาศเรื่องการจ่ายน้ำประปาในหมู่บ้าน", "น้ำประปา"],
    ["Lao", "ປະກາດເລື່ອງໂຮງຮຽນໃນໝູ່ບ້ານ", "ໂຮງຮຽນ"],
    ["Khmer", "សេចក្តីជូនដំណឹងអំពីសាលារៀននៅភូមិ", "សាលារៀន"],
    ["Burmese", "ကျောင်းပိတ်ရက်အကြောင်းကြေညာချက်", "ကျောင်း"],
    ["Chinese", "关于村里停水的通知", "停水"],
    ["Japanese", "明日の会議はデータベースについて", "ﾃﾞｰﾀﾍﾞｰｽ"],
    ["Korean", "데이터베이스를 다시 시작한다", "데이터베이스"],
    ["an identifier", "calls createTenantViewActor when it starts", "tenant view"],
    ["an accent", "Le café de la préfecture", "PREFECTURE"],
    ["NFD", "Le cafe\u0301 ferme", "café"],
    ["Arabic vowel signs", "قرأتُ الكِتَابَ أمس", "كتاب"],
    ["foreign digits", "الطلب رقم ٤٥٧٨", "4578"],
    ["a vendor's stop word of ours that is none", "vitamin will", "vitamin"],
  ])("C5: a word is found in a text of its script: %s", async (_script, text, word) => {
    const { tenant } = await filled("script", [
      ...Array.from({ length: 8 }, (_, index) => ({ id: `near${index}`, text: "plain prose" })),
      { id: "wanted", text, angle: Math.PI },
    ]);
    expect(await found(tenant, { text: word, limit: 3 })).toContain("wanted");
  });

  test("C5: what has more of a word, in fewer words, comes before what has less of it", async () => {
    const filler = "one two three four five six seven eight nine ten";
    const { tenant } = await filled("counted", [
      { id: "twice", text: `quokka quokka ${filler}`, angle: 3 },
      { id: "once-long", text: `quokka ${filler} ${filler} ${filler}`, angle: 3 },
      { id: "once", text: `quokka ${filler}`, angle: 3 },
      ...Array.from({ length: 5 }, (_, index) => ({ id: `near${index}`, text: filler })),
    ]);
    const byWord = async (limit: number) => {
      const ids = await found(tenant, { text: "quokkas quokka", limit });
      return ids.filter((id) => !id.startsWith("near"));
    };
    expect(await byWord(1)).toEqual(["twice"]);
    expect(await byWord(2)).toEqual(["once", "twice"]);
  });

  test("C5: a hit says how often its heading and text hold each term of the question, as reading says", async () => {
    const shown: readonly ObjectOptions[] = [
      { id: "title", text: "none of it", info: { title: "Quokka quokka" } },
      { id: "both", text: "quokka, Quokkas", heading: "The quokka", info: { title: "Quokka" } },
      { id: "stop-words", text: "of the", heading: "the", info: { title: "Quokka" } },
      { id: "signs", text: "…", info: { title: "the" } },
      { id: "lines", text: 'a "quokka"\nweevil\\n\tquokka', heading: "l'accord – weevil" },
    ];
    const { tenant } = await filled("lexical", shown);
    for (const text of ["weevil quokka", "the title of", "accords", "?"]) {
      const hits = await search(tenant, { text, limit: 10 });
      expect(hits.length).toBe(shown.length);
      for (const { heading, text: read, lexical, documentId } of hits) {
        const wanted = lexicalMatch(queryTerms(text), { heading, text: read });
        expect(lexical, `${text} in ${documentId}`).toEqual(wanted);
      }
    }
  });

  test("a search leaves out what has expired when it is told the time, and only then", async () => {
    const { tenant } = await filled("alive", [
      { id: "expired", info: { expiresAtMs: 1_000 } },
      { id: "later", info: { expiresAtMs: 1_001, metadata: { k: 1 } } },
      { id: "never", info: { metadata: { k: 1 } } },
    ]);
    expect(await found(tenant)).toEqual(["expired", "later", "never"]);
    expect(await found(tenant, { aliveAtMs: 1_000 })).toEqual(["later", "never"]);
    const filter = normalFilter({ "metadata.k": 1 });
    expect(await found(tenant, { aliveAtMs: 1_001, filter })).toEqual(["never"]);
  });

  test("a question without words is searched by its vector", async () => {
    const { tenant } = await filled("wordless", [{ id: "a" }]);
    for (const text of ["", "  ", "?!", "the"])
      expect(await found(tenant, { text })).toEqual(["a"]);
  });

  test("filters select by id, title, source, metadata, lists and ranges", async () => {
    const day = 86_400_000;
    const from = Date.parse("2026-01-01T00:00:00Z");
    const { tenant } = await filled("filters", [
      {
        id: "one",
        info: {
          title: "T",
          source: "s/1",
          timestamp: from,
          metadata: { n: 1, tags: ["x", "y"] },
        },
      },
      {
        id: "two",
        info: {
          timestamp: from + day,
          metadata: { "we\0ird\u001fkey": "v", n: 2, tags: ["y"], ok: true, s: "1" },
        },
      },
      {
        id: "three",
        info: { timestamp: from + 2 * day, metadata: { n: 3.5, ok: false, s: " pad " } },
      },
      { id: "bare" },
    ]);
    const cases: readonly (readonly [FilterInput, readonly string[]])[] = [
      [{ id: "one" }, ["one"]],
      [{ id: ["one", "bare", "none"] }, ["bare", "one"]],
      [{ title: "T" }, ["one"]],
      [{ title: "t" }, []],
      [{ source: "s/1" }, ["one"]],
      [{ "metadata.n": 1 }, ["one"]],
      [{ "metadata.n": "1" }, []],
      [{ "metadata.s": "1" }, ["two"]],
      [{ "metadata.s": " pad " }, ["three"]],
      [{ "metadata.s": "pad" }, []],
      [{ "metadata.ok": true }, ["two"]],
      [{ "metadata.ok": [true, false] }, ["three", "two"]],
      [{ "metadata.tags": "y" }, ["one", "two"]],
      [{ "metadata.tags": ["x", "z"] }, ["one"]],
      [{ "metadata.n": { gte: 2 } }, ["three", "two"]],
      [{ "metadata.n": { gt: 1, lt: 3.5 } }, ["two"]],
      [{ timestamp: { gte: "2026-01-02T00:00:00Z" } }, ["three", "two"]],
      [{ timestamp: { gt: from / 1000, lte: (from + day) / 1000 } }, ["two"]],
      [{ timestamp: from / 1000 }, ["one"]],
      [{ timestamp: [from / 1000, "2026-01-03T00:00:00Z"] }, ["one", "three"]],
      [{ "metadata.tags": "y", timestamp: { lt: "2026-01-02T00:00:00Z" } }, ["one"]],
      [{ "metadata.we\0ird\u001fkey": "v" }, ["two"]],
      [{ "metadata.none": "x" }, []],
    ];
    for (const [filter, ids] of cases) {
      expect(await found(tenant, { filter: normalFilter(filter) }), JSON.stringify(filter)).toEqual(
        ids,
      );
    }
  });

  test("a filter that few match finds them among many that are nearer", async () => {
    const { tenant } = await filled("rare", [
      ...Array.from({ length: 200 }, (_, index) => ({ id: `d${index}`, text: "text" })),
      { id: "rare", angle: 3, info: { metadata: { kind: "rare", n: 9 } } },
    ]);
    for (const wanted of [{ "metadata.kind": "rare" }, { "metadata.n": { gt: 8 } }]) {
      const filter = normalFilter(wanted);
      expect(await found(tenant, { limit: 1, filter })).toEqual(["rare"]);
    }
  });

  const labelled: readonly ObjectOptions[] = [
    { id: "open" },
    { id: "nobody", info: { acl: [] } },
    { id: "a", info: { acl: ["a"], metadata: { k: 1 } } },
    { id: "ab", info: { acl: ["a", "b"] } },
    { id: "case", info: { acl: ["A"] } },
    { id: "words", info: { acl: ["a b", "team:ops/on call"], metadata: { k: 1 } } },
  ];

  test.each<[readonly string[], AclDefault, readonly string[]]>([
    [[], "allow", ["open"]],
    [[], "deny", []],
    [["a"], "allow", ["a", "ab", "open"]],
    [["a"], "deny", ["a", "ab"]],
    [["b", "none"], "deny", ["ab"]],
    [["A"], "deny", ["case"]],
    [["a b"], "deny", ["words"]],
    [["team:ops/on call", "b"], "allow", ["ab", "open", "words"]],
    [["*", "?", "%"], "deny", []],
  ])("C6: the groups %j, %s, find %j", async (groups, aclDefault, ids) => {
    const { tenant } = await filled("labels", labelled);
    const access = accessOf(groups, aclDefault);
    expect(await found(tenant, { access })).toEqual(ids);
    expect(await found(tenant, { access, text: "", aliveAtMs: 1 })).toEqual(ids);
    const filter = normalFilter({ "metadata.k": 1 });
    const both = ids.filter((id) => id === "a" || id === "words");
    expect(await found(tenant, { access, filter })).toEqual(both);
    expect(await found(tenant)).toHaveLength(labelled.length);
  });

  test("C6: what a reader may not see takes no place in a list", async () => {
    const { tenant } = await filled("places", [
      ...Array.from({ length: 60 }, (_, n) => ({
        id: `hidden${n}`,
        text: "quokka quokka",
        info: { acl: n % 2 === 0 ? ["other"] : [] },
      })),
      ...Array.from({ length: 6 }, (_, n) => ({ id: `own${n}`, text: "a quokka", angle: 1 + n })),
    ]);
    const access = accessOf(["own"], "allow");
    const hits = await search(tenant, { access, text: "quokka", limit: 5 });
    expect(hits.length).toBeGreaterThanOrEqual(5);
    expect(hits.filter(({ documentId }) => documentId.startsWith("hidden"))).toEqual([]);
    const near = await search(tenant, { access, text: "none", limit: 3 });
    expect(near.map(({ documentId }) => documentId).toSorted()).toEqual(["own0", "own4", "own5"]);
  });

  test("C6: of five hundred groups each counts, and no other label", async () => {
    const { tenant } = await filled(
      "many",
      Array.from({ length: 100 }, (_, n) => ({ id: `d${n}`, info: { acl: [`g${n * 10}`] } })),
    );
    const access = accessOf(
      Array.from({ length: 500 }, (_, n) => `g${n}`),
      "allow",
    );
    const ids = await found(tenant, { access, limit: 100 });
    expect(ids).toEqual(Array.from({ length: 50 }, (_, n) => `d${n}`).toSorted());
  });

  test("C6: random groups find what an oracle reads from random labels, with and without a filter", async () => {
    const dice = random(3);
    const below = (count: number): number => Math.floor(dice() * count);
    const some = (most: number): string[] => [
      ...new Set(Array.from({ length: below(most + 1) }, () => `group ${below(12)}`)),
    ];
    const documents = Array.from({ length: 60 }, (_, n) => ({
      id: `d${n}`,
      text: n % 2 === 0 ? "a quokka" : "a weevil",
      info: { metadata: { third: n % 3 }, ...(below(4) === 0 ? {} : { acl: some(3) }) },
    }));
    const { tenant } = await filled("random", documents);
    for (let n = 0; n < 60; n += 1) {
      const access = accessOf(some(6), below(2) === 0 ? "allow" : "deny");
      const third = below(2) === 0 ? below(3) : undefined;
      const filter = third === undefined ? undefined : normalFilter({ "metadata.third": third });
      const due = documents
        .filter(({ info }) => admits(access, info.acl))
        .filter(({ info }) => third === undefined || info.metadata.third === third)
        .map(({ id }) => id);
      const ids = await found(tenant, { access, filter, text: "quokka", limit: 60 });
      expect(ids).toEqual(due.toSorted());
    }
  });

  test("labels are told as they were written, an empty list apart from none", async () => {
    const { tenant, objects } = await filled("told", labelled);
    const ids = objects.map(({ id }) => id);
    const told = await cold().labels(tenant, [...ids, coldObject(tenant, { id: "none" }).id]);
    expect(told).toEqual(new Map(objects.map(({ id, info }) => [id, info.acl])));
    expect(await cold().labels(freshTenant("nobody"), ids)).toEqual(new Map());
  });

  test("a deleted object is not searched any more", async () => {
    const { tenant, objects } = await filled("gone", [{ id: "a" }, { id: "b" }]);
    await cold().deleteIds(tenant, [objects[0]?.id ?? ""]);
    expect(await found(tenant)).toEqual(["b"]);
  });

  test("an aborted search rejects as cancelled", async () => {
    const { tenant } = await filled("abort", [{ id: "a" }]);
    await expect(search(tenant, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: "cancelled",
    });
  });
}
