import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { accessOf, admits } from "../../src/contract/access.ts";
import type { DocumentId, Position } from "../../src/contract/ids.ts";
import { AccessIndex, isAdmitted } from "../../src/hot/access-index.ts";
import { createExactHotShardFactory } from "../../src/hot/memory.ts";
import { hotDocument, random, unit } from "./documents.ts";

const names = Array.from({ length: 8 }, (_, n) => `g${n}`);
const some = fc.subarray(names);
const labels = fc.option(some, { nil: undefined });

describe("verdicts of labels", () => {
  test("are those of the clause for any number of readers, in any order (HA1)", () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant("add" as const), labels }),
      fc.record({ do: fc.constant("remove" as const), at: fc.nat(50) }),
      fc.record({ do: fc.constant("ask" as const), groups: some }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200, size: "max" }), (steps) => {
        const index = new AccessIndex();
        const held: ReturnType<AccessIndex["take"]>[] = [];
        for (const next of steps) {
          if (next.do === "add") held.push(index.take(next.labels, { rows: 2, terms: 5 }));
          else if (next.do === "remove") {
            const [gone] = held.splice(next.at, 1);
            if (gone !== undefined) index.give(gone, { rows: 2, terms: 5 });
          } else {
            const access = accessOf(next.groups, "allow");
            if (access === undefined) continue;
            const seen = held.filter((set) => admits(access, set.labels));
            const admission = index.admission(access);
            if (admission === undefined) expect(seen).toHaveLength(held.length);
            else {
              expect(held.filter((set) => isAdmitted(set, admission))).toEqual(seen);
              const { rows, terms } = admission;
              expect({ rows, terms }).toEqual({ rows: 2 * seen.length, terms: 5 * seen.length });
            }
          }
        }
      }),
    );
  });

  test("documents with the same labels are one set, which goes with the last of them", () => {
    const index = new AccessIndex();
    const one = { rows: 1, terms: 1 };
    const sets = [["a"], ["a"], undefined, []].map((each) => index.take(each, one));
    expect(new Set(sets).size).toBe(3);
    for (const set of sets) index.give(set, one);
    expect(index.bytes).toBe(0);
  });
});

describe("10,000 questions by more readers than are kept", () => {
  test("leak nothing and lose nothing while documents and their labels come and go (HA1, HA3)", () => {
    const next = random(7);
    const below = (count: number): number => Math.floor(next() * count);
    const label = (): string => `group:${below(20)}`;
    const any = (most: number) => Array.from({ length: below(most + 1) }, label);
    const readers = Array.from({ length: 50 }, () =>
      accessOf(any(6), next() < 0.5 ? "allow" : "deny"),
    );
    const shard = createExactHotShardFactory()({ dimensions: 2 });
    const live = new Map<string, readonly string[] | undefined>();
    const wrong: object[] = [];
    for (let step = 1; step <= 10_000; step += 1) {
      const id = `d${below(20)}`;
      const change = next();
      if (change < 0.2) {
        const acl = next() < 0.2 ? undefined : any(3);
        const info = acl === undefined ? {} : { acl };
        shard.upsert(hotDocument({ id, version: step, info, vectors: [unit(1, step % 9)] }));
        live.set(id, acl);
      } else if (change < 0.3) {
        shard.delete(id as DocumentId);
        live.delete(id);
      }
      const access = readers[below(readers.length)];
      const text = step % 3 === 0 ? "chunk 0" : "";
      const found = shard.search({ vector: unit(1, 2), text, limit: 20, access });
      const seen = [...live].flatMap(([each, acl]) => (admits(access, acl) ? [each] : []));
      const shown = found.map(({ documentId }) => `${documentId}`).sort();
      if (shown.join() !== seen.sort().join()) wrong.push({ step, access, shown, seen });
    }
    expect(wrong).toEqual([]);
    shard.close();
  });
});

describe("a list of words", () => {
  test("does not tell how common a word is among what is hidden (H5, HA2)", () => {
    const foundBeside = (hidden: number): readonly string[] => {
      const shard = createExactHotShardFactory()({ dimensions: 2 });
      let version = 0;
      const add = (id: string, text: string, at: number, acl: readonly string[]) => {
        version += 1;
        const vectors = [unit(1, at)];
        shard.upsert(hotDocument({ id, version, info: { acl }, vectors, texts: [text] }));
      };
      // The rarer of both words counts more; hidden documents would turn that round.
      for (let n = 0; n < 3; n += 1) add(`rare${n}`, `zebra number${n}`, 5 + n, ["own"]);
      for (let n = 0; n < 6; n += 1) add(`usual${n}`, `horse number${n}`, 10 + n, ["own"]);
      for (let n = 0; n < hidden; n += 1) add(`hidden${n}`, "zebra", 20, ["other"]);
      const query = { vector: unit(1, 0), text: "zebra horse", limit: 3 };
      const found = shard.search({ ...query, access: accessOf(["own"], "allow") });
      shard.close();
      return found.map(({ documentId }) => documentId).toSorted();
    };
    expect(foundBeside(0)).toEqual(["rare0", "rare1", "rare2"]);
    expect(foundBeside(50)).toEqual(["rare0", "rare1", "rare2"]);
  });
});

describe("a page of documents", () => {
  test("is as full for a reader as if the others were not held (H5)", () => {
    const shard = createExactHotShardFactory()({ dimensions: 2 });
    for (let at = 1; at <= 20; at += 1) {
      const info = at % 4 === 0 ? {} : { acl: [at % 2 === 0 ? "even" : "odd"] };
      shard.upsert(hotDocument({ id: `d${at}`, version: at, info, vectors: [unit(1, at)] }));
    }
    const access = accessOf(["even"], "deny");
    const page = shard.documents({ after: 2 as Position, limit: 3, access });
    expect(page.map(({ documentId }) => documentId)).toEqual(["d6", "d10", "d14"]);
    expect(shard.infoOf("d6" as DocumentId)).toEqual({ acl: ["even"] });
    expect(shard.infoOf("none" as DocumentId)).toBeUndefined();
    shard.close();
  });
});
