/** The walk through cold that a build begins with, when it takes many turns. */
import { describe, expect, it, vi } from "vitest";
import { beginGeneration } from "../../activities/reembed/build.ts";
import { abandon, firstGeneration, walkPieces } from "../../src/contract/generation.ts";
import type { Position } from "../../src/contract/ids.ts";
import { changeGenerations } from "../../src/log/generations.ts";
import { documentsOf, feedIt, inPages, second, setUp, turn } from "./reembed-kit.ts";
import { runMerge } from "./run-merge.ts";
import { acme } from "./world.ts";

describe("the walk of a build", () => {
  it("looks at each object of cold once, in as many turns as that takes, through lost attempts and merges (GX1)", async () => {
    const world = setUp();
    for (let count = 0; count < 30; count += 1) await world.writer.upsert(`doc-${count}`, 2);
    await runMerge(world.ports);
    await beginGeneration(world.reembed, { tenant: acme, model: "other" });
    const before = world.cold.objects(acme).map(({ id }) => id);
    const seen = inPages(world, 4);
    const put = vi.spyOn(world.log.generations, "put");
    for (let turns = 1; (await world.log.chunks.last(second)) === null; turns += 1) {
      expect(turns).toBeLessThan(60);
      if (turns === 5) await world.writer.delete("doc-3");
      if (turns === 6) await world.writer.upsert("doc-4", 3);
      if (turns % 4 !== 0) {
        await turn(world);
        continue;
      }
      // Killed before its part is stored: the next one has to look at that once more.
      const looked = seen.length;
      put.mockRejectedValueOnce(new Error("killed"));
      expect(await turn(world)).toBe("internal");
      (seen as string[]).length = looked;
      await runMerge(world.ports);
    }
    const old = seen.filter((id) => before.includes(id));
    expect(old.length).toBe(new Set(old).size);
    expect(seen.length).toBeGreaterThan(40);
    await feedIt(world);
    expect(await documentsOf(world, second)).toEqual(await documentsOf(world, acme));
    expect((await world.log.generations.get(acme)).generations).not.toHaveProperty("walk");
  });

  it("walks once more when the heads name what it has not met: a repair may write behind it (GX2)", async () => {
    const world = setUp();
    for (let count = 0; count < 12; count += 1) await world.writer.upsert(`doc-${count}`);
    await runMerge(world.ports);
    await beginGeneration(world.reembed, { tenant: acme, model: "other" });
    inPages(world, 3);
    const lost = world.cold.objects(acme).toSorted((one, other) => (one.id < other.id ? -1 : 1));
    const first = lost.slice(0, 2);
    world.cold.drop(
      acme,
      first.map(({ id }) => id),
    );
    await turn(world);
    world.cold.resurrect(acme, first);
    await feedIt(world);
    expect(await documentsOf(world, second)).toEqual(await documentsOf(world, acme));
  });

  it("has also what cold has lost, where the log has its record still (GX2)", async () => {
    const world = setUp();
    for (const each of ["a", "b", "c"]) await world.writer.upsert(each, 2);
    await world.writer.delete("c");
    await runMerge(world.ports);
    await beginGeneration(world.reembed, { tenant: acme, model: "other" });
    const lost = world.cold.objects(acme).filter(({ documentId }) => documentId === "a");
    world.cold.drop(
      acme,
      lost.map(({ id }) => id),
    );
    await feedIt(world);
    expect(await documentsOf(world, second)).toEqual(await documentsOf(world, acme));
    expect(world.cold.objects(acme)).toEqual(expect.arrayContaining(lost));
  });

  it("ends its walks where cold lacks a document for good", async () => {
    const world = setUp();
    await world.writer.upsert("a");
    await world.writer.upsert("b");
    await runMerge(world.ports);
    await beginGeneration(world.reembed, { tenant: acme, model: "other" });
    const lost = world.cold.objects(acme).filter(({ documentId }) => documentId === "a");
    world.cold.drop(
      acme,
      lost.map(({ id }) => id),
    );
    const below = (await world.log.chunks.last(acme))?.position ?? (0 as Position);
    await world.log.chunks.purge({ tenant: acme, below });
    await feedIt(world);
    expect([...(await documentsOf(world, second)).keys()]).toEqual(["b"]);
  });

  it.each([
    ["given up", abandon],
    ["removed with its tenant", () => firstGeneration],
  ])("stores nothing for a generation that is %s meanwhile (GX4)", async (_, gone) => {
    const world = setUp();
    for (let count = 0; count < 9; count += 1) await world.writer.upsert(`doc-${count}`);
    await runMerge(world.ports);
    await beginGeneration(world.reembed, { tenant: acme, model: "other" });
    const walk = world.cold.walk.bind(world.cold);
    vi.spyOn(world.cold, "walk").mockImplementation(async (...asked) => {
      const page = await walk(...asked);
      await changeGenerations(world.log.generations, acme, (now) =>
        now.state === "building" ? gone(now) : now,
      );
      return page;
    });
    expect(await turn(world)).toBe("invalid_request");
    expect(await world.log.erasure.count({ tenant: second, of: "heads" })).toBe(0);
  });

  it("keeps what was walked through merges of the new generation, and walks again without it", async () => {
    const world = setUp();
    for (let count = 0; count < 80; count += 1) await world.writer.upsert(`doc-${count}`);
    await runMerge(world.ports);
    await beginGeneration(world.reembed, { tenant: acme, model: "other" });
    const seen = inPages(world, 100);
    while ((await world.log.chunks.last(second)) === null) await turn(world);
    expect(seen.length).toBe(80);
    await runMerge(world.ports, second);
    const { generations: record } = await world.log.generations.get(acme);
    const [digest = ""] = walkPieces(record, 2);
    expect((await world.log.manifests.getPiece(second, digest)).byteLength).toBe(80 * 24);
    await world.log.manifests.sweepPieces(second, {
      ...{ keep: [], through: await world.log.manifests.lastPiece() },
    });
    await feedIt(world);
    expect(seen.length).toBe(160);
    expect(await documentsOf(world, second)).toEqual(await documentsOf(world, acme));
  });
});
