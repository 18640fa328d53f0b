/**
 * What an operator can do to a tenant's merges, with real Temporal: preview, scrub, pause, cancel
 * in every phase.
 */

import { Client } from "@temporalio/client";
import { describe, expect, it } from "vitest";
import { objectId } from "../../src/cold/object-id.ts";
import type { ColdShard } from "../../src/cold/port.ts";
import type { DocumentId, Version } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import type { MergePhase } from "../../src/contract/merge.ts";
import type { MergeClient } from "../../src/merges/port.ts";
import { coldState, writeSequel, writeStory } from "../activities/world.ts";
import { type Bench, bench, checkHistory, describeRun, scheduled, undisturbed } from "./bench.ts";
import { eventually, freshName, server, withConnection } from "./cluster.ts";

type Method = "readMarker" | "upsert" | "versions" | "writeMarker" | "staleIds" | "walk";

/** A cold shard one of whose methods waits while the gate is shut. */
function gated(cold: ColdShard) {
  let shutFor: Method | null = null;
  let gate = Promise.withResolvers<void>();
  let waiting = 0;
  const pass = async (method: Method): Promise<void> => {
    if (shutFor !== method) return;
    waiting += 1;
    await gate.promise;
  };
  const through =
    <Args extends readonly unknown[], Result>(
      method: Method,
      call: (...args: Args) => Promise<Result>,
    ) =>
    async (...args: Args): Promise<Result> => {
      await pass(method);
      return call(...args);
    };
  return {
    cold: {
      ...cold,
      readMarker: through("readMarker", cold.readMarker),
      upsert: through("upsert", cold.upsert),
      versions: through("versions", cold.versions),
      writeMarker: through("writeMarker", cold.writeMarker),
      staleIds: through("staleIds", cold.staleIds),
      walk: through("walk", cold.walk),
    },
    shut(method: Method) {
      shutFor = method;
      waiting = 0;
      gate = Promise.withResolvers();
    },
    release() {
      shutFor = null;
      gate.resolve();
    },
    waiting: () => waiting,
  };
}

function gatedBench(label: string): Bench & { readonly gate: ReturnType<typeof gated> } {
  let gate: ReturnType<typeof gated> | undefined;
  const made = bench(label, {
    cold(plain) {
      gate = gated(plain);
      return gate.cold;
    },
  });
  if (gate === undefined) throw new Error("the gate was not asked for");
  return { ...made, gate };
}

async function phaseIs(client: MergeClient, bench: Bench, phase: MergePhase): Promise<void> {
  await eventually(async () => (await client.progress(bench.tenant))?.phase === phase);
}

/** Loses one object and brings two back that can never count. */
function disturb({ world, tenant }: Bench): void {
  const { cold } = world;
  const beta = cold.objects(tenant).find(({ documentId }) => documentId === "beta");
  if (beta === undefined) throw new Error("beta was not merged");
  cold.drop(tenant, [beta.id]);
  const old = [1, 2].map((chunk) => {
    const key = { documentId: "alpha" as DocumentId, version: 1 as Version, chunk };
    return { ...beta, ...key, id: objectId({ tenant, ...key }) };
  });
  cold.resurrect(tenant, old);
}

async function story(label: string) {
  const made = gatedBench(label);
  await made.deployment.startWorker();
  await writeStory(made.writer);
  await made.deployment.client.force(made.tenant);
  await writeSequel(made.writer);
  await made.deployment.client.force(made.tenant);
  await eventually(() => made.world.cold.objects(made.tenant).length === 4);
  return { ...made, client: made.deployment.client };
}

