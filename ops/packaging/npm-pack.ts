/** What every npm package of Freshet is made with. */

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const repository = fileURLToPath(new URL("../..", import.meta.url));

export function run(program: string, parameters: readonly string[], cwd: string): string {
  return execFileSync(program, [...parameters], {
    ...{ cwd, encoding: "utf8" as const, maxBuffer: 64 * 1024 * 1024 },
    stdio: ["ignore", "pipe", "inherit"],
  });
}

/** Packs what `layOut` puts into a folder of its own. @returns the tarball's path, below `out` */
export function packFolder(out: string, layOut: (folder: string) => void): string {
  const place = mkdtempSync(join(tmpdir(), "freshet-package-"));
  try {
    layOut(place);
    // The npm of this Node, whichever one is first on PATH.
    const npm = join(dirname(process.execPath), "npm");
    const parameters = ["pack", "--json", "--ignore-scripts", "--pack-destination", out];
    const [made] = JSON.parse(run(npm, parameters, place)) as { filename: string }[];
    return join(out, made?.filename ?? "");
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

/** The client of src/client, with its types, and nothing of the engine. */
export function compileClient(folder: string): void {
  const tsc = join(repository, "node_modules/typescript/bin/tsc");
  const project = join(repository, "ops/client/tsconfig.json");
  run(process.execPath, [tsc, "-p", project, "--outDir", folder], repository);
}
