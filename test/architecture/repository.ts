import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** A file of the repository: its path from the root and its text. */
export interface RepositoryFile {
  readonly path: string;
  readonly text: string;
}

export const repositoryRoot = fileURLToPath(new URL("../..", import.meta.url));

/**
 * Paths that git tracks or would track, so that a rule sees a file before it is committed and never
 * looks into what is ignored.
 */
export function repositoryPaths(): string[] {
  const options = { cwd: repositoryRoot, encoding: "utf8" } as const;
  const listed = spawnSync(
    "git",
    ["ls-files", "-z", "--cached", "--others", "--exclude-standard"],
    options,
  );
  if (listed.status !== 0) throw new Error(`git ls-files failed: ${listed.stderr}`);
  const paths = listed.stdout.split("\0").filter((path) => path !== "");
  return paths.filter((path) => isFile(`${repositoryRoot}/${path}`));
}

export function readRepository(paths: readonly string[]): RepositoryFile[] {
  return paths.map((path) => ({ path, text: readFileSync(`${repositoryRoot}/${path}`, "utf8") }));
}

export const codeFile = /^(src|workflows|activities|actors|ops|test)\/.*\.ts$/;

/** A tracked file that was deleted, or a folder behind a link, has no text to judge. */
function isFile(path: string): boolean {
  return existsSync(path) && statSync(path).isFile();
}
