/** What processes of a test inherit: its own settings, and nothing that a person has configured for a run of theirs. */

import { homedir } from "node:os";
import { join } from "node:path";

/** What every run may use again: compiled code and bundled workflows, kept by the digest of what they are made of. */
export function compiledDirectory(): string {
  const cache = process.env["FRESHET_CACHE_DIR"] ?? join(homedir(), ".cache", "freshet");
  return join(cache, "compiled");
}

const models = /^FRESHET_(MODEL_DIR|MODEL_GRAPH|EMBED_PRECISION|CACHE_DIR)$/;

export function inheritedEnvironment(): Record<string, string> {
  const kept = Object.entries(process.env).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined && (!entry[0].startsWith("FRESHET_") || models.test(entry[0])),
  );
  return Object.fromEntries(kept);
}
