/**
 * Two deployments on one Temporal: neither does the other's work, neither takes the other's
 * schedules, and one that took the other's place is not kept from working by what that left.
 */
import { Client } from "@temporalio/client";
import { expect, it } from "vitest";
import { eraseWorkflowId } from "../../src/contract/erase.ts";
import { toFreshetError } from "../../src/contract/errors.ts";
import { confirmedTo } from "../../src/contract/manifest.ts";
import type { MergeClient } from "../../src/merges/port.ts";
import { connectTemporal } from "../../src/merges/temporal/client.ts";
import { createWorld, RecordWriter } from "../activities/world.ts";
import { scheduled } from "./bench.ts";
import { deploy, eventually, freshName, server, withConnection } from "./cluster.ts";

const [ours, theirs] = ["0123456789abcdef", "fedcba9876543210"] as const;

it("a worker refuses the descriptors of another deployment, and says so where the merge is looked at", async () => {
  const world = createWorld();
  const tenant = freshName("two");
  const { ports } = world;
  const log = { ...ports.log, deployment: theirs };
  const deployment = deploy({ ...world, ports: { ...ports, log } });
  const { taskQueue } = deployment;
  await deployment.startWorker();
  const client = connectTemporal({ ...server(), ...ports, taskQueue, deployment: ours });
  try {
    expect(await client.force(tenant)).toMatchObject({
      kind: "failed",
      error: { code: "log_identity", message: expect.stringContaining(theirs) },
    });
    await client.cancel(tenant);
  } finally {
    await client.close();
    await deployment.close();
  }
});

it("a log that took the place of a lost one merges, although Temporal kept that one's work, and a pause stays a pause (TM5)", async () => {
  const world = createWorld();
  const tenant = freshName("restored");
  const { ports } = world;
  const writer = new RecordWriter(world.log, tenant);
  await writer.upsert("kept");
  const log = { ...ports.log, deployment: theirs };
  const deployment = deploy({ ...world, ports: { ...ports, log } });
  const { taskQueue } = deployment;
  const connect = (of: string) =>
    connectTemporal({ ...server(), ...ports, taskQueue, deployment: of, confirmMs: 0 });
  const [lost, restored] = [connect(ours), connect(theirs)];
  try {
    await lost.due(tenant, "age");
    await deployment.startWorker();
    await eventually(async () => (await lost.progress(tenant))?.error?.code === "log_identity");
    await restored.due(tenant, "age");
    await eventually(async () => {
      const stored = await log.manifests.get(tenant);
      return stored !== null && confirmedTo(stored.manifest) === writer.last;
    });
    await lost.pause(tenant);
    await writer.upsert("later");
    await restored.due(tenant, "age");
    await lost.due(tenant, "age");
    expect(await restored.progress(tenant)).toMatchObject({ paused: true });
    expect(await restored.force(tenant)).toEqual({ kind: "paused" });
    await restored.due(tenant, "age");
    await restored.resume(tenant);
    await eventually(async () => (await log.manifests.get(tenant))?.manifest.to === writer.last);
  } finally {
    await Promise.all([lost.close(), restored.close()]);
    await deployment.close();
  }
});

it("an erase that a lost log left under way does not stand in the way of the one that took its place", async () => {
  const world = createWorld();
  const tenant = freshName("erased");
  const { ports } = world;
  await new RecordWriter(world.log, tenant).upsert("gone");
  const log = { ...ports.log, deployment: theirs };
  const deployment = deploy({ ...world, ports: { ...ports, log } });
  const { taskQueue } = deployment;
  const connect = (of: string) =>
    connectTemporal({ ...server(), ...ports, taskQueue, deployment: of, confirmMs: 0 });
  const [lost, restored] = [connect(ours), connect(theirs)];
  try {
    const refused = lost.eraseTenant(tenant).catch((error: unknown) => error);
    await eventually(() =>
      withConnection((connection) =>
        new Client({ connection, namespace: server().namespace }).workflow
          .getHandle(eraseWorkflowId(tenant))
          .describe()
          .then(
            () => true,
            () => false,
          ),
      ),
    );
    const erased = restored.eraseTenant(tenant);
    await deployment.startWorker();
    expect(await erased).toMatchObject({ receipt: { tenant } });
    expect(await refused).toMatchObject({ code: "log_identity" });
  } finally {
    await Promise.all([lost.close(), restored.close()]);
    await deployment.close();
  }
});

/**
 * As the worker does, again: a schedule is described by a workflow of Temporal's own, which on a
 * busy machine now and then does not have its turn within the time of a request.
 */
async function ensured(client: Pick<MergeClient, "ensureSchedule">): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await client.ensureSchedule();
    } catch (thrown) {
      if (toFreshetError(thrown).code !== "temporal_unavailable" || attempt === 5) throw thrown;
    }
  }
}

it("the second one's schedules have names of their own, and the first one's stay", async () => {
  const { ports } = createWorld();
  const connect = (deployment: string, taskQueue: string) =>
    connectTemporal({ ...server(), ...ports, deployment, taskQueue });
  await withConnection(async (connection) => {
    const client = new Client({ connection, namespace: server().namespace });
    // Whoever else ran on this server: the schedules are made anew.
    for (const name of ["merge-sweep", "scrub-sweep"])
      await client.schedule
        .getHandle(name)
        .delete()
        .catch(() => {});
    const one = connect(ours, "queue-one");
    const two = connect(theirs, "queue-two");
    try {
      await ensured(one);
      await ensured(two);
      await ensured(one);
      expect(await scheduled(client, "merge-sweep")).toMatchObject({ taskQueue: "queue-one" });
      const own = client.schedule.getHandle(`merge-sweep-${theirs}`);
      expect((await own.describe()).action).toMatchObject({
        ...{ taskQueue: "queue-two", workflowType: "mergeSweep", args: [{ deployment: theirs }] },
      });
      for (const name of ["merge-sweep", "scrub-sweep"])
        await client.schedule.getHandle(name).delete();
      // Its log was lost and somebody deleted what it left: nobody sweeps twice.
      await ensured(two);
      expect(await scheduled(client, "merge-sweep")).toMatchObject({ taskQueue: "queue-two" });
      await expect(own.describe()).rejects.toThrow("not found");
    } finally {
      await Promise.all([one.close(), two.close()]);
    }
  });
});
