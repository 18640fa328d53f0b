import { expect, it } from "vitest";
import type { DocumentView, ListView } from "../../actors/messages.ts";
import type { DocumentId, Position, Version } from "../../src/contract/ids.ts";
import { Heads } from "../../src/heads/heads.ts";
import { codeOf } from "../support/promises.ts";
import { acme, answered, deletion, drain, quiet, reject, until, upsert } from "./kit.ts";

import { coldHit, graceMs, headsOf, manifest, markerEveryMs, setUp } from "./view-kit.ts";

it("V1: a cold hit counts only in the version of its head; no head means deleted (I4, I5)", async () => {
  const { becomeReady, apply, found } = setUp();
  becomeReady(manifest(10, 1), headsOf(["kept", 3], ["replaced", 4], ["deleted", 5]), 10);
  apply(upsert({ id: "replaced", position: 11 }), deletion("deleted", 12));
  const hits = [
    coldHit("kept", 3),
    coldHit("kept", 2),
    coldHit("replaced", 4),
    coldHit("deleted", 5),
    coldHit("never heard of", 6),
  ];
  expect(await found(10, hits)).toEqual({ cold: ["kept@3"], hot: ["replaced@11"] });
});

it("V2: each applied record changes hot, heads and what is visible together, and is announced", async () => {
  const { becomeReady, apply, found, view, events } = setUp();
  becomeReady();
  apply(upsert({ id: "a", position: 1 }), upsert({ id: "b", position: 2 }));
  expect(await found(0)).toEqual({ cold: [], hot: ["a@1", "b@2"] });
  apply(upsert({ id: "a", position: 3 }), deletion("b", 4), reject(5));
  expect(await found(0)).toEqual({ cold: [], hot: ["a@3"] });
  expect((await view()).visible).toBe(5);
  expect(events.map(({ id, seq, status }) => [id, seq, status])).toEqual([
    ["a", 1, "visible"],
    ["b", 2, "visible"],
    ["a", 3, "visible"],
    ["b", 4, "deleted"],
    [null, 5, "rejected"],
  ]);
});

it("V2: a record that was folded already changes nothing", async () => {
  const { becomeReady, apply, found } = setUp();
  becomeReady();
  apply(upsert({ id: "a", position: 1 }), deletion("a", 2), upsert({ id: "a", position: 1 }));
  expect(await found(0)).toEqual({ cold: [], hot: [] });
});

it("V3: hot drops what a manifest covers, only after the grace period", async () => {
  const { becomeReady, apply, found, send, clock } = setUp();
  becomeReady();
  apply(upsert({ id: "a", position: 1 }), upsert({ id: "b", position: 2 }));
  send({ type: "manifest", stored: manifest(1, 1) });
  await quiet();
  await clock.advance(graceMs - 1);
  expect((await found(1)).hot).toEqual(["a@1", "b@2"]);
  await clock.advance(1);
  expect(await found(1, [coldHit("a", 1)])).toEqual({ hot: ["b@2"], cold: ["a@1"] });
});

it("V3: hot keeps what is merged until a second look has confirmed it, and a grace period more (I1)", async () => {
  const { becomeReady, apply, found, send, clock } = setUp();
  becomeReady();
  apply(upsert({ id: "a", position: 1 }), upsert({ id: "b", position: 2 }));
  send({ type: "manifest", stored: manifest(2, 1, 0) });
  await quiet();
  await clock.advance(100 * graceMs);
  expect((await found(2)).hot).toEqual(["a@1", "b@2"]);
  send({ type: "manifest", stored: manifest(2, 2, 1) });
  await quiet();
  await clock.advance(graceMs - 1);
  expect((await found(2)).hot).toEqual(["a@1", "b@2"]);
  await clock.advance(1);
  expect(await found(2, [coldHit("a", 1)])).toEqual({ hot: ["b@2"], cold: ["a@1"] });
});

it("V3: an owner that starts holds what is merged and not confirmed, as far as it is live (I1, I4)", async () => {
  const { send, found, view } = setUp();
  const heads = headsOf(["kept", 1], ["replaced", 4]);
  send({ type: "load", stored: manifest(6, 3, 0), heads });
  for (const record of [
    ...[upsert({ id: "kept", position: 1 }), upsert({ id: "replaced", position: 2 })],
    ...[upsert({ id: "gone", position: 3 }), upsert({ id: "replaced", position: 4 })],
    ...[deletion("gone", 5), deletion("never", 6), upsert({ id: "new", position: 7 })],
  ]) {
    send({ type: "replay", record });
  }
  send({ type: "ready", visible: 7 as Version });
  expect(await view()).toMatchObject({ watermark: 6, visible: 7 });
  const late = [coldHit("gone", 3), coldHit("replaced", 2), coldHit("kept", 1)];
  expect(await found(6, late)).toEqual({ hot: ["new@7", "replaced@4"], cold: ["kept@1"] });
  expect((await found(6)).hot).toEqual(["kept@1", "new@7", "replaced@4"]);
});

