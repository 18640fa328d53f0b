/** Whether an erase goes on, as those look that wait for it; with real Temporal. */
import { Client } from "@temporalio/client";
import { expect, it } from "vitest";
import { eraseWorkflowId } from "../../src/contract/erase.ts";
import type { Version } from "../../src/contract/ids.ts";
import { connectTemporal } from "../../src/merges/temporal/client.ts";
import { createWorld } from "../activities/world.ts";
import { freshName, server, withConnection } from "./cluster.ts";

it("an erase of a document goes on until it ends, also by force (ED2)", async () => {
  const { ports } = createWorld();
  const tenant = freshName("erasing");
  const version = 4 as Version;
  // Nobody works on this queue, so it has no other end.
  const client = connectTemporal({ ...server(), ...ports, taskQueue: freshName("nobody") });
  const isErasing = () => client.isErasing(tenant, version);
  const state = () => client.eraseState(tenant, version);
  try {
    expect(await isErasing()).toBe(false);
    expect(await state()).toBeNull();
    const erase = client
      .eraseDocuments(tenant, { versions: [version], through: 5 as Version })
      .catch(() => "ended");
    await expect.poll(isErasing, { timeout: 30_000 }).toBe(true);
    expect(await state()).toEqual({ state: "running" });
    await client.beginErase(tenant, { versions: [version], through: 5 as Version });
    await withConnection(async (connection) => {
      const { workflow } = new Client({ connection, namespace: server().namespace });
      await workflow.getHandle(eraseWorkflowId(tenant, version)).terminate();
    });
    expect(await erase).toBe("ended");
    expect(await isErasing()).toBe(false);
    expect(await state()).toMatchObject({ state: "failed", reason: "cancelled" });
  } finally {
    await client.close();
  }
});
