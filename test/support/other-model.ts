/**
 * A cache with two models for processes of a test: the one that the set-up installed, and another one
 * that makes other vectors of the same texts: the same weights behind prefixes, which is another
 * model to a log (model-probe.ts). So a test needs no second download.
 */
import { mkdirSync, mkdtempSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";

export const otherModel = "other-model";

/** @param lacks what a node lacks: the whole other model, or its graph, which servers then run */
export function cacheWithTwoModels(lacks?: "model" | "graph"): string {
  const own = process.env["FRESHET_CACHE_DIR"] ?? join(homedir(), ".cache", "freshet");
  const installed = join(own, "models", "all-MiniLM-L6-v2");
  const cache = mkdtempSync(join(tmpdir(), "freshet-models-"));
  for (const name of ["all-MiniLM-L6-v2", otherModel]) {
    if (name === otherModel && lacks === "model") return cache;
    const dir = join(cache, "models", name);
    mkdirSync(dir, { recursive: true });
    for (const file of readdirSync(installed)) {
      if (name === otherModel && lacks === "graph" && file.startsWith("graph-")) continue;
      symlinkSync(join(installed, file), join(dir, file));
    }
  }
  const prefixes = { query: "question about a harbour: ", passage: "what the harbour book says: " };
  writeFileSync(join(cache, "models", otherModel, "freshet.json"), JSON.stringify({ prefixes }));
  return cache;
}
