/**
 * A Freshet process under chaos: the composition of src/main.ts, with fail-points around its stores. Its parent arms
 * them over the IPC channel, and the process kills or stops itself the moment it gets there.
 *
 * Usage: node test/chaos/node-entry.ts <engine|merge-worker> [repository], configured as src/main.ts is. A repository
 * elsewhere is one with a planted bug in it.
 */

import { pathToFileURL } from "node:url";
import type { Running, Seams } from "../../src/compose/foundation.ts";
import type { Config } from "../../src/config/config.ts";
import { failPointSeams } from "./fail-points.ts";
import type { Armed, FromNode, ToNode } from "./node-process.ts";
import { createStandingClock } from "./standing-clock.ts";

interface EngineModule {
  startEngine(config: Config, version: string, seams: Seams): Promise<Running>;
}

interface MergeWorkerModule {
  startMerges(
    config: Config,
    version: string,
    seams: Seams,
  ): Promise<Running & { readonly ready: Promise<void> }>;
}

const version = "0.0.0";
let armed: Armed | undefined;

const clock = createStandingClock();
const begun = Promise.withResolvers<void>();

const pointSeams = failPointSeams(async (point) => {
  if (armed === undefined || armed.point !== point) return;
  armed = { ...armed, calls: armed.calls - 1 };
  if (armed.calls > 0) return;
  const signal = armed.action === "kill" ? "SIGKILL" : "SIGSTOP";
  armed = undefined;
  // The parent must know before this process can tell nobody anything any more.
  await tell({ type: "reached" });
  process.kill(process.pid, signal);
  // A stopped process goes on here when it is woken, in the middle of the effect.
});

const seams: Seams = { ...pointSeams, clock };

function tell(message: FromNode): Promise<void> {
  return new Promise((resolve) => process.send?.(message, () => resolve()));
}

async function main(role: string | undefined, repository: string | undefined): Promise<void> {
  const root = repository === undefined ? new URL("../../", import.meta.url) : folder(repository);
  const load = (path: string): Promise<unknown> => import(new URL(path, root).href);
  const { readConfig } = (await load("src/config/config.ts")) as {
    readConfig: (env: NodeJS.ProcessEnv) => Config;
  };
  const config = readConfig(process.env);
  if (role === "engine") {
    const { startEngine } = (await load("src/compose/engine.ts")) as EngineModule;
    await begun.promise;
    const engine = await startEngine(config, version, seams);
    return endWith(engine);
  }
  const { startMerges } = (await load("src/compose/merges.ts")) as MergeWorkerModule;
  await begun.promise;
  const worker = await startMerges(config, version, seams);
  void worker.ready.then(() => tell({ type: "polls" }));
  return endWith(worker);
}

async function endWith(running: Running): Promise<void> {
  const asked = new Promise<void>((resolve) => process.once("SIGTERM", () => resolve()));
  await tell({ type: "started" });
  try {
    await Promise.race([running.ended, asked]);
  } finally {
    await running.stop();
    process.disconnect();
  }
}

function folder(path: string): URL {
  return pathToFileURL(`${path}/`);
}

process.on("message", (message: ToNode) => {
  if (message.type === "arm") armed = message;
  else if (message.type === "begin") begun.resolve();
  else {
    clock.expectSleep();
    void tell({ type: "expects-sleep" });
  }
});
// A parent that died without a word must not leave this behind.
process.once("disconnect", () => process.exit());

try {
  await main(process.argv[2], process.argv[3]);
} catch (thrown) {
  process.stderr.write(`${thrown instanceof Error ? (thrown.stack ?? thrown.message) : thrown}\n`);
  process.exit(1);
}