it("V3: what is released while the tail is still loaded is let go with its last record (I11)", async () => {
  const { send, clock, statuses, found } = setUp();
  // Read right before the confirmation; no fence follows, as the owner's epoch is the same.
  send({ type: "load", stored: manifest(2, 1, 0), heads: headsOf(["a", 1], ["b", 2]) });
  send({ type: "manifest", stored: manifest(2, 2, 2) });
  await quiet();
  send({ type: "replay", record: upsert({ id: "a", position: 1 }) });
  await quiet();
  await clock.advance(graceMs);
  await quiet();
  send({ type: "replay", record: upsert({ id: "b", position: 2 }) });
  send({ type: "ready", visible: 2 as Version });
  expect(await found(2, [coldHit("a", 1)])).toEqual({ hot: [], cold: ["a@1"] });
  expect(statuses.at(-1)).toMatchObject({ unmergedChunks: 0, hot: { documents: 0 } });
});

it("V1: a merged chunk comes from cold as soon as cold finds it, and from hot where cold lacks it", async () => {
  const { becomeReady, apply, found, send } = setUp();
  becomeReady();
  apply(upsert({ id: "a", position: 1 }), upsert({ id: "b", position: 2 }));
  const hits = [coldHit("a", 1)];
  // A merge that has written and not committed: nothing is merged yet.
  expect(await found(0, hits)).toEqual({ hot: ["a@1", "b@2"], cold: ["a@1"] });
  send({ type: "manifest", stored: manifest(2, 1, 0) });
  await quiet();
  expect(await found(2, hits)).toEqual({ hot: ["b@2"], cold: ["a@1"] });
});

it("V3: a merge that is ahead of what is applied here drops nothing that the heads still name", async () => {
  const { becomeReady, apply, found, send, clock } = setUp();
  becomeReady();
  apply(upsert({ id: "a", position: 1 }));
  // Its second version is in the log and merged, but its record has not come here yet.
  send({ type: "manifest", stored: manifest(2, 1) });
  await quiet();
  await clock.advance(graceMs);
  expect(await found(2, [coldHit("a", 2)])).toEqual({ hot: ["a@1"], cold: [] });
  apply(upsert({ id: "a", position: 2 }));
  expect(await found(2, [coldHit("a", 2)])).toEqual({ hot: [], cold: ["a@2"] });
});

it("V3: a manifest that is older than the adopted one changes nothing", async () => {
  const { becomeReady, send, view, clock } = setUp();
  becomeReady(manifest(10, 5), new Heads(), 10);
  send({ type: "manifest", stored: manifest(3, 4) });
  await clock.advance(graceMs);
  expect((await view()).watermark).toBe(10);
});

it("V4: a search whose watermark hot has dropped past is refused with the new view (Q2)", async () => {
  const { becomeReady, apply, send, search, clock } = setUp();
  becomeReady();
  apply(upsert({ id: "a", position: 1 }));
  send({ type: "manifest", stored: manifest(1, 1) });
  await quiet();
  expect((await search(0)).kind).toBe("found");
  await clock.advance(graceMs);
  const outcome = await search(0);
  expect(outcome).toMatchObject({ kind: "dropped", snapshot: { watermark: 1, coldExists: true } });
  expect((await search(1)).kind).toBe("found");
});

it("V5: answers nothing before its tail is complete, then what the whole tail says (I7)", async () => {
  const { send, search, view, found } = setUp();
  const early = view();
  expect(await codeOf(search(0))).toBe("not_ready");
  send({ type: "load", stored: manifest(4, 1), heads: headsOf(["old", 2]) });
  send({ type: "replay", record: upsert({ id: "a", position: 5 }) });
  expect(await codeOf(search(4))).toBe("not_ready");
  send({ type: "replay", record: deletion("old", 6) });
  send({ type: "ready", visible: 6 as Version });
  expect(await early).toMatchObject({ visible: 6, watermark: 4 });
  expect(await found(4, [coldHit("old", 2)])).toEqual({ hot: ["a@5"], cold: [] });
});

it("V5: a new life holds nothing, asks for a reload, and is whole again after it", async () => {
  const { becomeReady, apply, send, search, found, loadRequests, restarts, clock } = setUp();
  becomeReady();
  apply(upsert({ id: "a", position: 1 }));
  expect(loadRequests()).toBe(0);
  // A drop above the watermark breaks an invariant: the actor fails.
  send({ type: "drop", watermark: 99 as Position });
  await until(() => restarts.length === 1);
  await clock.advance(100);
  await until(() => loadRequests() === 1);
  apply(upsert({ id: "b", position: 2 }));
  expect(await codeOf(search(0))).toBe("not_ready");
  send({ type: "load", stored: null, heads: new Heads() });
  for (const position of [1, 2]) {
    send({ type: "replay", record: upsert({ id: "ab".charAt(position - 1), position }) });
  }
  send({ type: "ready", visible: 2 as Version });
  expect(await found(0)).toEqual({ hot: ["a@1", "b@2"], cold: [] });
});

