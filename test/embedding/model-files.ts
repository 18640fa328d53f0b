/**
 * Where the real model lies: where the test run's set-up says, else in the cache that set-up fills.
 */

import { homedir } from "node:os";
import { join } from "node:path";
import { compileModel } from "../../ops/model/compile.ts";

export function modelDirectory(): string {
  const cache = process.env["FRESHET_CACHE_DIR"] ?? join(homedir(), ".cache", "freshet");
  return process.env["FRESHET_MODEL_DIR"] ?? join(cache, "models", "all-MiniLM-L6-v2");
}

/** The graph that the set-up compiled, else one compiled into `scratchDir`. */
export async function modelGraph(scratchDir: string): Promise<string> {
  const ready = process.env["FRESHET_MODEL_GRAPH"];
  if (ready !== undefined) return ready;
  const outFile = join(scratchDir, "fp32.onnx");
  await compileModel({ modelDir: modelDirectory(), outFile, variant: "fp32" });
  return outFile;
}
