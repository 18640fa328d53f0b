import { describe, expect, it } from "vitest";
import { ChainChecker } from "./check-log.ts";
import { TenantOracle } from "./oracle.ts";

type Record = Parameters<ChainChecker["accept"]>[0];

function oracle(): TenantOracle {
  const made = new TenantOracle();
  made.add({ version: 10, documentId: "a", kind: "upsert" });
  made.add({ version: 20, documentId: "b", kind: "invalid" });
  made.add({ version: 30, documentId: "a", kind: "delete" });
  return made;
}

const fence = { kind: "fence", version: 0, epoch: 1, position: 100, previous: 0 };
const upsert = { kind: "upsert", version: 10, epoch: 1, position: 101, previous: 100 };
const reject = { kind: "reject", version: 20, epoch: 1, position: 103, previous: 101 };
const remove = { kind: "delete", version: 30, epoch: 1, position: 104, previous: 103 };
const documents: { readonly [version: number]: string } = { 10: "a", 20: "b", 30: "a" };

function wrong(...records: readonly (typeof fence)[]): readonly string[] {
  const chain = new ChainChecker(oracle());
  return records.flatMap((record) =>
    chain.accept({
      ...record,
      documentId: documents[record.version] ?? null,
      chunkCount: 1,
    } as unknown as Record),
  );
}

describe("the chain of a tenant", () => {
  it("is right when each operation has one record, in order, each naming the one before (I2, I3)", () => {
    expect(wrong(fence, upsert, reject, remove)).toEqual([]);
    const second = { kind: "fence", version: 10, epoch: 2, position: 102, previous: 101 };
    const later = { ...reject, epoch: 2, previous: 102 };
    expect(wrong(fence, upsert, second, later)).toEqual([]);
  });

  it("is wrong when an operation is skipped, doubled, or has another outcome than it should", () => {
    expect(wrong(fence, { ...reject, previous: 100 })).toEqual([expect.stringContaining("next")]);
    const twice = { ...upsert, position: 102, previous: 101 };
    expect(wrong(fence, upsert, twice)).toEqual([expect.stringContaining("next")]);
    const accepted = { ...reject, kind: "upsert" };
    expect(wrong(fence, upsert, accepted)).toEqual([expect.stringContaining("an invalid")]);
  });

  it("is wrong when a record is missing, or an older owner wrote behind a newer one (I6)", () => {
    expect(wrong(fence, upsert, { ...reject, previous: 102 })).toEqual([
      expect.stringContaining("as the one before"),
    ]);
    const newer = { kind: "fence", version: 10, epoch: 5, position: 102, previous: 101 };
    expect(wrong(fence, upsert, newer, { ...reject, previous: 102 })).toEqual([
      expect.stringContaining("a zombie"),
    ]);
  });

  it("of a generation begins with documents that a build wrote, and has all operations from its owner on", () => {
    const built = { ...upsert, epoch: 0, position: 90, previous: 0 };
    const later = { ...remove, epoch: 0, position: 91, previous: 90 };
    // The build passed over what was refused before it.
    expect(wrong(built, later)).toEqual([]);
    const own = { kind: "fence", version: 10, epoch: 3, position: 92, previous: 90 };
    expect(wrong(built, own, { ...remove, epoch: 3, position: 93, previous: 92 })).toEqual([
      expect.stringContaining("the next operation of DOCS is 20"),
    ]);
    expect(wrong(built, { ...built, position: 91, previous: 90 })).toEqual([
      expect.stringContaining("next"),
    ]);
  });

  it("ends with its tombstone, wherever that is read", () => {
    const tombstone = {
      ...reject,
      version: 10,
      position: 200,
      previous: 150,
      reason: "tenant_erased",
    };
    expect(wrong(fence, upsert, tombstone)).toEqual([]);
    const late = { ...reject, position: 201, previous: 101 };
    expect(wrong(fence, upsert, tombstone, late)).toEqual([expect.stringContaining("tombstone")]);
  });
});
