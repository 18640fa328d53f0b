/** A nats-server of a test's own: to kill, restart on the same data, or fill. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { plainEnvironment } from "../../ops/servers/context.ts";
import { type NatsProcess, startNatsAt } from "../../ops/servers/nats.ts";
import { roomyBytes } from "../../ops/servers/nats-cluster.ts";
import { freePort } from "../../ops/servers/ports.ts";
import { ensureTools } from "../../ops/setup/ensure-tools.ts";
import { silentProgress } from "../../ops/setup/progress.ts";

export interface PrivateNats {
  /** Stays the same over restarts. */
  readonly url: string;
  readonly monitorUrl: string;
  readonly directory: string;
  /** kill -9: nothing is flushed or closed. */
  kill(): Promise<void>;
  /** SIGTERM, then waits until it is gone. */
  stop(): Promise<void>;
  /** Starts again on the same port and data; waits until JetStream answers. */
  restart(): Promise<void>;
  /** Stops it and deletes its data. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Starts a nats-server with the shipped configuration on a free port and a folder of its own. */
export async function startPrivateNats(
  settings: Pick<
    NatsProcess,
    "maxPayloadBytes" | "storeBytesMax" | "accounts" | "authenticator"
  > = {},
): Promise<PrivateNats> {
  const directory = mkdtempSync(join(tmpdir(), "freshet-nats-"));
  const port = await freePort();
  const monitorPort = await freePort();
  const program = await natsProgram();
  const start = () =>
    startNatsAt({
      program,
      directory,
      logFile: join(directory, "nats.log"),
      env: plainEnvironment(process.env),
      port,
      monitorPort,
      // What else fills this disk decides nothing in a test.
      storeBytesMax: roomyBytes,
      ...settings,
    });
  let server = await start();
  return {
    url: `nats://127.0.0.1:${port}`,
    monitorUrl: `http://127.0.0.1:${monitorPort}`,
    directory,
    kill: () => server.kill(),
    stop: () => server.stop(),
    async restart() {
      await server.stop();
      server = await start();
    },
    async [Symbol.asyncDispose]() {
      await server.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

export async function natsProgram(): Promise<string> {
  const only = { nats: true, temporal: false, weaviate: false, embedding: false, llm: false };
  const tools = await ensureTools({ env: process.env, progress: silentProgress, want: only });
  if (tools.natsServer === undefined) throw new Error("nats-server was asked for; this is a bug");
  return tools.natsServer;
}
