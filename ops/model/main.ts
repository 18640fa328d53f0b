/** Command line of the model compiler: `ops/node node ops/model/main.ts --help`. */

import { CommanderError } from "commander";
import { type CompiledModel, compileModel } from "./compile.ts";
import { CompileError } from "./compile-error.ts";
import { type ModelOptions, readModelOptions } from "./options.ts";

async function main(): Promise<number> {
  let options: ModelOptions;
  try {
    options = readModelOptions(process.argv.slice(2), process.cwd());
  } catch (thrown) {
    if (thrown instanceof CommanderError) return thrown.exitCode;
    throw thrown;
  }
  try {
    const compiled = await compileModel(options);
    const text = options.json ? JSON.stringify(compiled, null, 2) : summary(options, compiled);
    process.stdout.write(`${text}\n`);
    return 0;
  } catch (thrown) {
    if (!(thrown instanceof CompileError)) throw thrown;
    process.stderr.write(`freshet-model: ${thrown.message}\n`);
    return 1;
  }
}

function summary({ outFile, variant }: ModelOptions, compiled: CompiledModel): string {
  const { layers, dimensions, pooling, bytes, sha256, opCounts } = compiled;
  const operators = Object.entries(opCounts).map(([op, count]) => `${op} x${count}`);
  return [
    `${outFile}: ${variant}, ${layers} layers, ${dimensions} dimensions, ${pooling} pooling, ${(bytes / 1e6).toFixed(1)} MB`,
    `sha256 ${sha256}`,
    operators.join(", "),
  ].join("\n");
}

process.exitCode = await main();
