/**
 * The cache outside the repository, shared by all checkouts of this user.
 *
 * Owns: the layout of the cache folder, temporary folders in it, and the stamps that let a later
 * run trust a file without hashing hundreds of megabytes again.
 *
 * Invariants
 *  CD1 A file has its final name only after its checksum was verified (temporary name, then
 *      rename).
 *  CD2 A file whose size or time differs from its stamp is hashed again; a wrong hash deletes it.
 *  CD3 Two runs may install the same thing at once; the loser drops its copy.
 */
import { randomUUID } from "node:crypto";
import { mkdirSync, readdirSync, renameSync, rmSync, statfsSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { makeFolder } from "../../src/runtime/make-folder.ts";
import { isFileWithChecksum, stampFile } from "./checksum.ts";
import { SetupError } from "./setup-error.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

export function cacheFolder(env: Environment): string {
  const explicit = env["FRESHET_CACHE_DIR"];
  if (explicit !== undefined && explicit !== "") return explicit;
  const shared = env["XDG_CACHE_HOME"];
  return join(
    shared !== undefined && shared !== "" ? shared : join(homedir(), ".cache"),
    "freshet",
  );
}

/** Runs `work` in a fresh folder inside the cache (same file system, so renames are atomic). */
export async function withTemporaryFolder<T>(
  cache: string,
  work: (folder: string) => Promise<T>,
): Promise<T> {
  const parent = join(cache, "tmp");
  createFolder(parent);
  removeAbandoned(parent);
  const folder = join(parent, `set-up.${process.pid}.${randomUUID()}`);
  mkdirSync(folder);
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Moves a verified file to its final name (CD1) and remembers that it was verified (CD2). */
export async function publishFile(temporary: string, final: string, sha256: string): Promise<void> {
  if (!(await isFileWithChecksum(temporary, sha256))) {
    throw new SetupError(
      `${temporary} does not have the pinned checksum ${sha256}: the download was broken or ` +
        "changed; run the set-up again",
    );
  }
  createFolder(dirname(final));
  renameSync(temporary, final);
  await stampFile(final, sha256);
}

/** Moves a complete folder to its final name; when another run was first, its copy stays (CD3). */
export function publishFolder(temporary: string, final: string): void {
  createFolder(dirname(final));
  try {
    renameSync(temporary, final);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== "ENOTEMPTY" && code !== "EEXIST") throw error;
  }
}

/** @throws SetupError that names the setting by which another place is chosen */
export function createFolder(folder: string, setting = "FRESHET_CACHE_DIR"): void {
  try {
    makeFolder(folder);
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    const isInTheWay = reason === "EEXIST" || reason === "ENOTDIR";
    const mend = isInTheWay ? "a file is in its place: move it" : "make its parent writable";
    const told = `cannot create ${folder} (${reason}): ${mend}`;
    throw new SetupError(`${told}, or choose another place with ${setting}`);
  }
}

/** @throws SetupError when fewer than `neededBytes` are free where `folder` lies. */
export function requireFreeSpace(folder: string, neededBytes: number, setting: string): void {
  createFolder(folder, setting);
  const status = statfsSync(folder);
  const freeBytes = status.bavail * status.bsize;
  if (freeBytes < neededBytes) {
    throw new SetupError(
      `only ${megabytes(freeBytes)} MB free in ${folder}, ${megabytes(neededBytes)} MB needed: ` +
        `free some space, or choose another disk with ${setting}`,
    );
  }
}

export function megabytes(bytes: number): number {
  return Math.round(bytes / 1_000_000);
}

/** Folders of runs that were killed; their process id is part of the name. */
function removeAbandoned(parent: string): void {
  for (const name of readdirSync(parent)) {
    const pid = Number(name.split(".")[1]);
    if (Number.isInteger(pid) && pid > 0 && !isAlive(pid)) {
      rmSync(join(parent, name), { recursive: true, force: true });
    }
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
