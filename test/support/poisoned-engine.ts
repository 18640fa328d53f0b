/**
 * `src/main.ts`, with an embedder that some texts do harm to: `poison: abort` ends the process, as a fault in native
 * code does, and `poison: slow` takes a while. So in the engine, and in the processes that it isolates. A program, not a test.
 */
import { startEngine } from "../../src/compose/engine.ts";
import { runIsolated } from "../../src/compose/isolation.ts";
import { isolatedRole } from "../../src/compose/roles.ts";
import { readConfig } from "../../src/config/config.ts";
import type { Embedder } from "../../src/embedding/port.ts";
import { systemClock } from "../../src/runtime/clock.ts";

const slowMs = 1_500;

function poisoned(embedder: Embedder): Embedder {
  return {
    ...embedder,
    async embed(batch, options) {
      const holds = (word: string): boolean => batch.some(({ text }) => text.includes(word));
      if (holds("poison: abort")) process.abort();
      if (holds("poison: slow")) await systemClock.sleep(slowMs, options.signal);
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
