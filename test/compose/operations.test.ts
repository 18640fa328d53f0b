import { afterEach, beforeEach, expect, it } from "vitest";
import { createOperations } from "../../src/compose/operations.ts";
import { FreshetError } from "../../src/contract/errors.ts";
import { type DocumentId, tenantId, version } from "../../src/contract/ids.ts";
import type { Operations } from "../../src/contract/operations.ts";
import { eraseStateSchema, mergeStateSchema } from "../../src/gateway/operations/schemas.ts";
import { type MemoryEngine, startMemoryEngine } from "../support/memory-engine.ts";

const served = async (): Promise<void> => {};

const acme = tenantId("acme");
const globex = tenantId("globex");

let engine: MemoryEngine;
let operations: Operations;

beforeEach(() => {
  engine = startMemoryEngine();
  const { merges, log } = engine;
  operations = createOperations({ merges, log, served, uiUrl: "http://127.0.0.1:8233" });
});
afterEach(() => engine.stop());

const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

async function publish(id: string): Promise<number> {
  const payload = bytes({ id, text: `The bridge ${id} is open.` });
  const { seq } = await engine.service.publish(acme, { payload });
  await engine.event(seq);
  return seq;
}

/** What no publisher of ours sends: it ends as a dead letter. */
async function refused(): Promise<number> {
  const { seq } = await engine.log.docs.publish({ tenant: acme, payload: bytes({ id: "broken" }) });
  await engine.event(seq);
  return seq;
}

it("shows a tenant that was never merged, and what a merge would do", async () => {
  await publish("one");
  expect(await operations.merge(globex)).toEqual({
    progress: null,
    url: engine.merges.workflowUrl(globex, "http://127.0.0.1:8233"),
  });
  const { plan } = await operations.steer(acme, "preview");
  expect(plan).toMatchObject({ kind: "merge", upserts: 1 });
});

it("asks for a merge without waiting for it, and its state is what the reply's schema says", async () => {
  await publish("one");
  await operations.steer(acme, "run");
  const outcome = await engine.merges.force(acme);
  expect(["merged", "nothing"]).toContain(outcome.kind);
  const state = await operations.merge(acme);
  expect(state.progress?.lastMerge).toMatchObject({ documents: 1 });
  expect(mergeStateSchema.parse(state)).toEqual(state);
});

it("erases documents, and tells when that has ended, with its receipt", async () => {
  await publish("one");
  await publish("two");
  const begun = await operations.erase(acme, ["one" as DocumentId, "one" as DocumentId]);
  expect(begun.documents).toBe(1);
  const first = version(begun.erase);
  expect(await operations.eraseState(acme, first)).toEqual({ state: "running" });
  await expect(operations.eraseState(globex, first)).rejects.toMatchObject({ code: "not_found" });
  const ended = () => operations.eraseState(acme, first);
  await expect.poll(ended, { timeout: 20_000 }).toMatchObject({ state: "ended" });
  const state = await ended();
  expect(eraseStateSchema.parse(state)).toEqual(state);
  expect(JSON.stringify(state)).not.toContain("one");
  expect(await engine.service.document({ tenant: acme }, "one" as DocumentId)).toMatchObject({
    status: "absent",
  });
  expect(await engine.service.document({ tenant: acme }, "two" as DocumentId)).toMatchObject({
    status: "visible",
  });
});

it("tells an erase that ended without a receipt", async () => {
  const payload = bytes({ id: "one", op: "delete" });
  const { seq } = await engine.service.publish(globex, { payload });
  const through = version(await publish("two"));
  // Another tenant's delete: acme's log holds none of that sequence.
  await engine.merges.beginErase(acme, { versions: [seq], through });
  const state = () => operations.eraseState(acme, seq);
  await expect.poll(state, { timeout: 20_000 }).toMatchObject({ state: "failed" });
});

it("pauses and resumes, and a cancel of nothing changes nothing", async () => {
  expect((await operations.steer(acme, "pause")).progress).toMatchObject({ paused: true });
  expect((await operations.steer(acme, "resume")).progress).toMatchObject({ paused: false });
  expect((await operations.steer(acme, "cancel")).progress).toMatchObject({ paused: false });
});

it("has no link where Temporal UI is not known", async () => {
  const { merges, log } = engine;
  const without = createOperations({ merges, log, served, uiUrl: "" });
  expect(await without.merge(acme)).toEqual({ progress: null });
});

it("lists what was refused page by page, and never another tenant's", async () => {
  const seqs = [await refused(), await refused(), await refused()];
  const first = await operations.letters(acme, { after: version(0), max: 2 });
  expect(first.letters.map(({ seq }) => seq)).toEqual(seqs.slice(0, 2));
  const rest = await operations.letters(acme, { after: version(first.next ?? 0), max: 2 });
  expect([rest.letters.map(({ seq }) => seq), rest.next]).toEqual([seqs.slice(2), null]);
  expect(await operations.letters(globex, { after: version(0), max: 9 })).toEqual({
    letters: [],
    next: null,
  });
});

it("publishes again what was refused, once, and says what became of each", async () => {
  const seq = await refused();
  const [result] = await operations.replay(acme, [version(seq), version(seq)]);
  expect(result).toMatchObject({ seq, as: expect.any(Number) });
  expect((await operations.replay(acme, [version(seq)])).length).toBe(1);
});

it("publishes none when one of them has no dead letter", async () => {
  const seq = await refused();
  const before = await engine.service.lastVersion(acme);
  const asked = operations.replay(acme, [version(seq), version(seq + 100)]);
  await expect(asked).rejects.toMatchObject({ code: "not_found" });
  await expect(operations.replay(globex, [version(seq)])).rejects.toMatchObject({
    code: "not_found",
  });
  expect(await engine.service.lastVersion(acme)).toEqual(before);
});

it("does nothing for a tenant that is not served", async () => {
  const { merges, log } = engine;
  const refused = async () => Promise.reject(new FreshetError("tenant_suspended"));
  const closed = createOperations({ merges, log, uiUrl: "", served: refused });
  const after = version(0);
  for (const asked of [
    closed.merge(acme),
    closed.steer(acme, "run"),
    closed.letters(acme, { after, max: 1 }),
    closed.replay(acme, []),
  ]) {
    await expect(asked).rejects.toMatchObject({ code: "tenant_suspended" });
  }
  expect(await merges.progress(acme)).toBeNull();
});
