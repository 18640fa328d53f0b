import { Client } from "@temporalio/client";
import { expect, it } from "vitest";
import { writeStory } from "../activities/world.ts";
import { bench, scheduled } from "./bench.ts";
import { freshName, server, withConnection } from "./cluster.ts";

it("the workflow of retention removes what was merged and is old, and no more the second time", async () => {
  const { world, tenant, writer, deployment } = bench("retention", { replayWindowMs: 1 });
  await deployment.startWorker();
  await writeStory(writer);
  expect((await deployment.client.force(tenant)).kind).toBe("merged");
  const { chunks } = world.log;
  await writer.upsert("unmerged");
  const before = (await world.log.manifests.get(tenant))?.manifest.to;
  await withConnection(async (connection) => {
    const client = new Client({ connection, namespace: server().namespace });
    const { taskQueue } = await scheduled(client, "merge-sweep");
    for (let turn = 0; turn < 2; turn += 1) {
      await client.workflow.execute("retain", {
        taskQueue,
        workflowId: freshName("retain"),
        args: [],
      });
      expect((await chunks.first(tenant))?.position).toBe(before);
    }
  });
  expect((await chunks.last(tenant))?.position).toBe(writer.last);
});
