/**
 * Set-up alone, for ops/test and for people who want to be ready before they start: `node
 * ops/setup/main.ts --help`.
 */
import { Command, CommanderError } from "commander";
import { ensureTools, type WantedTools } from "./ensure-tools.ts";
import { lineProgress } from "./progress.ts";
import { SetupError } from "./setup-error.ts";

const about = `Fetches what Freshet runs beside itself: servers, models, graphs. What is there is left alone.

Exit codes: 0 done, 1 failed, 2 usage`;

const usual = {
  nats: true,
  temporal: true,
  weaviate: true,
  embedding: true,
  llm: true,
  names: true,
};
const gpuAlone = { nats: false, temporal: false, weaviate: false, embedding: true, llm: false };

function readWanted(argv: readonly string[]): WantedTools {
  const { gpu } = new Command("ops/node node ops/setup/main.ts")
    .description(about)
    .option(
      "--gpu",
      "instead: the graphs for GPUs, onnxruntime's CUDA provider and NVIDIA's libraries (1.3 GB, under NVIDIA's terms)",
      false,
    )
    .allowExcessArguments(false)
    .exitOverride()
    .parse([...argv], { from: "user" })
    .opts<{ gpu: boolean }>();
  return gpu ? { ...gpuAlone, gpu } : usual;
}

const progress = lineProgress(
  (line) => process.stderr.write(line),
  () => performance.now(),
);

try {
  await ensureTools({ env: process.env, progress, want: readWanted(process.argv.slice(2)) });
} catch (thrown) {
  if (thrown instanceof CommanderError) process.exitCode = thrown.exitCode === 0 ? 0 : 2;
  else if (thrown instanceof SetupError) {
    process.stderr.write(`freshet: ${thrown.message}\n`);
    process.exitCode = 1;
  } else throw thrown;
}
