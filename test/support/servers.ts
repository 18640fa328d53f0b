/**
 * Real servers for the integration tests: started once per test run, on ports and data of their
 * own (so beside a running ops/start), stopped at its end. Tests read the addresses with
 * `serversOfFile()` of side-by-side.ts. With FRESHET_NATS_URL and the like, servers that run already are
 * used.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Connection } from "@temporalio/client";
import type { ProvidedContext } from "vitest";
import type { TestProject } from "vitest/node";
import { filesAtOnce } from "../../ops/lint/files-at-once.ts";
import { startServers } from "../../ops/servers/start-servers.ts";
import { isTemporalReady } from "../../ops/servers/temporal.ts";
import { lineProgress } from "../../ops/setup/progress.ts";
import { startPrivateNats } from "./private-nats.ts";

interface NatsPlace {
  readonly url: string;
  readonly monitorUrl: string;
}

interface TemporalPlace {
  readonly address: string;
  readonly namespace: string;
  readonly uiUrl: string;
}

interface WeaviatePlace {
  readonly url: string;
  readonly grpc: string;
  readonly apiKey?: string | undefined;
}

/** As one file sees them. */
export interface ServerAddresses {
  readonly nats: NatsPlace;
  readonly temporal: TemporalPlace;
  readonly weaviate: WeaviatePlace;
}

declare module "vitest" {
  interface ProvidedContext {
    servers: {
      readonly nats: readonly NatsPlace[];
      readonly temporal: TemporalPlace & { readonly namespaces: readonly string[] };
      readonly weaviate: WeaviatePlace;
    };
  }
}

type Provided = ProvidedContext["servers"];

interface Started {
  readonly servers: Promise<{ readonly provided: Provided; stop(): Promise<void> }>;
  /** Projects that use them. */
  users: number;
}

/** Each project loads this file anew; what is started for one serves the others of this process. */
const here = globalThis as { [key: symbol]: Started | undefined };
const key = Symbol.for("freshet.test.servers");

export default async function serveProject(project: TestProject): Promise<() => Promise<void>> {
  const started = (here[key] ??= { servers: startForTests(), users: 0 });
  started.users += 1;
  const { provided, stop } = await started.servers;
  project.provide("servers", provided);
  return async () => {
    started.users -= 1;
    if (started.users > 0) return;
    here[key] = undefined;
    await stop();
  };
}

async function startForTests(): Promise<Awaited<Started["servers"]>> {
  const dataDir = mkdtempSync(join(tmpdir(), "freshet-test-"));
  const write = (line: string) => process.stderr.write(line);
  const places = Array.from({ length: filesAtOnce }, (_, index) => index + 1);
  const namespaces = places.map((place) => `side-by-side-${place}`);
  const [shared, ...more] = await Promise.all([
    startServers({
      dataDir,
      env: withoutFixedPorts(process.env),
      progress: lineProgress(write, () => performance.now()),
      want: { llm: false },
      namespaces,
      // A poll is else handed on between partitions, and each of them costs rows and requests.
      taskQueuePartitions: 1,
      onDeath: (end) => write(`${end.message}\n`),
    }),
    ...places.slice(1).map(() => startPrivateNats()),
  ]);
  const { nats, temporal, weaviate } = shared;
  await Promise.all(namespaces.map((namespace) => ensureNamespace(temporal.address, namespace)));
  const own = more.map(({ url, monitorUrl }) => ({ url, monitorUrl }));
  return {
    provided: { nats: [nats, ...own], temporal: { ...temporal, namespaces }, weaviate },
    async stop() {
      await Promise.all([shared.stop(), ...more.map((server) => server[Symbol.asyncDispose]())]);
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

const alreadyThere = 6;
const lookEveryMs = 200;

/** A Temporal that was not started here lacks them. */
async function ensureNamespace(address: string, namespace: string): Promise<void> {
  const isReady = () => isTemporalReady(address, namespace).catch(() => false);
  if (await isReady()) return;
  const connection = await Connection.connect({ address });
  const workflowExecutionRetentionPeriod = { seconds: 86_400 as unknown as Long };
  await connection.workflowService
    .registerNamespace({ namespace, workflowExecutionRetentionPeriod })
    .catch((thrown: { code?: number }) => {
      if (thrown.code !== alreadyThere) throw thrown;
    });
  await connection.close();
  while (!(await isReady())) await sleep(lookEveryMs);
}

/** Ports that a person fixed belong to the main job, which may be running. */
function withoutFixedPorts(env: NodeJS.ProcessEnv): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => !/^FRESHET_[A-Z_]*PORT$/.test(name)),
  );
}
