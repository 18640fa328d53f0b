/**
 * Set-up alone, for ops/test and for people who want to be ready before they start: `node
 * ops/setup/main.ts`.
 */
import { ensureTools } from "./ensure-tools.ts";
import { lineProgress } from "./progress.ts";
import { SetupError } from "./setup-error.ts";

const progress = lineProgress(
  (line) => process.stderr.write(line),
  () => performance.now(),
);

try {
  await ensureTools({
    env: process.env,
    progress,
    want: { nats: true, temporal: true, weaviate: true, embedding: true, llm: true, names: true },
  });
} catch (thrown) {
  if (!(thrown instanceof SetupError)) throw thrown;
  process.stderr.write(`freshet: ${thrown.message}\n`);
  process.exitCode = 1;
}
