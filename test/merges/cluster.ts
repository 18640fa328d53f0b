/**
 * A merge worker and client on the Temporal server that test/support/servers.ts runs, over memory
 * ports.
 */

import { Client, Connection } from "@temporalio/client";
import { afterAll } from "vitest";
import type { TenantId } from "../../src/contract/ids.ts";
import { mergeWorkflowId } from "../../src/contract/merge.ts";
import type { MergeClient } from "../../src/merges/port.ts";
import { connectTemporal } from "../../src/merges/temporal/client.ts";
import {
  type MergeWorker,
  startMergeWorker,
  type WorkerVersioning,
} from "../../src/merges/temporal/worker.ts";
import type { World } from "../activities/world.ts";
import { compiledDirectory } from "../support/environment.ts";
import { serversOfFile } from "../support/side-by-side.ts";
import { testSigner } from "../support/signer.ts";

interface TemporalServer {
  readonly address: string;
  readonly namespace: string;
}

export function server(): TemporalServer {
  const { address, namespace } = serversOfFile().temporal;
  return { address, namespace };
}

let made = 0;

/** Names that no other test or earlier run on the same server uses. */
export function freshName(label: string): TenantId {
  made += 1;
  return `${label}-${process.pid.toString(36)}-${Date.now().toString(36)}-${made}` as TenantId;
}

export interface Deployment {
  readonly taskQueue: string;
  readonly client: MergeClient;
  /** Bundles, connects and polls; ends the one before it, if any. */
  startWorker(versioning?: WorkerVersioning): Promise<MergeWorker>;
  stopWorker(): Promise<void>;
  /** One beside it. */
  joinWorker(versioning?: WorkerVersioning): Promise<MergeWorker>;
  close(): Promise<void>;
}

/** `ageMs` is the age trigger's; without grace, because no questions run here. */
export function deploy(world: World, ageMs?: number, replayWindowMs?: number): Deployment {
  const { clock, logger, metrics, log, cold } = world.ports;
  const taskQueue = freshName("merge-test");
  const noWaits = { graceMs: 0, settleMs: 0, confirmMs: 0 };
  const temporal = { ...server(), clock, logger, taskQueue, ...noWaits };
  const bundleDir = compiledDirectory();
  const client = connectTemporal(temporal);
  let worker: MergeWorker | null = null;
  let running: Promise<void> = Promise.resolve();
  const joined: MergeWorker[] = [];
  const start = (versioning: WorkerVersioning | undefined): Promise<MergeWorker> =>
    startMergeWorker({
      sign: testSigner,
      ...{ ...temporal, log, cold, metrics },
      ...{ ageMs, replayWindowMs, bundleDir, versioning },
    });
  const stopWorker = async (): Promise<void> => {
    await worker?.shutdown();
    worker = null;
    await running;
  };
  return {
    taskQueue,
    client,
    stopWorker,
    async startWorker(versioning) {
      await stopWorker();
      worker = await start(versioning);
      running = worker.run();
      await worker.ready;
      return worker;
    },
    async joinWorker(versioning) {
      const one = await start(versioning);
      joined.push(one);
      void one.run();
      await one.ready;
      return one;
    },
    async close() {
      await stopWorker();
      await Promise.all(joined.map((one) => one.shutdown()));
      await client.close();
    },
  };
}

/** Polls until the condition holds; the test's own time limit bounds it. */
export async function eventually(holds: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 50));
}

let shared: Promise<Connection> | undefined;

afterAll(async () => (await shared)?.close());

/** One for the whole file: what polls with it would else connect twenty times a second. */
export async function withConnection<Result>(
  use: (connection: Connection) => Promise<Result>,
): Promise<Result> {
  shared ??= Connection.connect({ address: server().address });
  return use(await shared);
}

/** History of the tenant's newest run, as Temporal keeps it. */
export async function historyOf(tenant: TenantId) {
  return withConnection(async (connection) => {
    const client = new Client({ connection, namespace: server().namespace });
    return client.workflow.getHandle(mergeWorkflowId(tenant)).fetchHistory();
  });
}
