import { afterEach, describe, expect, it } from "vitest";
import type { TenantId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { createMemoryMerges } from "../../src/merges/memory.ts";
import type { MergeClient } from "../../src/merges/port.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { runMerge } from "../activities/run-merge.ts";
import {
  acme,
  coldState,
  createWorld,
  RecordWriter,
  writeSequel,
  writeStory,
} from "../activities/world.ts";

const open: MergeClient[] = [];

/** Sleeps are short, so that back-off and idling pass; cut off by the signal as usual. */
const hastyClock = {
  ...systemClock,
  sleep: (ms: number, signal?: AbortSignal) =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, Math.min(ms, 20));
      signal?.addEventListener("abort", () => {
        clearTimeout(timer);
        resolve();
      });
    }),
};

function setUp(ageMs?: number, confirmMs?: number) {
  const world = createWorld({ clock: hastyClock });
  const merges = createMemoryMerges({ ...world.ports, graceMs: 0, ageMs, confirmMs });
  open.push(merges);
  return { ...world, merges };
}

async function eventually(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5));
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((merges) => merges.close()));
});

describe("merges in memory", () => {
  it("do what the preview said and leave cold as a single merge would", async () => {
    const { merges, writer, cold } = setUp();
    await writeStory(writer);
    const preview = await merges.preview(acme);
    const outcome = await merges.force(acme);
    if (preview.kind !== "merge" || outcome.kind !== "merged") throw new Error("nothing merged");
    const { records, upserts, superseded, deletes, rejects, chunks, bytes } = preview;
    const counts = { records, upserts, superseded, deletes, rejects, chunks, bytes };
    expect(outcome).toMatchObject({ ...counts, written: chunks, merges: 1, to: writer.last });
    const alone = createWorld();
    await writeStory(alone.writer);
    await runMerge(alone.ports);
    expect(coldState(cold)).toEqual(coldState(alone.cold));
  });

  it("merge a backlog above the bound of one merge in several, for one force", async () => {
    const { merges, writer, log } = setUp();
    for (let index = 0; index < limits.mergeRecordsMax + 5; index += 1) await writer.delete("gone");
    expect(await merges.force(acme)).toMatchObject({
      kind: "merged",
      merges: 2,
      records: limits.mergeRecordsMax + 5,
    });
    expect((await log.manifests.get(acme))?.manifest.to).toBe(writer.last);
  });

  it("answer each force of many, and each only once its records are committed (TM2)", async () => {
    const { merges, writer, log } = setUp();
    const forced: Promise<void>[] = [];
    for (let index = 0; index < 30; index += 1) {
      await writer.upsert(`d${index}`);
      const asked = writer.last;
      forced.push(
        merges.force(acme).then(async ({ kind }) => {
          expect(["merged", "nothing"]).toContain(kind);
          expect((await log.manifests.get(acme))?.manifest.to).toBeGreaterThanOrEqual(asked);
        }),
      );
    }
    await Promise.all(forced);
  });

  it("start nothing while paused, and what was due meanwhile on resume (TM4)", async () => {
    const { merges, writer, log } = setUp();
    await merges.pause(acme);
    await writeStory(writer);
    await merges.due(acme, "size");
    expect(await merges.force(acme)).toEqual({ kind: "paused" });
    await hastyClock.sleep(20);
    await hastyClock.sleep(20);
    expect(await merges.progress(acme)).toMatchObject({ phase: "paused", paused: true });
    expect(await log.manifests.get(acme)).toBeNull();
    await merges.resume(acme);
    await eventually(async () => (await log.manifests.get(acme)) !== null);
  });

  it("report a failure to the caller, and continue by themselves when cold is back (TM3)", async () => {
    const { merges, writer, cold, log } = setUp();
    await writeStory(writer);
    cold.setDown(true);
    expect(await merges.force(acme)).toMatchObject({
      kind: "failed",
      error: { code: "cold_unavailable" },
    });
    cold.setDown(false);
    await eventually(async () => (await log.manifests.get(acme)) !== null);
  });

  it("say why what was merged is not confirmed, while it is not", async () => {
    const { merges, writer, cold, log } = setUp(undefined, 50);
    await writeStory(writer);
    await merges.force(acme);
    cold.setDown(true);
    await eventually(async () => (await merges.progress(acme))?.error !== null);
    const error = { code: "cold_unavailable", attempt: expect.any(Number) };
    expect(await merges.progress(acme)).toMatchObject({ error });
    cold.setDown(false);
    await eventually(async () => (await merges.progress(acme))?.error === null);
    const stored = await log.manifests.get(acme);
    expect(stored?.manifest.confirmed).toBe(writer.last);
  });

  it("delete superseded objects after the commit", async () => {
    const { merges, writer, cold } = setUp();
    await writeStory(writer);
    await merges.force(acme);
    await writeSequel(writer);
    await merges.force(acme);
    await eventually(async () => cold.objects(acme).length === 4);
  });

  it("keep tenants apart: one that is paused does not hold up another (I9)", async () => {
    const { merges, log, cold } = setUp();
    const other = "globex" as TenantId;
    await new RecordWriter(log, acme).upsert("a");
    await new RecordWriter(log, other).upsert("a");
    await merges.pause(acme);
    expect(await merges.force(other)).toMatchObject({ kind: "merged" });
    expect(cold.objects(acme)).toEqual([]);
  });

  it("forget an entity without work, and start it again when asked", async () => {
    const { merges, writer } = setUp();
    await writer.upsert("a");
    await merges.force(acme);
    await hastyClock.sleep(20);
    await eventually(async () => (await merges.progress(acme))?.phase === "idle");
    await hastyClock.sleep(20);
    await hastyClock.sleep(20);
    expect(await merges.progress(acme)).toMatchObject({ lastMerge: { to: writer.last } });
    await writer.upsert("b");
    expect(await merges.force(acme)).toMatchObject({ kind: "merged", upserts: 1 });
  });

  it("are asked by the sweep", async () => {
    const { merges, writer, log } = setUp(0);
    await writer.upsert("a");
    await merges.ensureSchedule();
    await eventually(async () => (await log.manifests.get(acme)) !== null);
  });

  it("refuse requests once closed", async () => {
    const { merges } = setUp();
    await merges.close();
    await expect(merges.due(acme, "size")).rejects.toMatchObject({ code: "temporal_unavailable" });
  });
});
