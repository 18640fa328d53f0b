import { describe, expect, it } from "vitest";
import { createMergeActivities } from "../../activities/steps.ts";
import { objectId } from "../../src/cold/object-id.ts";
import type { ColdObject } from "../../src/cold/port.ts";
import type { DocumentId, Version } from "../../src/contract/ids.ts";
import { runMerge, runRound } from "./run-merge.ts";
import { acme, coldState, sequel, storyWorld, writeSequel } from "./world.ts";

describe("cleaning", () => {
  const late = (id: string, version: number): ColdObject => {
    const key = { documentId: id as DocumentId, version: version as Version, chunk: 0 };
    const vector = new Float32Array([1, 0, 0, 0, 0, 0, 0, 0]);
    return {
      ...key,
      chunkCount: 1,
      id: objectId({ tenant: acme, ...key }),
      text: "late",
      info: {},
      vector,
    };
  };

  it("that wakes up late takes nothing away that a later merge wrote (CS1)", async () => {
    const world = await storyWorld();
    const first = await runRound(world.ports);
    if (first.kind !== "merged") throw new Error("not merged");
    await writeSequel(world.writer);
    await runMerge(world.ports);
    const { tenant, from, to } = first.plan;
    // Its heads are swept, so it looks at every document of its range.
    const request = { tenant, from, to, piecesBefore: ["swept"], settleMs: 0 };
    const { documents } = await createMergeActivities(world.ports).cleanSuperseded(request);
    expect(documents).toBe(4);
    expect(coldState(world.cold)).toEqual(sequel);
  });

  it("looks at every document of the range when the old heads are swept already", async () => {
    const world = await storyWorld();
    await runMerge(world.ports);
    await writeSequel(world.writer);
    const second = await runRound(world.ports);
    if (second.kind !== "merged") throw new Error("not merged");
    world.cold.resurrect(acme, [late("gamma", 3)]);
    const activities = createMergeActivities(world.ports);
    await activities.sweepHeads({ tenant: acme, through: second.plan.piecesThrough });
    const { from, to, piecesBefore } = second.plan;
    await activities.cleanSuperseded({ tenant: acme, from, to, piecesBefore, settleMs: 0 });
    expect(coldState(world.cold)).toEqual(sequel);
  });

  it("asks cold about no document in a tenant's first merge", async () => {
    const world = await storyWorld();
    await runMerge(world.ports);
    expect(world.cold.calls.get("staleIds")).toBeUndefined();
  });
});
