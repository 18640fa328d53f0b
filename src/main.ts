/**
 * The process: `node src/main.ts engine` or `node src/main.ts merge-worker`. Configuration comes
 * from the environment. Prints one line when ready and stops cleanly on SIGINT, SIGTERM, or when
 * its parent goes.
 */

import { readFileSync } from "node:fs";
import { startEngine } from "./compose/engine.ts";
import type { Running } from "./compose/foundation.ts";
import { isolatedRole, runIsolated } from "./compose/isolation.ts";
import { startMerges } from "./compose/merges.ts";
import { ConfigError, readConfig } from "./config/config.ts";

const usage = `Usage: node src/main.ts <engine|merge-worker>

  engine        ingest, questions, NATS micro service and HTTP API of one node
  merge-worker  Temporal worker that merges the log into Weaviate

Configuration: FRESHET_* environment variables, see ops/guides/configuration.md`;

function packageVersion(): string {
  const json = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return (JSON.parse(json) as { version: string }).version;
}

async function start(role: string): Promise<Running> {
  const config = readConfig(process.env);
  if (role === "merge-worker") {
    const worker = await startMerges(config, packageVersion());
    void worker.ready.then(() => process.stdout.write("freshet merge worker polls\n"));
    return worker;
  }
  const engine = await startEngine(config, packageVersion());
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
    await runIsolated(readConfig(process.env));
    return 0;
  }
  if (role !== "engine" && role !== "merge-worker") {
    process.stderr.write(`${usage}\n`);
    return 2;
  }
  // Before anything starts: a signal that comes early is kept, and the start is undone as a stop
  // is.
  const signalled = new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
  });
  const running = await start(role);
  try {
    await Promise.race([running.ended, signalled]);
  } finally {
    await running.stop();
  }
  return 0;
}

// No process.exit while a batch may run: it would abort inside native code. A clean stop lets go of
// everything that keeps the process alive.
try {
  process.exitCode = await main(process.argv[2]);
} catch (thrown) {
  const lines = thrown instanceof ConfigError ? thrown.lines : [messageOf(thrown)];
  for (const line of lines) process.stderr.write(`freshet: ${line}\n`);
  process.exitCode = 1;
}

function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
