/** Dead letters of what a merge goes past (activities/merge/dead-letters.ts). */

import { afterEach, describe, expect, it, vi } from "vitest";
import { runMerge } from "./run-merge.ts";
import { acme, createWorld, type World, writeStory } from "./world.ts";

afterEach(() => void vi.restoreAllMocks());

async function storyWorld(): Promise<World> {
  const world = createWorld();
  await writeStory(world.writer);
  return world;
}

describe("a merge", () => {
  it("dead-letters each reject of its range before it commits (I2)", async () => {
    const world = await storyWorld();
    const publish = vi.spyOn(world.log.deadLetters, "publish");
    const commit = vi.spyOn(world.log.manifests, "commit");
    await runMerge(world.ports);
    expect(await world.log.deadLetters.list(acme, 10)).toMatchObject([
      { documentId: "delta", version: 4, reason: "invalid_document" },
      { documentId: null, version: 7, reason: "invalid_document" },
    ]);
    const published = publish.mock.invocationCallOrder.at(-1) ?? Number.NaN;
    expect(published).toBeLessThan(commit.mock.invocationCallOrder[0] ?? Number.NaN);
  });

  it("commits past rejects whose dead letters find no room, and the next merge writes them (DL1, DL2)", async () => {
    const world = await storyWorld();
    const { log, writer } = world;
    log.hooks.fillDeadLetters(true);
    await expect(runMerge(world.ports)).resolves.toMatchObject({ kind: "merged" });
    expect((await log.manifests.get(acme))?.manifest.to).toBe(writer.last);
    expect(await log.deadLetters.list(acme, 10)).toEqual([]);
    await writer.upsert("more");
    await runMerge(world.ports);
    expect(await log.deadLetters.list(acme, 10)).toEqual([]);
    log.hooks.fillDeadLetters(false);
    await writer.upsert("and more");
    await runMerge(world.ports);
    const letters = await log.deadLetters.list(acme, 10);
    expect(letters.map(({ version }) => version)).toEqual([4, 7]);
    expect((await log.deadLetters.owed(acme)).after).toBeNull();
  });

  it("gives up dead letters whose records were purged, and writes those after them", async () => {
    const world = await storyWorld();
    const { log, writer } = world;
    log.hooks.fillDeadLetters(true);
    await runMerge(world.ports);
    await log.chunks.purge({ tenant: acme, below: writer.last });
    log.hooks.fillDeadLetters(false);
    await writer.reject(null);
    await runMerge(world.ports);
    expect(await log.deadLetters.list(acme, 10)).toHaveLength(1);
    expect((await log.deadLetters.owed(acme)).after).toBeNull();
  });

  it("a dead letter that its stream never takes holds up neither the commit nor the others", async () => {
    const world = await storyWorld();
    vi.spyOn(world.log.deadLetters, "publish").mockRejectedValueOnce(new Error("never"));
    await runMerge(world.ports);
    const letters = await world.log.deadLetters.list(acme, 10);
    expect(letters.map(({ version }) => version)).toEqual([7]);
  });
});
