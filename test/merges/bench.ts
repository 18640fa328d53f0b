/** A tenant with a worker, a client and memory ports of its own, and looks at its workflow. */

import { Client } from "@temporalio/client";
import { historyToJSON } from "@temporalio/common/lib/proto-utils.js";
import { afterEach, expect } from "vitest";
import type { ColdShard } from "../../src/cold/port.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import { mergeSearchAttributes, mergeWorkflowId } from "../../src/contract/merge.ts";
import { runMerge } from "../activities/run-merge.ts";
import { coldState, createWorld, RecordWriter, type World } from "../activities/world.ts";
import {
  type Deployment,
  deploy,
  freshName,
  historyOf,
  server,
  withConnection,
} from "./cluster.ts";
import { checkSavedHistory } from "./saved-history.ts";

const open: Deployment[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((deployment) => deployment.close()));
});

export interface Bench {
  readonly world: World;
  readonly tenant: TenantId;
  readonly writer: RecordWriter;
  readonly deployment: Deployment;
}

interface BenchOptions {
  readonly ageMs?: number;
  readonly replayWindowMs?: number;
  /** What the activities see in place of the plain cold shard. */
  readonly cold?: (cold: ColdShard) => ColdShard;
}

export function bench(label: string, options: BenchOptions = {}): Bench {
  const { ageMs, replayWindowMs, cold } = options;
  const plain = createWorld();
  const ports = { ...plain.ports, cold: cold?.(plain.cold) ?? plain.cold };
  const world = { ...plain, ports };
  const tenant = freshName(label);
  const deployment = deploy(world, ageMs, replayWindowMs);
  open.push(deployment);
  return { world, tenant, writer: new RecordWriter(world.log, tenant), deployment };
}

/** Cold after the same records were merged without any disturbance. */
export async function undisturbed(
  write: (writer: RecordWriter) => Promise<void>,
): Promise<string[]> {
  const world = createWorld();
  await write(world.writer);
  await runMerge(world.ports);
  return [...coldState(world.cold)];
}

/** A cold shard whose writes wait while the valve is shut. */
export function valve(cold: ColdShard) {
  let shut = Promise.withResolvers<void>();
  shut.resolve();
  let waiting = 0;
  return {
    cold: {
      ...cold,
      async upsert(...request: Parameters<ColdShard["upsert"]>) {
        waiting += 1;
        await shut.promise;
        return cold.upsert(...request);
      },
    },
    shut: () => void (shut = Promise.withResolvers<void>()),
    release: () => shut.resolve(),
    waiting: () => waiting,
  };
}

export async function scheduled(
  client: Client,
  schedule: "merge-sweep" | "scrub-sweep",
): Promise<{ taskQueue: string; workflowType: string }> {
  const { action } = await client.schedule.getHandle(schedule).describe();
  if (action.type !== "startWorkflow") throw new Error("the schedule starts no workflow");
  const { taskQueue, workflowType } = action;
  return { taskQueue, workflowType };
}

export function describeRun(tenant: TenantId) {
  return withConnection((connection) => {
    const client = new Client({ connection, namespace: server().namespace });
    return client.workflow.getHandle(mergeWorkflowId(tenant)).describe();
  });
}

export async function checkSearchAttributes(tenant: TenantId): Promise<void> {
  const { typedSearchAttributes } = await describeRun(tenant);
  const names = typedSearchAttributes.getAll().map(({ key }) => key.name);
  expect(names).toEqual(expect.arrayContaining(Object.keys(mergeSearchAttributes)));
}

/** Some are kept for the replay test. */
export async function checkHistory(tenant: TenantId, name: string): Promise<void> {
  const hides = ["secret", "alpha", "text is required"];
  const json = historyToJSON(await historyOf(tenant));
  checkSavedHistory(json, { name, holds: "planMerge", hides });
}
