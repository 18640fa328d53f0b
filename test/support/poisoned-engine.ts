/**
 * `src/main.ts`, with an embedder that some texts do harm to: `poison: abort` ends the process, as a fault in native
 * code does, and `poison: slow` takes until a file is there. So in the engine, and in the processes that it isolates.
 * Each process that has a slow text in hand adds a line to another file. A program, not a test.
 */

import { appendFileSync, existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { startEngine } from "../../src/compose/engine.ts";
import { runIsolated } from "../../src/compose/isolation.ts";
import { isolatedRole } from "../../src/compose/roles.ts";
import { readConfig } from "../../src/config/config.ts";
import type { Embedder } from "../../src/embedding/port.ts";
import { systemClock } from "../../src/runtime/clock.ts";

const lookEveryMs = 50;
const dataDir = process.env["FRESHET_DATA_DIR"] ?? ".";
const goesOn = join(dataDir, "slow-goes-on");
let told = false;

function tellInHand(): void {
  if (told) return;
  told = true;
  mkdirSync(dataDir, { recursive: true });
  appendFileSync(join(dataDir, "slow-in-hand"), `${process.pid}\n`);
}

function poisoned(embedder: Embedder): Embedder {
  return {
    ...embedder,
    async embed(batch, options) {
      const holds = (word: string): boolean => batch.some(({ text }) => text.includes(word));
      if (holds("poison: abort")) process.abort();
      if (holds("poison: slow")) tellInHand();
      while (holds("poison: slow") && !existsSync(goesOn) && !options.signal?.aborted)
        await systemClock.sleep(lookEveryMs, options.signal);
      return embedder.embed(batch, options);
    },
  };
}

const config = readConfig(process.env);
if (process.argv[2] === isolatedRole) {
  await runIsolated(config, poisoned);
} else {
  const isolated = new URL(import.meta.url);
  const engine = await startEngine(config, "0.0.0", { embedder: poisoned, isolated });
  process.once("SIGTERM", () => void engine.stop());
  await engine.ended;
}
