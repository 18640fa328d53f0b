/** Command line of the model compiler; `node ops/model/main.ts --help`. */

import { Command, Option } from "commander";
import { compileModel } from "./compile.ts";
import type { Pooling } from "./encoder-config.ts";
import { kernelsOf, type Variant } from "./kernels.ts";

interface Options {
  readonly modelDir: string;
  readonly out: string;
  readonly variant: Variant;
  readonly pooling?: Pooling | undefined;
}

const command = new Command("freshet-model")
  .description("compile a BERT sentence encoder's safetensors into one fused ONNX graph")
  .requiredOption("--model-dir <folder>", "folder with model.safetensors and config.json")
  .requiredOption("--out <file>", "where the graph is written")
  .addOption(
    new Option("--variant <name>", "precision of the arithmetic")
      .choices(Object.keys(kernelsOf))
      .default("fp32"),
  )
  .addOption(
    new Option("--pooling <name>", "default: what the model declares, else mean").choices([
      "mean",
      "cls",
    ]),
  )
  .action(async ({ modelDir, out, variant, pooling }: Options) => {
    const compiled = await compileModel({ modelDir, outFile: out, variant, pooling });
    process.stdout.write(`${JSON.stringify(compiled, null, 2)}\n`);
  });

try {
  await command.parseAsync();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
