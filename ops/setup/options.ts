/** What the set-up can be told. */
import { Command } from "commander";

export interface SetupOptions {
  /** The model of the learned-sparse signal, and nothing else. */
  readonly sparse: boolean;
  /** Graphs and libraries for GPUs, and nothing else. */
  readonly gpu: boolean;
  /** An embedding model other than the default one, and nothing else. */
  readonly model: string | undefined;
}

const about = `Installs servers and models into the cache; each step is skipped when it is done.

--sparse, --gpu and --model install what they name and nothing else.

Exit codes: 0 done, 1 failed, 2 usage`;

/** @throws CommanderError, whose exit code is 0 after help and 2 for bad usage. */
export function readSetupOptions(argv: readonly string[], models: readonly string[]): SetupOptions {
  const program = new Command("ops/node node ops/setup/main.ts")
    .description(about)
    .option(
      "--sparse",
      "the model of the learned-sparse signal (FRESHET_SPARSE=splade-tiny)",
      false,
    )
    .option(
      "--gpu",
      "the graphs for GPUs, onnxruntime's CUDA provider and NVIDIA's libraries (1.3 GB, under NVIDIA's terms)",
      false,
    )
    .option("--model <name>", `another embedding model: ${models.join(", ")}`)
    .allowExcessArguments(false)
    .exitOverride((error) => {
      // Commander's own code for bad usage is 1; ours is 2. Help is no error.
      throw Object.assign(error, { exitCode: error.exitCode === 0 ? 0 : 2 });
    })
    .parse(argv, { from: "user" });
  const { sparse, gpu, model } = program.opts<{ sparse: boolean; gpu: boolean; model?: string }>();
  if (model !== undefined && !models.includes(model)) {
    program.error(`error: --model: there is no model ${model}; known are ${models.join(", ")}`);
  }
  return { sparse, gpu, model };
}
