import { expect, it } from "vitest";
import { objectId } from "../../src/cold/object-id.ts";
import type { ColdObject } from "../../src/cold/port.ts";
import type { DocumentId, Version } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { encodePieces } from "../../src/heads/pieces.ts";
import type { StoredManifest } from "../../src/log/port.ts";
import { acme, axis, deletion, quiet, upsert } from "./kit.ts";
import { coldHit, graceMs, headsOf, manifest, setUp } from "./view-kit.ts";

type Kit = ReturnType<typeof setUp>;
type Entries = readonly (readonly [string, number])[];

/** A manifest whose pieces are in the log. */
async function merged({ log }: Kit, to: number, revision: number, heads: Entries) {
  const stored = manifest(to, revision);
  const pieces = [];
  for (const bytes of encodePieces(headsOf(...heads), 1_000)) {
    const digest = await log.manifests.putPiece(acme, bytes);
    pieces.push({ digest, entries: heads.length, run: 0 });
  }
  return { ...stored, manifest: { ...stored.manifest, pieces, documents: heads.length } };
}

async function released(kit: Kit, stored: StoredManifest): Promise<void> {
  kit.send({ type: "manifest", stored });
  await quiet();
  await kit.clock.advance(graceMs);
  await quiet();
}

function object(id: string, version: number, info: ColdObject["info"] = {}): ColdObject {
  const key = { tenant: acme, documentId: id as DocumentId, version: version as Version, chunk: 0 };
  const { tenant: _tenant, ...named } = key;
  return {
    id: objectId(key),
    ...named,
    chunkCount: 1,
    text: `text of ${id}`,
    info,
    vector: axis(0),
  };
}

it("V7: what is merged is kept, the tenant is resident, and a reply names where each chunk lies for good", async () => {
  const kit = setUp({ keeps: true });
  kit.becomeReady();
  kit.apply(upsert({ id: "a", position: 1 }), upsert({ id: "b", position: 2 }));
  await released(kit, await merged(kit, 1, 1, [["a", 1]]));
  expect(await kit.view()).toMatchObject({ isResident: true, coldExists: true });
  const outcome = await kit.search(1, [], { mustBeResident: true });
  if (outcome.kind !== "found") throw new Error("refused");
  const labels = outcome.hot.map(({ documentId, shard }) => `${documentId} ${shard}`).sort();
  expect(labels).toEqual(["a cold", "b hot"]);
  expect(kit.statuses.at(-1)).toMatchObject({
    isResident: true,
    hot: { documents: 1 },
    kept: { documents: 1, chunks: 1 },
  });
});

it("V7: what is kept goes as a whole, and a search that relied on it is refused with the new view (V4)", async () => {
  const kit = setUp({ keeps: true });
  kit.becomeReady();
  kit.apply(upsert({ id: "a", position: 1 }), upsert({ id: "b", position: 2 }));
  await released(kit, await merged(kit, 1, 1, [["a", 1]]));
  const before = await kit.view();
  expect(await kit.search(0)).toMatchObject({ kind: "found" });
  kit.kept.evict();
  const refused = { kind: "dropped", snapshot: { isResident: false } };
  expect(await kit.search(before.watermark, [], { mustBeResident: true })).toMatchObject(refused);
  expect(await kit.search(0)).toMatchObject(refused);
  expect(await kit.found(1, [coldHit("a", 1)])).toEqual({ hot: ["b@2"], cold: ["a@1"] });
});

it("V7: a new version, a delete and a newer document leave a resident tenant resident", async () => {
  const kit = setUp({ keeps: true });
  kit.becomeReady();
  kit.apply(upsert({ id: "a", position: 1 }), upsert({ id: "b", position: 2 }));
  await released(
    kit,
    await merged(kit, 2, 1, [
      ["a", 1],
      ["b", 2],
    ]),
  );
  kit.apply(upsert({ id: "a", position: 3 }), deletion("b", 4), upsert({ id: "c", position: 5 }));
  expect((await kit.view()).isResident).toBe(true);
  expect(await kit.found(2, [coldHit("a", 1), coldHit("b", 2)])).toEqual({
    hot: ["a@3", "c@5"],
    cold: [],
  });
  expect(kit.statuses.at(-1)).toMatchObject({ hot: { documents: 2 }, kept: { documents: 0 } });
});

it("what a merge did not take over is not kept: cold refused it, and no later life would have it (I7)", async () => {
  const kit = setUp({ keeps: true });
  kit.becomeReady();
  kit.apply(upsert({ id: "a", position: 1 }), upsert({ id: "refused", position: 2 }));
  await released(kit, await merged(kit, 2, 1, [["a", 1]]));
  expect((await kit.view()).isResident).toBe(true);
  expect((await kit.found(2)).hot).toEqual(["a@1"]);
  // A question that began before and has not asked cold for it is not answered with a gap.
  expect((await kit.search(1)).kind).toBe("dropped");
});

