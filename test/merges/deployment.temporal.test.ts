/**
 * Two deployments on one Temporal: neither does the other's work, and neither takes the
 * other's schedules.
 */
import { Client } from "@temporalio/client";
import { expect, it } from "vitest";
import { connectTemporal } from "../../src/merges/temporal/client.ts";
import { createWorld } from "../activities/world.ts";
import { scheduled } from "./bench.ts";
import { deploy, freshName, server, withConnection } from "./cluster.ts";

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
      await one.ensureSchedule();
      await two.ensureSchedule();
      await one.ensureSchedule();
      expect(await scheduled(client, "merge-sweep")).toMatchObject({ taskQueue: "queue-one" });
      const own = client.schedule.getHandle(`merge-sweep-${theirs}`);
      expect((await own.describe()).action).toMatchObject({
        ...{ taskQueue: "queue-two", workflowType: "mergeSweep", args: [{ deployment: theirs }] },
      });
      await own.delete();
      await client.schedule.getHandle(`scrub-sweep-${theirs}`).delete();
    } finally {
      await Promise.all([one.close(), two.close()]);
    }
  });
});
