/**
 * Erases of documents where cold has lost what was merged. They remove records, from which alone
 * cold can be made whole again.
 */

import { describe, expect, it } from "vitest";
import { createEraseActivities } from "../../activities/erase/erase.ts";
import { isNothing } from "../../src/contract/erase.ts";
import type { DocumentId, Version } from "../../src/contract/ids.ts";
import type { RecordHeader } from "../../src/contract/record.ts";
import { eraseDocumentStory } from "../../workflows/erase-story.ts";
import { deletesOf, durable, erasePorts, filledWorld, publish, tracesOf } from "./erase-kit.ts";
import { runMerge, runRound } from "./run-merge.ts";
import { acme, createWorld, type World, writeStory } from "./world.ts";

const noSleep = async (): Promise<void> => {};
const gone = { records: 0, operations: 0, cold: 0 };
const others = ["beta", "epsilon", "unmerged"];

async function deleteAlpha(world: World) {
  const { versions, through } = await deletesOf(world, ["alpha"]);
  return { tenant: acme, version: versions[0] as Version, through };
}

const liveIn = ({ cold }: World): readonly DocumentId[] =>
  [...new Set(cold.objects(acme).map(({ documentId }) => documentId))].sort();

/** Nothing of it is merged yet; one of its rejects is of alpha. */
async function rejectedWorld(): Promise<World> {
  const world = createWorld();
  for (let n = 0; n < 10; n += 1) await publish(world, "operation");
  await writeStory(world.writer);
  await world.writer.reject("alpha");
  return world;
}

async function headersOf({ log }: World): Promise<readonly RecordHeader[]> {
  const [first, last] = [await log.chunks.first(acme), await log.chunks.last(acme)];
  if (first === null || last === null) return [];
  const range = { tenant: acme, after: first.previous, to: last.position };
  const headers: RecordHeader[] = [];
  for await (const header of log.chunks.headers(range)) headers.push(header);
  return headers;
}

/** All rounds that are to do. */
async function mergeAll({ ports }: World): Promise<void> {
  for (;;) {
    const result = await runRound(ports);
    if (result.kind !== "merged") return;
  }
}

describe("an erase of a document whose tenant cold has lost", () => {
  it("waits until cold holds again what is merged, and loses no other document (ED5)", async () => {
    const world = await filledWorld();
    const request = await deleteAlpha(world);
    await runMerge(world.ports);
    world.cold.dropTenant(acme);
    const signed = await eraseDocumentStory(durable()(erasePorts(world)), request, noSleep);
    await mergeAll(world);
    expect(liveIn(world)).toEqual(others);
    expect(await tracesOf(world, "alpha")).toEqual(gone);
    expect(isNothing(signed.receipt.left)).toBe(true);
  });

  it("looks again right before it removes records: cold may be lost at any time (ED5)", async () => {
    const world = await filledWorld();
    const request = await deleteAlpha(world);
    let asked = 0;
    const requestMerge = async (): Promise<void> => {
      asked += 1;
    };
    const steps = createEraseActivities({ ...erasePorts(world), looksMax: 1, requestMerge });
    await runMerge(world.ports);
    const { below } = await steps.awaitConfirmed(request);
    world.cold.dropTenant(acme);
    const removal = { ...request, below };
    await expect(steps.removeDocument(removal)).rejects.toMatchObject({ code: "not_ready" });
    expect(asked).toBe(1);
    await mergeAll(world);
    await steps.removeDocument(removal);
    expect(liveIn(world)).toEqual(others);
    expect(await tracesOf(world, "alpha")).toEqual(gone);
  });

  it("writes again what the log holds still, where it no longer holds all (ED5)", async () => {
    const world = await filledWorld();
    const request = await deleteAlpha(world);
    await runMerge(world.ports);
    const headers = await headersOf(world);
    const below = headers.find(({ documentId }) => documentId === "epsilon")?.position;
    if (below === undefined) throw new Error("there is no epsilon");
    await world.log.chunks.purge({ tenant: acme, below });
    world.cold.dropTenant(acme);
    await eraseDocumentStory(durable()(erasePorts(world)), request, noSleep);
    expect(liveIn(world)).toEqual(["epsilon", "unmerged"]);
    expect(await tracesOf(world, "alpha")).toEqual(gone);
  });
});

describe("an erase of a document of whose tenant dead letters are owed", () => {
  it("writes them before the records go that they are written from (I2, DL2)", async () => {
    const world = await rejectedWorld();
    const request = await deleteAlpha(world);
    world.log.hooks.fillDeadLetters(true);
    await runMerge(world.ports);
    world.log.hooks.fillDeadLetters(false);
    await eraseDocumentStory(durable()(erasePorts(world)), request, noSleep);
    const letters = await world.log.deadLetters.list(acme, 10);
    expect(letters.map(({ documentId }) => documentId)).toEqual(["delta", null]);
    expect(await tracesOf(world, "alpha")).toEqual(gone);
  });
});