it("V5: a manifest that comes before the load is adopted with it", async () => {
  const { becomeReady, send, view, clock } = setUp();
  send({ type: "manifest", stored: manifest(7, 2) });
  becomeReady(manifest(3, 1), new Heads(), 7);
  await clock.advance(graceMs);
  expect((await view()).watermark).toBe(7);
});

it("V5: a manifest that was adopted before a load which had read an older one is not forgotten (I11)", async () => {
  const { becomeReady, apply, send, view, clock, restarts, statuses } = setUp();
  becomeReady();
  apply(upsert({ id: "a", position: 1 }));
  send({ type: "manifest", stored: manifest(1, 2) });
  await quiet();
  // The tenant's next life read the manifest right before that commit; the watcher tells it only
  // once.
  send({ type: "load", stored: null, heads: new Heads() });
  send({ type: "replay", record: upsert({ id: "a", position: 1 }) });
  send({ type: "ready", visible: 1 as Version });
  expect((await view()).watermark).toBe(1);
  await clock.advance(graceMs);
  await quiet();
  expect(statuses.at(-1)).toMatchObject({ watermark: 1, unmergedChunks: 0, hot: { chunks: 0 } });
  expect(restarts).toEqual([]);
});

it("I8: a view waits until its version is visible", async () => {
  const { becomeReady, apply, view } = setUp();
  becomeReady();
  const waiting = view(2);
  apply(upsert({ id: "a", position: 1 }));
  expect((await view(1)).visible).toBe(1);
  apply(upsert({ id: "b", position: 2 }));
  expect((await waiting).visible).toBe(2);
});

it("I8: a view that waits in vain says how far behind it is; before the load it is not ready", async () => {
  const { becomeReady, apply, view, clock } = setUp();
  const early = view(1, 10);
  await quiet();
  await clock.advance(10);
  expect(await codeOf(early)).toBe("not_ready");
  becomeReady();
  apply(upsert({ id: "a", position: 1 }));
  const late = view(9, 50);
  await quiet();
  await clock.advance(50);
  await expect(late).rejects.toMatchObject({
    code: "not_visible_yet",
    details: { min_seq: 9, visible_seq: 1 },
  });
});

it("tells waiting views that it is not ready when it ends", async () => {
  const { becomeReady, view, actor } = setUp();
  becomeReady();
  const waiting = view(5);
  await quiet();
  await actor.stop();
  expect(await codeOf(waiting)).toBe("not_ready");
});

it("asks for a merge once enough is unmerged, and no more once a manifest covers it", async () => {
  const { becomeReady, apply, send, mergeTrigger, statuses } = setUp();
  becomeReady();
  apply(upsert({ id: "a", position: 1 }), deletion("x", 2));
  await quiet();
  expect(mergeTrigger.depth).toBe(0);
  apply(upsert({ id: "b", position: 3 }));
  await quiet();
  expect(await drain(mergeTrigger)).toEqual([{ type: "unmerged", tenant: acme }]);
  send({ type: "manifest", stored: manifest(3, 1) });
  apply(upsert({ id: "c", position: 4 }));
  await quiet();
  expect(mergeTrigger.depth).toBe(0);
  expect(statuses.at(-1)).toMatchObject({ unmergedChunks: 1, watermark: 3, visible: 4 });
});

it("I12: cold without the marker of the watermark is repaired by a merge, also when nothing is unmerged", async () => {
  const { becomeReady, send, view, mergeTrigger, clock } = setUp();
  becomeReady(manifest(5, 1), new Heads(), 5);
  const look = (watermark: number, seen: boolean) => {
    const lookedAtMs = clock.monotonicMs();
    send({ type: "marker", watermark: watermark as Position, seen, lookedAtMs });
  };
  look(4, false);
  await quiet();
  expect(mergeTrigger.depth).toBe(0);
  look(5, false);
  expect((await view()).markerSeen).toBeUndefined();
  expect(await drain(mergeTrigger)).toEqual([{ type: "unmerged", tenant: acme }]);
  look(5, true);
  expect((await view()).markerSeen).toBe(true);
  expect(mergeTrigger.depth).toBe(0);
});

