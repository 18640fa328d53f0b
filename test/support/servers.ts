/**
 * Real servers for the integration tests: started once per test run, on ports and data of their
 * own (so beside a running ops/start), stopped at its end. Tests read the addresses with
 * `inject("servers")`. With FRESHET_NATS_URL and the like, servers that run already are used.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { startServers } from "../../ops/servers/start-servers.ts";
import { lineProgress } from "../../ops/setup/progress.ts";

export interface ServerAddresses {
  readonly nats: { readonly url: string; readonly monitorUrl: string };
  readonly temporal: {
    readonly address: string;
    readonly namespace: string;
    readonly uiUrl: string;
  };
  readonly weaviate: {
    readonly url: string;
    readonly grpc: string;
    readonly apiKey?: string | undefined;
  };
}

declare module "vitest" {
  interface ProvidedContext {
    servers: ServerAddresses;
  }
}

export default async function startForTests(project: TestProject): Promise<() => Promise<void>> {
  const dataDir = mkdtempSync(join(tmpdir(), "freshet-test-"));
  const write = (line: string) => process.stderr.write(line);
  const servers = await startServers({
    dataDir,
    env: withoutFixedPorts(process.env),
    progress: lineProgress(write, () => performance.now()),
    want: { llm: false },
    onDeath: (end) => write(`${end.message}\n`),
  });
  const { nats, temporal, weaviate } = servers;
  project.provide("servers", { nats, temporal, weaviate });
  return async () => {
    await servers.stop();
    rmSync(dataDir, { recursive: true, force: true });
  };
}

/** Ports that a person fixed belong to the main job, which may be running. */
function withoutFixedPorts(env: NodeJS.ProcessEnv): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => !/^FRESHET_[A-Z_]*PORT$/.test(name)),
  );
}
