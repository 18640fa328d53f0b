import { Client } from "@temporalio/client";
import { describe, expect, it } from "vitest";
import { coldState, type RecordWriter, writeSequel, writeStory } from "../activities/world.ts";
import {
  bench,
  checkHistory,
  checkSearchAttributes,
  describeRun,
  scheduled,
  undisturbed,
  valve,
} from "./bench.ts";
import { eventually, freshName, server, withConnection } from "./cluster.ts";

describe("the merge workflow", () => {
  it("merges what was published, replaced, shrunk, deleted and rejected", async () => {
    const { world, tenant, writer, deployment } = bench("story");
    const { client } = deployment;
    await deployment.startWorker();
    await writeStory(writer);
    const preview = await client.preview(tenant);
    const outcome = await client.force(tenant);
    expect(preview).toMatchObject({ kind: "merge", upserts: 3, deletes: 1, rejects: 2, chunks: 5 });
    const { from, to, chunks, records } = preview as Extract<typeof preview, { kind: "merge" }>;
    expect(outcome).toMatchObject({ kind: "merged", merges: 1, from, to, chunks, records });
    expect(coldState(world.cold, tenant)).toEqual(await undisturbed(writeStory));
    await writeSequel(writer);
    await client.due(tenant, "size");
    await eventually(async () => (await client.progress(tenant))?.phase === "idle");
    expect(coldState(world.cold, tenant).map((line) => line.split(" ")[0])).toEqual([
      ...["alpha@9#0", "beta@5#0", "gamma@11#0", "gamma@11#1"],
    ]);
    expect(await client.progress(tenant)).toMatchObject({
      tenant,
      lastMerge: { to: writer.last, documents: 3 },
      error: null,
    });
    expect(await client.force(tenant)).toEqual({ kind: "nothing" });
    await checkSearchAttributes(tenant);
    await eventually(async () => (await describeRun(tenant)).status.name === "COMPLETED");
    await checkHistory(tenant, "story");
  });

  it("starts again after it completed, by the next signal or update", async () => {
    const { tenant, writer, deployment } = bench("again");
    await deployment.startWorker();
    expect(await deployment.client.progress(tenant)).toBeNull();
    await deployment.client.cancel(tenant);
    await eventually(async () => (await describeRun(tenant)).status.name === "COMPLETED");
    await writer.upsert("alpha");
    expect(await deployment.client.force(tenant)).toMatchObject({ kind: "merged", written: 1 });
  });

  it("merges no further than an operator asks", async () => {
    const { world, tenant, writer, deployment } = bench("up-to");
    await deployment.startWorker();
    await writer.upsert("alpha");
    const upTo = writer.last;
    await writer.upsert("beta");
    const outcome = await deployment.client.force(tenant, { upTo });
    expect(outcome).toMatchObject({ kind: "merged", to: upTo, upserts: 1 });
    expect(world.cold.objects(tenant)).toHaveLength(1);
  });

  it("pauses before its next step, starts nothing while paused, and resumes", async () => {
    const { world, tenant, writer, deployment } = bench("pause");
    const { client } = deployment;
    await deployment.startWorker();
    await client.pause(tenant);
    await writeStory(writer);
    await client.due(tenant, "size");
    expect(await client.force(tenant)).toEqual({ kind: "paused" });
    expect(await client.progress(tenant)).toMatchObject({ phase: "paused", paused: true });
    expect(world.cold.objects(tenant)).toEqual([]);
    await client.resume(tenant);
    await eventually(async () => (await world.log.manifests.get(tenant)) !== null);
    expect(coldState(world.cold, tenant)).toEqual(await undisturbed(writeStory));
  });

  it("cancels what is in work, tells who waits for it, and merges when asked again", async () => {
    let gate: ReturnType<typeof valve> | undefined;
    const { world, tenant, writer, deployment } = bench("cancel", {
      cold(plain) {
        gate = valve(plain);
        return gate.cold;
      },
    });
    const { client } = deployment;
    await deployment.startWorker();
    await writeStory(writer);
    gate?.shut();
    const forced = client.force(tenant);
    await eventually(() => (gate?.waiting() ?? 0) > 0);
    expect(await client.progress(tenant)).toMatchObject({ phase: "writing", total: 5, written: 0 });
    expect(await client.cancel(tenant)).toBe(true);
    expect(await forced).toEqual({ kind: "cancelled" });
    expect(await world.log.manifests.get(tenant)).toBeNull();
    gate?.release();
    expect(await client.cancel(tenant)).toBe(false);
    expect(await client.force(tenant)).toMatchObject({ kind: "merged" });
    expect(coldState(world.cold, tenant)).toEqual(await undisturbed(writeStory));
  });

  it("says why it cannot continue while cold is down, and continues by itself when it is back", async () => {
    const { world, tenant, writer, deployment } = bench("down");
    const { client } = deployment;
    await deployment.startWorker();
    await writeStory(writer);
    world.cold.setDown(true);
    expect(await client.force(tenant)).toMatchObject({
      kind: "failed",
      error: { code: "cold_unavailable" },
    });
    expect(await client.progress(tenant)).toMatchObject({
      phase: "retrying",
      error: { code: "cold_unavailable", attempt: 1 },
    });
    world.cold.setDown(false);
    await eventually(async () => (await world.log.manifests.get(tenant)) !== null);
    expect(coldState(world.cold, tenant)).toEqual(await undisturbed(writeStory));
    await checkHistory(tenant, "cold-down");
  });

  it("goes on with another worker when its own stops in the middle of a merge", async () => {
    const manyDocuments = async (writer: RecordWriter): Promise<void> => {
      for (let index = 0; index < 40; index += 1) await writer.upsert(`d${index % 30}`, 20);
      await writer.delete("d3");
    };
    let gate: ReturnType<typeof valve> | undefined;
    const { world, tenant, writer, deployment } = bench("stopped", {
      cold(plain) {
        gate = valve(plain);
        return gate.cold;
      },
    });
    await deployment.startWorker();
    await manyDocuments(writer);
    gate?.shut();
    await deployment.client.due(tenant, "size");
    await eventually(() => (gate?.waiting() ?? 0) > 0);
    const stopping = deployment.stopWorker();
    gate?.release();
    await stopping;
    expect(await world.log.manifests.get(tenant)).toBeNull();
    await deployment.startWorker();
    await eventually(async () => (await world.log.manifests.get(tenant)) !== null);
    expect(coldState(world.cold, tenant)).toEqual(await undisturbed(manyDocuments));
    await eventually(async () => (await deployment.client.progress(tenant))?.phase === "idle");
    await checkHistory(tenant, "worker-stopped");
  });

  it("is asked by the sweep that the schedule starts, when records are old enough", async () => {
    const { world, tenant, writer, deployment } = bench("sweep", { ageMs: 0 });
    await deployment.startWorker();
    await writer.upsert("alpha");
    const swept = await withConnection(async (connection) => {
      const client = new Client({ connection, namespace: server().namespace });
      const { taskQueue, workflowType } = await scheduled(client, "merge-sweep");
      expect(workflowType).toBe("mergeSweep");
      const workflowId = freshName("sweep");
      return client.workflow.execute("mergeSweep", { taskQueue, workflowId, args: [] });
    });
    expect(swept).toEqual({ tenants: 1, due: 1 });
    await eventually(async () => (await world.log.manifests.get(tenant)) !== null);
  });
});
