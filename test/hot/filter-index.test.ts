import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { matchesFilter, normalFilter } from "../../src/contract/filter.ts";
import type { DocumentId, Position, Version } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import type { DocumentInfo } from "../../src/contract/record.ts";
import { AccessIndex } from "../../src/hot/access-index.ts";
import { FilterIndex } from "../../src/hot/filter-index.ts";
import type { Entry } from "../../src/hot/rows.ts";
import { documents, filterInputs } from "../support/filters.ts";
import { runs } from "../support/runs.ts";

function entryOf(id: number, info: DocumentInfo): Entry {
  const place = { version: 1 as Version, position: 1 as Position };
  const documentId = `d${id}` as DocumentId;
  const labels = new AccessIndex().take(info.acl, { rows: 0, terms: 0 });
  const counted = { rows: [], bytes: 0, labels, terms: 0 };
  return {
    documentId,
    ...place,
    info,
    ...counted,
    sparse: undefined,
    kept: false,
    alive: true,
    matched: 0,
  };
}

/** What the shard keeps of a document, its id aside. */
const info = documents.map(({ id: _, ...rest }) => rest as DocumentInfo);
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("add" as const), info }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("remove" as const), at: fc.nat() }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("select" as const), filter: filterInputs }),
  },
);

describe("the filter index", () => {
  test("matches what matchesFilter matches, each document once, for any history", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80, size: "max" }), (steps) => {
        const index = new FilterIndex();
        const live: Entry[] = [];
        for (const [at, next] of steps.entries()) {
          switch (next.kind) {
            case "add": {
              const entry = entryOf(at, next.info);
              live.push(entry);
              index.add(entry);
              break;
            }
            case "remove": {
              const [gone] = live.splice(next.at % Math.max(1, live.length), 1);
              if (gone === undefined) break;
              gone.alive = false;
              index.remove(gone);
              break;
            }
            case "select": {
              const asked = normalFilter(next.filter);
              const wanted = live.filter((entry) =>
                matchesFilter({ id: entry.documentId, ...entry.info }, asked),
              );
              const found = index.select(asked, () => live);
              const ids = (entries: readonly Entry[]) =>
                entries.map((e) => e.documentId).toSorted();
              expect(ids(found)).toEqual(ids(wanted));
              expect(live.filter((entry) => entry.matched === index.search)).toHaveLength(
                wanted.length,
              );
              break;
            }
          }
        }
      }),
      { numRuns: runs(120) },
    );
  });

  test("keeps no more fields than the bound, and answers for one that it forgot", () => {
    const index = new FilterIndex();
    const metadata = Object.fromEntries(Array.from({ length: 40 }, (_, key) => [`k${key}`, key]));
    const entry = entryOf(1, { metadata });
    index.add(entry);
    const byKey = (key: number, value: number) => normalFilter({ [`metadata.k${key}`]: value });
    let most = 0;
    for (const round of [0, 1]) {
      for (let key = 0; key < 40; key += 1) {
        expect(index.select(byKey(key, key), () => [entry])).toEqual([entry]);
        expect(index.select(byKey(key, key + 1), () => [entry])).toEqual([]);
        if (round === 0 && key === limits.hotFilterFieldsMax - 1) most = index.bytes;
      }
    }
    expect(index.bytes).toBe(most);
  });

  test("takes no memory for what nobody filters by, and gives back what it took", () => {
    const index = new FilterIndex();
    const entries = Array.from({ length: 50 }, (_, at) => entryOf(at, { timestamp: at }));
    for (const entry of entries) index.add(entry);
    expect(index.bytes).toBe(0);
    expect(index.select(normalFilter({ timestamp: { gte: 0.02 } }), () => entries)).toHaveLength(
      30,
    );
    expect(index.bytes).toBeGreaterThan(0);
    for (const entry of entries) {
      entry.alive = false;
      index.remove(entry);
    }
    expect(index.select(normalFilter({ timestamp: { gte: 0 } }), () => [])).toEqual([]);
    expect(index.bytes).toBe(0);
  });
});
