/** dependency-cruiser over the code of a tree, under the layer rules of this repository. */

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const repository = fileURLToPath(new URL("../..", import.meta.url));
const program = join(repository, "node_modules/.bin/depcruise");
export const layerConfig = join(repository, "ops/lint/dependency-cruiser.js");
export const codeTrees = ["src", "actors", "workflows", "activities", "ops", "test"] as const;

export interface Verdict {
  readonly exitCode: number | null;
  readonly modules: number;
  /** `rule-name: file`, one for each violation. */
  readonly violations: readonly string[];
  readonly output: string;
}

export function checkLayers(root: string): Verdict {
  const result = spawnSync(
    process.execPath,
    [program, ...["--config", layerConfig], ...codeTrees],
    { cwd: root, encoding: "utf8", env: { ...process.env, NO_COLOR: "1" } },
  );
  const output = result.stdout + result.stderr;
  const modules = Number(/(\d+) modules/.exec(output)?.[1] ?? 0);
  const found = output.matchAll(/^ +error ([a-z-]+): (\S+)/gm);
  const violations = [...found].map(([, rule, file]) => `${rule}: ${file}`);
  return { exitCode: result.status, modules, violations, output };
}