describe("an operator of merges", () => {
  it("gets what the preview said, field by field", async () => {
    const { tenant, writer, deployment } = bench("preview");
    const { client } = deployment;
    await deployment.startWorker();
    for (const write of [writeStory, writeSequel]) {
      await write(writer);
      const preview = await client.preview(tenant);
      const outcome = await client.force(tenant);
      if (preview.kind !== "merge" || outcome.kind !== "merged") throw new Error("nothing merged");
      const { from, to, records, upserts, superseded, deletes, rejects, chunks, bytes } = preview;
      expect(outcome).toEqual({
        ...{ kind: "merged", merges: 1, written: chunks, from, to },
        ...{ records, upserts, superseded, deletes, rejects, chunks, bytes },
      });
    }
  });

  it("scrubs on demand: what was lost is written again, what was resurrected goes (I4, I12)", async () => {
    const made = await story("scrub");
    const { client, tenant, world } = made;
    const before = coldState(world.cold, tenant);
    disturb(made);
    const outcome = await client.scrub(tenant);
    expect(outcome).toMatchObject({
      ...{ kind: "scrubbed", walked: 6, live: 4, waiting: 0, deleted: 2 },
      ...{ checked: 4, repaired: 1, lost: 0, marker: "kept" },
    });
    expect(coldState(world.cold, tenant)).toEqual(before);
    const progress = await client.progress(tenant);
    expect({ kind: "scrubbed", ...progress?.lastScrub }).toEqual(outcome);
    await phaseIs(client, made, "idle");
    await checkHistory(tenant, "scrub");
  });

  it("has every tenant scrubbed by the schedule", async () => {
    const made = await story("scrub-sweep");
    const { client, tenant, world } = made;
    const before = coldState(world.cold, tenant);
    disturb(made);
    const swept = await withConnection(async (connection) => {
      const temporal = new Client({ connection, namespace: server().namespace });
      const { taskQueue, workflowType } = await scheduled(temporal, "scrub-sweep");
      const workflowId = freshName("sweep");
      const args = [{ all: true }];
      return temporal.workflow.execute(workflowType, { taskQueue, workflowId, args });
    });
    expect(swept).toEqual({ tenants: 1, due: 1 });
    await eventually(async () => (await client.progress(tenant))?.lastScrub?.repaired === 1);
    expect(coldState(world.cold, tenant)).toEqual(before);
  });

  it("pauses a scrub between its windows, and it goes on where it was", async () => {
    const made = await story("scrub-pause");
    const { client, tenant, gate, world } = made;
    disturb(made);
    gate.shut("walk");
    const asked = client.scrub(tenant);
    await eventually(() => gate.waiting() > 0);
    expect(await client.progress(tenant)).toMatchObject({
      phase: "scrubbing",
      scrub: { repaired: 1 },
    });
    await client.pause(tenant);
    gate.release();
    expect(await asked).toEqual({ kind: "paused" });
    await phaseIs(client, made, "paused");
    expect(await client.scrub(tenant)).toEqual({ kind: "paused" });
    await client.resume(tenant);
    await eventually(async () => (await client.progress(tenant))?.lastScrub?.repaired === 1);
    expect(world.cold.objects(tenant)).toHaveLength(4);
  });

  it.each([
    ["planning", "readMarker"],
    ["writing", "upsert"],
    ["verifying", "versions"],
    ["committing", "writeMarker"],
  ] as const)(
    "cancels while %s, and what is left is a state that the next merge completes (MR3)",
    async (phase, method) => {
      const made = gatedBench(`cancel-${phase}`);
      const { client } = made.deployment;
      const { tenant, gate, world, writer } = made;
      await made.deployment.startWorker();
      await writeStory(writer);
      gate.shut(method);
      const forced = client.force(tenant);
      await eventually(() => gate.waiting() > 0);
      expect(await client.progress(tenant)).toMatchObject({ phase });
      expect(await client.cancel(tenant)).toBe(true);
      gate.release();
      const outcome = await forced;
      const manifest = await world.log.manifests.get(tenant);
      // A commit that has begun is carried to its end: its outcome must be known.
      expect(outcome.kind).toBe(phase === "committing" ? "merged" : "cancelled");
      expect(manifest === null).toBe(phase !== "committing");
      await client.force(tenant);
      expect(coldState(world.cold, tenant)).toEqual(await undisturbed(writeStory));
      expect((await world.cold.readMarker(tenant))?.to).toBe(writer.last);
    },
  );

  it.each([
    ["cleaning", "staleIds"],
    ["scrubbing", "walk"],
  ] as const)("cancels while %s, and a scrub completes what was left", async (phase, method) => {
    const made = await story(`cancel-${phase}`);
    const { client, tenant, gate, world, writer } = made;
    await writer.upsert("beta", 2);
    gate.shut(method);
    const asked: Promise<unknown> =
      phase === "scrubbing" ? client.scrub(tenant) : client.force(tenant);
    await eventually(() => gate.waiting() > 0);
    expect(await client.progress(tenant)).toMatchObject({ phase });
    expect(await client.cancel(tenant)).toBe(true);
    gate.release();
    expect(await asked).toMatchObject({ kind: phase === "scrubbing" ? "cancelled" : "merged" });
    await client.force(tenant);
    expect(await client.scrub(tenant)).toMatchObject({ kind: "scrubbed", live: 5, lost: 0 });
    await eventually(() => world.cold.objects(tenant).length === 5);
  });

  it("loses no request when a run continues as new, and forgets no pause", async () => {
    const { tenant, writer, deployment, world } = bench("continued");
    const { client } = deployment;
    await deployment.startWorker();
    await client.force(tenant);
    const { runId } = await describeRun(tenant);
    for (let merge = 0; merge < limits.mergesPerRunMax + 5; merge += 1) {
      await writer.upsert(`d${merge % 7}`);
      const asked = writer.last;
      const [outcome, preview] = await Promise.all([client.force(tenant), client.preview(tenant)]);
      expect(["merged", "nothing"]).toContain(outcome.kind);
      expect(["merge", "nothing"]).toContain(preview.kind);
      const stored = await world.log.manifests.get(tenant);
      expect(stored?.manifest.to).toBe(asked);
    }
    expect((await describeRun(tenant)).runId).not.toBe(runId);
    expect(await client.progress(tenant)).toMatchObject({ lastMerge: { to: writer.last } });
    // Some two hundred activities, one after the other, on a machine that does other things too.
  }, 300_000);
});
