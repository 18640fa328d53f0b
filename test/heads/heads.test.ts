import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { DocumentId, Fingerprint, TenantId, Version } from "../../src/contract/ids.ts";
import { fingerprintOf } from "../../src/heads/fingerprint.ts";
import { Heads, type HeadsRecord } from "../../src/heads/heads.ts";
import { decodePieces, encodePieces, headsEntryBytes } from "../../src/heads/pieces.ts";

const fingerprints = Array.from({ length: 6 }, (_, index) =>
  fingerprintOf("acme" as TenantId, `d${index}` as DocumentId),
);
const fingerprint = (index: number): Fingerprint => fingerprints[index] as Fingerprint;
const upsert = (document: number, version: number): HeadsRecord => ({
  kind: "upsert",
  version: version as Version,
  fingerprint: fingerprint(document),
});
const remove = (document: number, version: number): HeadsRecord => ({
  ...upsert(document, version),
  kind: "delete",
});

/** A tenant's CHUNKS: versions rise, except that a fence repeats the one before it. */
const logArbitrary = fc
  .array(
    fc.record({
      kind: fc.constantFrom<HeadsRecord["kind"]>("upsert", "upsert", "delete", "reject", "fence"),
      document: fc.nat({ max: fingerprints.length - 1 }),
      step: fc.integer({ min: 1, max: 2 ** 33 }),
    }),
    { maxLength: 60 },
  )
  .map((drafts) => {
    let version = 0;
    return drafts.map(({ kind, document, step }): HeadsRecord => {
      if (kind !== "fence") version += step;
      const named = kind === "upsert" || kind === "delete";
      return {
        kind,
        version: version as Version,
        fingerprint: named ? fingerprint(document) : null,
      };
    });
  });

const headsArbitrary = fc
  .uniqueArray(
    fc.tuple(
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
      fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
    ),
    { maxLength: 40, selector: ([bytes]) => Buffer.from(bytes).toString("hex") },
  )
  .map(
    (entries) =>
      new Heads(
        entries.map(([bytes, version]) => [
          Buffer.from(bytes).toString("hex") as Fingerprint,
          version as Version,
        ]),
      ),
  );

function fold(records: readonly HeadsRecord[], heads = new Heads()): Heads {
  for (const record of records) heads.apply(record);
  return heads;
}

describe("heads", () => {
  it("are exactly the documents whose newest record is an upsert, in that version (HE1)", () => {
    fc.assert(
      fc.property(logArbitrary, (log) => {
        const heads = fold(log);
        const live = fingerprints.flatMap((one) => {
          const newest = log.findLast((record) => record.fingerprint === one);
          return newest?.kind === "upsert" ? [[one, newest.version] as const] : [];
        });
        expect([...heads]).toEqual(live.sort(([a], [b]) => (a < b ? -1 : 1)));
        expect(heads.size).toBe(live.length);
      }),
    );
  });

  it("fold the same from any split of the log, through an encoding between", () => {
    fc.assert(
      fc.property(logArbitrary, fc.nat(60), (log, cut) => {
        const before = decodePieces(encodePieces(fold(log.slice(0, cut)), 3));
        expect([...fold(log.slice(cut), before)]).toEqual([...fold(log)]);
      }),
    );
  });

  it("do not change when each record is applied twice (HE2)", () => {
    fc.assert(
      fc.property(logArbitrary, (log) => {
        expect([...fold(log.flatMap((record) => [record, record]))]).toEqual([...fold(log)]);
      }),
    );
  });

  it("keep a newer version against an older upsert and an older delete (HE2, I3)", () => {
    const heads = fold([upsert(0, 9), upsert(0, 4), remove(0, 5)]);
    expect(heads.get(fingerprint(0))).toBe(9);
    heads.apply(remove(0, 10));
    expect(heads.get(fingerprint(0))).toBeUndefined();
    expect(heads.size).toBe(0);
  });

  it("are not changed by applying records to a copy", () => {
    const heads = fold([upsert(0, 1)]);
    heads.copy().apply(remove(0, 2));
    expect(heads.get(fingerprint(0))).toBe(1);
  });

  it("refuse an upsert that names no document", () => {
    const record = { kind: "upsert", version: 1 as Version, fingerprint: null } as const;
    expect(() => new Heads().apply(record)).toThrow(expect.objectContaining({ code: "internal" }));
  });
});

describe("heads pieces", () => {
  it("give the same heads back, whatever the piece size (HP1)", () => {
    fc.assert(
      fc.property(headsArbitrary, fc.integer({ min: 1, max: 50 }), (heads, perPiece) => {
        const pieces = encodePieces(heads, perPiece);
        expect([...decodePieces(pieces)]).toEqual([...heads]);
        expect(pieces.length).toBe(Math.ceil(heads.size / perPiece));
        for (const piece of pieces) {
          expect(piece.byteLength).toBeLessThanOrEqual(perPiece * headsEntryBytes);
        }
      }),
    );
  });

  it("are the same bytes however the heads came about (HP2)", () => {
    const one = fold([upsert(0, 1), upsert(1, 2), upsert(2, 3), remove(0, 4)]);
    const two = fold([upsert(2, 3)]);
    two.apply(upsert(1, 2));
    expect(encodePieces(one, 1)).toEqual(encodePieces(two, 1));
  });

  it("are read from a subarray that is not aligned", () => {
    const piece = encodePieces(fold([upsert(0, 2 ** 40 + 7)]), 8)[0] as Uint8Array;
    const shifted = new Uint8Array(piece.byteLength + 3);
    shifted.set(piece, 3);
    expect(decodePieces([shifted.subarray(3)]).get(fingerprint(0))).toBe(2 ** 40 + 7);
  });

  it.each([
    ["a cut entry", (bytes: Uint8Array) => [bytes.subarray(0, bytes.byteLength - 1)]],
    ["an empty piece", () => [new Uint8Array()]],
    ["pieces out of order", (bytes: Uint8Array) => [bytes, bytes]],
    ["a version beyond 2^53", (bytes: Uint8Array) => [bytes.slice().fill(0xff, 16, 24)]],
    [
      "a delete in the oldest run",
      (bytes: Uint8Array) => [bytes.slice().fill(0, 16, 23).fill(0x80, 23, 24)],
    ],
  ])("are refused with log_identity: %s", (_, damage) => {
    const piece = encodePieces(fold([upsert(0, 1), upsert(1, 2)]), 8)[0] as Uint8Array;
    expect(() => decodePieces(damage(piece))).toThrow(
      expect.objectContaining({ code: "log_identity" }),
    );
  });

  it("cannot be made of no entries", () => {
    expect(() => encodePieces(new Heads(), 0)).toThrow(
      expect.objectContaining({ code: "internal" }),
    );
  });
});

describe("fingerprints", () => {
  const of = (tenant: string, id: string) => fingerprintOf(tenant as TenantId, id as DocumentId);

  it("are 32 hexadecimal digits and stay the same for ever: manifests hold them", () => {
    // Computed independently: SHA-256 over u32-LE lengths and UTF-8 bytes, first 16 bytes.
    expect(of("acme", "d0")).toBe("caf5718722268896d3a00c9256c9d138");
  });

  it("tell tenants, ids and the border between them apart (I9)", () => {
    const all = [of("a", "bc"), of("ab", "c"), of("b", "bc"), of("a", "bć")];
    expect(new Set(all).size).toBe(all.length);
  });
});
