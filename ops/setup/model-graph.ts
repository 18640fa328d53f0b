/**
 * A model's graph: compiled by ops/model from the weights, once per precision, compiler and
 * weights. Its file name carries the precision and the hash of the others, so a changed compiler
 * can never meet an old graph, and machines of different kinds can share a cache.
 */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { GraphVariant } from "../../src/embedding/precision.ts";
import type { Pooling } from "../model/encoder-config.ts";
import { isIntactBuild, publishBuild } from "./built-file.ts";
import { withTemporaryFolder } from "./cache.ts";
import { exclusively, type SetupContext } from "./context.ts";
import type { ModelPin } from "./versions.ts";

const step = "model graph";
const compilerFolder = fileURLToPath(new URL("../model/", import.meta.url));

interface GraphRequest {
  /** Holds the weights and gets the graph. */
  readonly modelDir: string;
  readonly pin: Pick<ModelPin, "name" | "files">;
  /** Default: what the model declares. */
  readonly pooling?: Pooling | undefined;
  readonly variant: GraphVariant;
}

/** @returns the path of the graph of this variant for the weights. */
export async function ensureModelGraph(
  context: SetupContext,
  request: GraphRequest,
): Promise<string> {
  const { modelDir, pin, variant } = request;
  const final = join(modelDir, `${filePrefix(variant)}${graphKey(pin)}.onnx`);
  if (await isIntactBuild(final)) return final;
  return exclusively(context, `graph-of-${pin.name}`, async () => {
    if (!(await isIntactBuild(final))) await compile(context, request, final);
    return final;
  });
}

const filePrefix = (variant: GraphVariant): string => `graph-${variant}-`;

async function compile(
  context: SetupContext,
  { modelDir, pin, variant, pooling }: GraphRequest,
  final: string,
): Promise<void> {
  // Loaded only when needed: the compiler brings protobufjs, which a cached start can do without.
  const { compileModel } = await import("../model/compile.ts");
  context.progress.start(step, `compiling ${pin.name} into a fused ${variant} graph`);
  await withTemporaryFolder(context.cache, async (folder) => {
    const outFile = join(folder, "graph.onnx");
    await compileModel({ modelDir, outFile, variant, pooling });
    await publishBuild(outFile, final);
  });
  removeOlderGraphs({ modelDir, variant }, final);
  context.progress.done(step, "ready");
}

/**
 * Of one variant; each is 60 to 90 MB. Two checkouts with different compilers may alternate; more
 * is left-overs.
 */
const graphsKept = 3;

function removeOlderGraphs(
  { modelDir, variant }: Pick<GraphRequest, "modelDir" | "variant">,
  current: string,
): void {
  const older = readdirSync(modelDir)
    .filter((name) => name.startsWith(filePrefix(variant)) && name.endsWith(".onnx"))
    .map((name) => join(modelDir, name))
    .filter((path) => path !== current)
    .sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs);
  for (const path of older.slice(graphsKept - 1)) {
    for (const name of [path, `${path}.sha256`, `${path}.stamp`]) rmSync(name, { force: true });
  }
}

function graphKey(pin: GraphRequest["pin"]): string {
  const hash = createHash("sha256");
  for (const name of readdirSync(compilerFolder).sort()) {
    if (!/\.[jt]s$/.test(name)) continue;
    hash
      .update(`${name}\0`)
      .update(readFileSync(join(compilerFolder, name)))
      .update("\0");
  }
  for (const file of pin.files) hash.update(file.sha256);
  return hash.digest("hex").slice(0, 16);
}