it("I12: a marker is believed for a moment after the look that found it began; looks that come to nothing prolong it for nobody", async () => {
  const { becomeReady, send, view, mergeTrigger, clock } = setUp();
  becomeReady(manifest(5, 1), new Heads(), 5);
  const found = (seen: boolean, lookedAtMs = clock.monotonicMs()) =>
    send({ type: "marker", watermark: 5 as Position, seen, lookedAtMs });
  const begun = clock.monotonicMs();
  await clock.advance(400);
  found(true, begun);
  expect((await view()).markerSeen).toBe(true);
  await clock.advance(markerEveryMs - 400);
  // Who asks now looks, and may find no cold at all.
  expect((await view()).markerSeen).toBeUndefined();
  expect((await view()).markerSeen).toBeUndefined();
  found(true);
  expect((await view()).markerSeen).toBe(true);
  found(false);
  expect((await view()).markerSeen).toBeUndefined();
  expect(mergeTrigger.depth).toBe(1);
  found(true);
  expect((await view()).markerSeen).toBe(true);
});

it("says where a document is: hot above the watermark, cold below it, nowhere when it is deleted", async () => {
  const { becomeReady, apply, send } = setUp();
  becomeReady(manifest(5, 1), headsOf(["old", 2], ["gone", 3]), 5);
  apply(upsert({ id: "new", position: 6 }), deletion("gone", 7));
  const ask = (id: string) => {
    const { reply, promise } = answered<DocumentView>();
    send({ type: "document", documentId: id as DocumentId, reply });
    return promise;
  };
  expect(await ask("old")).toMatchObject({ version: 2, shard: "cold" });
  expect(await ask("new")).toMatchObject({ version: 6, shard: "hot" });
  expect((await ask("gone")).version).toBeUndefined();
});

it("V6: what expires is gone with its time, hot and cold, and a newer version counts (I4)", async () => {
  const { becomeReady, apply, found, clock, send, statuses } = setUp();
  becomeReady(manifest(2, 1), headsOf(["cold", 1], ["kept", 2]), 2);
  const startMs = clock.nowMs();
  const expiring = (ms: number) => ({ info: { expiresAtMs: startMs + ms } });
  const hits = [
    { ...coldHit("cold", 1), ...expiring(50) },
    { ...coldHit("kept", 2), ...expiring(51) },
  ];
  apply(
    upsert({ id: "a", position: 3, ...expiring(50) }),
    upsert({ id: "b", position: 4, ...expiring(50) }),
    upsert({ id: "b", position: 5 }),
    upsert({ id: "c", position: 6 }),
    upsert({ id: "c", position: 7, ...expiring(51) }),
  );
  await clock.advance(49);
  expect(await found(2, hits)).toEqual({ cold: ["cold@1", "kept@2"], hot: ["a@3", "b@5", "c@7"] });
  await clock.advance(1);
  expect(await found(2, hits)).toEqual({ cold: ["kept@2"], hot: ["b@5", "c@7"] });
  const versionOf = async (id: string) => {
    const { reply, promise } = answered<DocumentView>();
    send({ type: "document", documentId: id as DocumentId, reply });
    return (await promise).version;
  };
  expect(await versionOf("a")).toBeUndefined();
  expect(await versionOf("b")).toBe(5);
  await clock.advance(1);
  expect(await versionOf("c")).toBeUndefined();
  apply(upsert({ id: "a", position: 8 }));
  expect(await found(2, hits)).toEqual({ cold: [], hot: ["a@8", "b@5"] });
  expect(statuses.at(-1)?.hot.documents).toBe(2);
});

it("EX4: what cold shows of a merged document whose time is over counts no more", async () => {
  const { becomeReady, clock, send, statuses } = setUp();
  becomeReady(manifest(3, 1), headsOf(["over", 1], ["soon", 2], ["kept", 3]), 3);
  const atMs = clock.nowMs();
  const cold = [
    { documentId: "over" as DocumentId, version: 1 as Version, info: { expiresAtMs: atMs } },
    { documentId: "soon" as DocumentId, version: 2 as Version, info: { expiresAtMs: atMs + 9 } },
    { documentId: "kept" as DocumentId, version: 3 as Version, info: {} },
  ];
  const listed = async () => {
    const { reply, promise } = answered<ListView>();
    send({ type: "list", hotAfter: undefined, limit: 9, access: undefined, cold, reply });
    return (await promise).cold.map(({ documentId }) => documentId);
  };
  expect(await listed()).toEqual(["soon", "kept"]);
  expect(statuses.at(-1)?.documents).toBe(2);
  await clock.advance(9);
  expect(await listed()).toEqual(["kept"]);
  expect(statuses.at(-1)?.documents).toBe(1);
});

it("V6: a document that had expired before it could be shown is announced as deleted", async () => {
  const { becomeReady, apply, found, events, clock } = setUp();
  becomeReady();
  apply(upsert({ id: "a", position: 1, info: { expiresAtMs: clock.nowMs() } }));
  expect(await found(0)).toEqual({ cold: [], hot: [] });
  expect(events.map(({ id, status }) => [id, status])).toEqual([["a", "deleted"]]);
});
