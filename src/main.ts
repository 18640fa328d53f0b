/**
 * The process: `node src/main.ts engine` or `node src/main.ts merge-worker`. Configuration comes
 * from the environment. Prints one line when ready and stops cleanly on SIGINT, SIGTERM, or when
 * its parent goes.
 */

import { readFileSync } from "node:fs";
import { enableCompileCache, flushCompileCache } from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";
import type { Running } from "./compose/foundation.ts";
import { isolatedRole } from "./compose/roles.ts";
import { type Config, ConfigError, readConfig } from "./config/config.ts";
import { directLoopback } from "./config/direct-loopback.ts";

const usage = `Usage: node src/main.ts <engine|merge-worker>

  engine        ingest, questions, NATS micro service and HTTP API of one node
  merge-worker  Temporal worker that merges the log into Weaviate

Configuration: FRESHET_* environment variables, see ops/guides/configuration.md`;

function packageVersion(): string {
  const json = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return (JSON.parse(json) as { version: string }).version;
}

/**
 * Each role loads what it needs, compiled before where it ran before: half of what an engine needs
 * to be ready after a crash was the loading of code, a third of that of the other roles.
 */
function configure(): Config {
  const config = readConfig(process.env);
  Object.assign(process.env, directLoopback(process.env));
  // Read once, when gRPC is loaded: Weaviate's client has no setting for a CA of its channel. What
  // the machine's environment names, such as a proxy's CA, is not Weaviate's.
  const caFile = config.weaviate.tls?.caFile;
  if (caFile !== undefined) process.env["GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"] = caFile;
  const compiled = join(config.cacheDir ?? join(homedir(), ".cache", "freshet"), "compiled");
  enableCompileCache(compiled);
  // Threads and children have it by their environment alone.
  process.env["NODE_COMPILE_CACHE"] ??= compiled;
  return config;
}

async function start(role: string, stopping: AbortSignal): Promise<Running> {
  const config = configure();
  if (role === "merge-worker") {
    const { startMerges } = await import("./compose/merges.ts");
    flushCompileCache();
    const worker = await startMerges(config, packageVersion(), { stopping });
    void worker.ready.then(() => process.stdout.write("freshet merge worker polls\n"));
    return worker;
  }
  const { startEngine } = await import("./compose/engine.ts");
  const engine = await startEngine(config, packageVersion(), { stopping });
  process.stdout.write(`freshet engine listens on ${engine.httpUrl}\n`);
  return engine;
}

async function main(role: string | undefined): Promise<number> {
  if (role === "--help" || role === "-h") {
    process.stdout.write(`${usage}\n`);
    return 0;
  }
  // Not for people: an engine starts it, and ends it.
  if (role === isolatedRole) {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => {});
    const config = configure();
    const { runIsolated } = await import("./compose/isolation.ts");
    flushCompileCache();
    await runIsolated(config);
    return 0;
  }
  if (role !== "engine" && role !== "merge-worker") {
    process.stderr.write(`${usage}\n`);
    return 2;
  }
  // Before anything starts: a signal that comes early is kept, and the start is undone as a stop
  // is. One that waits for a server waits no longer.
  const early = new AbortController();
  const signalled = new Promise<void>((resolve) => {
    early.signal.addEventListener("abort", () => resolve());
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => early.abort());
  });
  const running = await start(role, early.signal).catch((thrown: unknown) => {
    if (early.signal.aborted && isCancelled(thrown)) return undefined;
    throw thrown;
  });
  if (running === undefined) return 0;
  try {
    await Promise.race([running.ended, signalled]);
  } finally {
    isLeft = (await running.stop()) === "left";
  }
  return 0;
}

// No process.exit while a batch may run: it would abort inside native code. A clean stop lets go of
// everything that keeps the process alive, or says that what is left of it is in nobody's way.
let isLeft = false;
try {
  process.exitCode = await main(process.argv[2]);
} catch (thrown) {
  const lines = thrown instanceof ConfigError ? thrown.lines : [messageOf(thrown)];
  for (const line of lines) process.stderr.write(`freshet: ${line}\n`);
  process.exitCode = 1;
}
if (isLeft) process.exit();

function isCancelled(thrown: unknown): boolean {
  return thrown instanceof Error && "code" in thrown && thrown.code === "cancelled";
}

function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
