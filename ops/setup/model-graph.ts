/**
 * The embedding graph: compiled by ops/model from the weights, once per compiler and weights.
 * Its file name carries the hash of both, so a changed compiler can never meet an old graph.
 */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { isIntactBuild, publishBuild } from "./built-file.ts";
import { withTemporaryFolder } from "./cache.ts";
import { exclusively, type SetupContext } from "./context.ts";

const step = "embedding graph";
const compilerFolder = fileURLToPath(new URL("../model/", import.meta.url));

/** @returns the path of the fp32 graph for the weights in `modelDir`. */
export async function ensureModelGraph(context: SetupContext, modelDir: string): Promise<string> {
  const final = join(modelDir, `graph-fp32-${graphKey(context)}.onnx`);
  if (await isIntactBuild(final)) return final;
  return exclusively(context, "embedding-graph", async () => {
    if (!(await isIntactBuild(final))) await compile(context, modelDir, final);
    return final;
  });
}

async function compile(context: SetupContext, modelDir: string, final: string): Promise<void> {
  // Loaded only when needed: the compiler brings protobufjs, which a cached start can do without.
  const { compileModel } = await import("../model/compile.ts");
  context.progress.start(step, "compiling the weights into a fused graph");
  await withTemporaryFolder(context.cache, async (folder) => {
    const outFile = join(folder, "graph.onnx");
    await compileModel({ modelDir, outFile, variant: "fp32" });
    await publishBuild(outFile, final);
  });
  removeOlderGraphs(modelDir, final);
  context.progress.done(step, "ready");
}

/** Each graph is 90 MB. Two checkouts with different compilers may alternate; more is left-overs. */
const graphsKept = 3;

function removeOlderGraphs(modelDir: string, current: string): void {
  const older = readdirSync(modelDir)
    .filter((name) => name.startsWith("graph-fp32-") && name.endsWith(".onnx"))
    .map((name) => join(modelDir, name))
    .filter((path) => path !== current)
    .sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs);
  for (const path of older.slice(graphsKept - 1)) {
    for (const name of [path, `${path}.sha256`, `${path}.stamp`]) rmSync(name, { force: true });
  }
}

function graphKey(context: SetupContext): string {
  const hash = createHash("sha256");
  for (const name of readdirSync(compilerFolder).sort()) {
    if (!name.endsWith(".ts")) continue;
    hash
      .update(`${name}\0`)
      .update(readFileSync(join(compilerFolder, name)))
      .update("\0");
  }
  for (const file of context.pins.models.embedding.files) hash.update(file.sha256);
  return hash.digest("hex").slice(0, 16);
}
