/**
 * Files that were made on this machine (a compiled server, a compiled graph): no checksum of them
 * can be pinned, so the one computed right after the build is kept beside them.
 */
import { existsSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { createFolder, publishFile } from "./cache.ts";
import { isVerified, sha256OfFile } from "./checksum.ts";

/** True when the file is whole; a file that changed since its build is deleted. */
export async function isIntactBuild(path: string): Promise<boolean> {
  if (!existsSync(path)) return false;
  const expected = await readFile(checksumPath(path), "utf8").catch(() => "");
  if (expected !== "" && (await isVerified(path, expected.trim()))) return true;
  await rm(path, { force: true });
  await rm(checksumPath(path), { force: true });
  return false;
}

export async function publishBuild(built: string, final: string): Promise<void> {
  const sha256 = await sha256OfFile(built);
  createFolder(dirname(final));
  // The sum first: a crash in between leaves a sum without a file, which is simply not there.
  await writeFile(checksumPath(final), `${sha256}\n`);
  await publishFile(built, final, sha256);
}

function checksumPath(path: string): string {
  return `${path}.sha256`;
}
