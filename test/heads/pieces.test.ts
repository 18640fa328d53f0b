import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { digestOf } from "../../src/contract/digest.ts";
import type { DocumentId, TenantId, Version } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import type { HeadsPiece } from "../../src/contract/manifest.ts";
import { fingerprintOf } from "../../src/heads/fingerprint.ts";
import { Heads, type HeadsRecord } from "../../src/heads/heads.ts";
import {
  decodePieces,
  firstRunToMerge,
  HeadsFold,
  headsEntryBytes,
  type ReadPiece,
  runOf,
} from "../../src/heads/pieces.ts";

const fingerprint = (document: number) =>
  fingerprintOf("acme" as TenantId, `d${document}` as DocumentId);

/** A merge as `commitMerge` makes it: the pieces before, records, the pieces after. */
function merge(before: readonly ReadPiece[], records: readonly HeadsRecord[]) {
  const fold = new HeadsFold(before);
  for (const record of records) fold.apply(record);
  const { kept, written, run } = fold.next();
  const after = before.filter(({ piece }) => kept.includes(piece));
  for (const bytes of written) {
    const entries = bytes.byteLength / headsEntryBytes;
    const piece: HeadsPiece = { digest: digestOf(bytes), entries, run };
    after.push({ piece, bytes });
  }
  const writtenBytes = written.reduce((sum, { byteLength }) => sum + byteLength, 0);
  return { after, writtenBytes, heads: fold.heads };
}

function read(pieces: readonly ReadPiece[]): Heads {
  return decodePieces(
    pieces.map(({ bytes }) => bytes),
    pieces.map(({ piece }) => runOf(piece)),
  );
}

/** Records of one merge after another, of documents drawn from `documents`, newest version last. */
function* records(options: { from: number; count: number; documents: number; deletesOf?: number }) {
  const { from, count, documents, deletesOf = 0 } = options;
  for (let index = 0; index < count; index += 1) {
    const version = from + index;
    const document = (version * 7919) % documents;
    const kind = deletesOf > 0 && version % deletesOf === 0 ? "delete" : "upsert";
    yield { kind, version: version as Version, fingerprint: fingerprint(document) } as const;
  }
}

describe("heads as runs of pieces", () => {
  it("are the fold of all records after any number and order of merges (HP1)", () => {
    let pieces: readonly ReadPiece[] = [];
    const expected = new Heads();
    let most = 0;
    for (let round = 0; round < 60; round += 1) {
      const batch = [
        ...records({ from: 1 + round * 400, count: 400, documents: 9_000, deletesOf: 5 }),
      ];
      for (const record of batch) expected.apply(record);
      const { after, heads } = merge(pieces, batch);
      pieces = after;
      most = Math.max(most, pieces.length);
      expect(heads.size).toBe(expected.size);
    }
    expect(most).toBeGreaterThan(3);
    expect([...read(pieces)]).toEqual([...expected]);
  });

  it("are the same bytes from the same pieces and records, on every node (HP2)", () => {
    const first = merge([], [...records({ from: 1, count: 6_000, documents: 6_000 })]).after;
    const batch = [...records({ from: 6_001, count: 50, documents: 6_000, deletesOf: 3 })];
    const digests = [merge(first, batch), merge(first, [...batch])].map(({ after }) =>
      after.map(({ piece }) => piece),
    );
    expect(digests[0]).toEqual(digests[1]);
  });

  it("of a few thousand entries are one run without deletes, and none when all is deleted", () => {
    const { after } = merge([], [...records({ from: 1, count: 100, documents: 100 })]);
    const removed = [...read(after)].map(
      ([one], index): HeadsRecord => ({
        kind: "delete",
        version: (200 + index) as Version,
        fingerprint: one,
      }),
    );
    const half = merge(after, removed.slice(0, 50)).after;
    expect(half.map(({ piece }) => [piece.run, piece.entries])).toEqual([[0, 50]]);
    expect(merge(half, removed.slice(50)).after).toEqual([]);
  });

  it("keep what no record touched: a merge without changes writes nothing", () => {
    const { after } = merge([], [...records({ from: 1, count: 6_000, documents: 6_000 })]);
    const next = merge(after, [{ kind: "fence", version: 6_001 as Version, fingerprint: null }]);
    expect(next.writtenBytes).toBe(0);
    expect(next.after).toEqual(after);
  });

  it("never read much more than twice what is live, however often documents change", () => {
    let pieces = merge([], [...records({ from: 1, count: 6_000, documents: 6_000 })]).after;
    for (let round = 0; round < 40; round += 1) {
      const from = 6_001 + round * 500;
      pieces = merge(pieces, [...records({ from, count: 500, documents: 6_000 })]).after;
      const entries = pieces.reduce((sum, { piece }) => sum + piece.entries, 0);
      expect(entries).toBeLessThanOrEqual(2 * 6_000 + limits.headsOneRunEntriesMax);
    }
  });

  it("write bytes that grow with the changes and hardly with the heads", () => {
    const perChange = [8_000, 24_000].map((documents) => {
      let pieces = merge([], [...records({ from: 1, count: documents, documents })]).after;
      let bytes = 0;
      for (let round = 0; round < 12; round += 1) {
        const from = documents + 1 + round * 400;
        const merged = merge(pieces, [...records({ from, count: 400, documents })]);
        pieces = merged.after;
        bytes += merged.writtenBytes;
      }
      return bytes / (12 * 400);
    });
    // Writing all heads at each merge would be 480 and 1,440.
    for (const bytes of perChange) expect(bytes).toBeLessThan(100);
  });
});

describe("which runs are merged", () => {
  it("leaves a number of runs that grows with the logarithm of the entries", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 20_000 }), { minLength: 50, maxLength: 300 }),
        (merges) => {
          let sizes: number[] = [];
          let live = 0;
          for (const changes of merges) {
            live += changes;
            const from = firstRunToMerge({ sizes, changes, live });
            const merged = sizes.slice(from).reduce((sum, size) => sum + size, changes);
            sizes = [...sizes.slice(0, from), merged];
            const tiers =
              1 + Math.log(Math.max(live, 512) / 512) / Math.log(limits.headsRunsPerTier);
            expect(sizes.length).toBeLessThanOrEqual(limits.headsRunsPerTier * Math.ceil(tiers));
          }
        },
      ),
    );
  });
});