it("a merge that is ahead of what is applied here releases nothing yet", async () => {
  const kit = setUp({ keeps: true });
  kit.becomeReady();
  kit.apply(upsert({ id: "a", position: 1 }));
  await released(kit, await merged(kit, 2, 1, [["a", 2]]));
  expect((await kit.found(2, [coldHit("a", 2)])).hot).toEqual(["a@1"]);
  kit.kept.evict();
  expect((await kit.found(2, [coldHit("a", 2)])).hot).toEqual(["a@1"]);
  kit.apply(upsert({ id: "a", position: 2 }));
  expect((await kit.found(2)).hot).toEqual(["a@2"]);
  expect(kit.statuses.at(-1)).toMatchObject({ isResident: true, kept: { documents: 1 } });
});

it("without the heads of the merge what is released is dropped", async () => {
  const kit = setUp({ keeps: true });
  kit.becomeReady();
  kit.apply(upsert({ id: "a", position: 1 }));
  const stored = manifest(1, 1);
  const pieces = [{ digest: "0".repeat(64), entries: 1, run: 0 }];
  await released(kit, { ...stored, manifest: { ...stored.manifest, pieces } });
  expect(kit.statuses.at(-1)).toMatchObject({ hot: { documents: 0 }, kept: { documents: 0 } });
});

/** A view that starts with what cold holds. */
async function started(heads: Entries, objects: readonly ColdObject[]) {
  const kit = setUp({ keeps: true });
  const to = Math.max(...heads.map(([, version]) => version), 0);
  await kit.cold.ensureTenant(acme);
  await kit.cold.upsert(acme, objects);
  await kit.cold.writeMarker(acme, { to: to as never, version: to as never });
  kit.becomeReady(await merged(kit, to, 1, heads), headsOf(...heads), to);
  return kit;
}

it("VR1: a tenant that is asked comes back from cold: what the heads name, whole, and nothing else", async () => {
  const kit = await started(
    [
      ["a", 1],
      ["b", 3],
    ],
    [object("a", 1), object("b", 3), object("b", 2), object("gone", 2)],
  );
  expect((await kit.view()).isResident).toBe(false);
  await quiet(100);
  expect((await kit.view()).isResident).toBe(true);
  expect((await kit.found(3)).hot).toEqual(["a@1", "b@3"]);
  expect(kit.statuses.at(-1)).toMatchObject({ kept: { documents: 2 }, hot: { documents: 0 } });
});

it("VR1: what changes while it is loaded keeps its newest version", async () => {
  const kit = await started(
    [
      ["a", 1],
      ["b", 2],
    ],
    [object("a", 1), object("b", 2)],
  );
  await kit.view();
  kit.apply(upsert({ id: "a", position: 3 }), deletion("b", 4));
  await quiet(100);
  expect((await kit.view()).isResident).toBe(true);
  expect((await kit.found(2)).hot).toEqual(["a@3"]);
});

it("VR2: a document of which cold holds a part is left there, and the tenant does not count as resident", async () => {
  const kit = await started(
    [
      ["a", 1],
      ["b", 2],
    ],
    [object("a", 1), { ...object("b", 2), chunkCount: 2 }],
  );
  await kit.view();
  await quiet(100);
  expect((await kit.view()).isResident).toBe(false);
  expect((await kit.found(2, [coldHit("b", 2)])).cold).toEqual(["b@2"]);
});

it("VR3: without room nothing stays loaded", async () => {
  const kit = await started([["a", 1]], [object("a", 1)]);
  kit.room.isThere = false;
  await kit.view();
  await quiet(100);
  expect(kit.statuses.at(-1)).toMatchObject({ kept: { documents: 0 }, isResident: false });
});

it("VR4: a load waits for recoveries, and one that failed is tried again after a pause", async () => {
  const kit = await started([["a", 1]], [object("a", 1)]);
  kit.room.isRecovering = true;
  await kit.view();
  await quiet(100);
  expect(kit.cold.calls.get("walk")).toBeUndefined();
  kit.room.isRecovering = false;
  kit.cold.setDown(true);
  await kit.clock.advance(limits.loadPauseMinMs);
  await quiet(100);
  expect(kit.cold.calls.get("walk")).toBe(1);
  kit.cold.setDown(false);
  await kit.view();
  await quiet(100);
  expect(kit.cold.calls.get("walk")).toBe(1);
  await kit.clock.advance(limits.loadPauseMinMs);
  await kit.view();
  await quiet(100);
  expect((await kit.view()).isResident).toBe(true);
});

it("an expired document that cold still holds is loaded and gone, and the tenant is resident", async () => {
  const kit = await started(
    [
      ["a", 1],
      ["b", 2],
    ],
    [object("a", 1), object("b", 2, { expiresAtMs: 1 })],
  );
  await kit.view();
  await quiet(100);
  expect((await kit.view()).isResident).toBe(true);
  expect((await kit.found(2)).hot).toEqual(["a@1"]);
});

it("a resident tenant whose cold has lost its marker asks for the merge that repairs it", async () => {
  const kit = await started([["a", 1]], [object("a", 1)]);
  await kit.view();
  await quiet(100);
  kit.cold.dropTenant(acme);
  expect((await kit.view()).isResident).toBe(true);
  await quiet(100);
  expect(kit.mergeTrigger.depth).toBe(1);
});
