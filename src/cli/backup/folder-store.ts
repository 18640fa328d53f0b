/** Backups in a folder. What is in them is unredacted: only its owner may read it. */

import { randomUUID } from "node:crypto";
import { access, open, readdir, readFile, rename, rm, stat, statfs } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import { dayMs } from "../../contract/limits/units.ts";
import { makeFolder } from "../../runtime/make-folder.ts";
import { CliError } from "../exit.ts";
import type { BackupStore } from "./store.ts";

/** What is written here has its name only when it is whole (BS1). */
const unfinished = "unfinished";

export class FolderStore implements BackupStore {
  readonly where: string;
  readonly #folders = new Set<string>();

  constructor(folder: string) {
    this.where = folder;
  }

  async has(name: string): Promise<boolean> {
    try {
      await access(this.#path(name));
      return true;
    } catch (thrown) {
      if (codeOf(thrown) === "ENOENT") return false;
      throw this.#failed(thrown);
    }
  }

  async put(name: string, bytes: Uint8Array): Promise<void> {
    const path = this.#path(name);
    const draft = this.#path(`${unfinished}/${randomUUID()}`);
    try {
      await this.#ensure(dirname(draft));
      await this.#ensure(dirname(path));
      const file = await open(draft, "wx", 0o600);
      try {
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(draft, path);
      await syncFolder(dirname(path));
    } catch (thrown) {
      await rm(draft, { force: true }).catch(() => {});
      throw this.#failed(thrown);
    }
  }

  async get(name: string): Promise<Uint8Array | null> {
    try {
      return await readFile(this.#path(name));
    } catch (thrown) {
      if (codeOf(thrown) === "ENOENT") return null;
      throw this.#failed(thrown, name);
    }
  }

  async list(prefix: string): Promise<readonly string[]> {
    const root = this.#path(prefix);
    try {
      const entries = await readdir(root, { withFileTypes: true });
      const files = entries.filter((entry) => entry.isFile());
      return files.map(({ name }) => relative(this.where, join(root, name)).replaceAll(sep, "/"));
    } catch (thrown) {
      if (codeOf(thrown) === "ENOENT") return [];
      throw this.#failed(thrown);
    }
  }

  async freeBytes(): Promise<number | undefined> {
    try {
      const { bavail, bsize } = await statfs(this.where);
      return bavail * bsize;
    } catch {
      return undefined;
    }
  }

  /** What runs that were cut off left a day ago or earlier. */
  async tidy(nowMs: number): Promise<void> {
    for (const name of await this.list(unfinished)) {
      const path = this.#path(name);
      const left = await stat(path).catch(() => null);
      if (left !== null && left.mtimeMs < nowMs - dayMs) await rm(path, { force: true });
    }
  }

  #path(name: string): string {
    return join(this.where, ...name.split("/"));
  }

  async #ensure(folder: string): Promise<void> {
    if (this.#folders.has(folder)) return;
    makeFolder(folder, 0o700);
    await syncFolder(dirname(folder));
    this.#folders.add(folder);
  }

  /** @param name of the one file that cannot be read, where the others may be whole */
  #failed(thrown: unknown, name?: string): CliError {
    const why = reasons[codeOf(thrown)];
    const said = why ?? (thrown instanceof Error ? thrown.message : String(thrown));
    const isPlace = name === undefined || codeOf(thrown) === "ENOTDIR";
    const where = isPlace ? this.where : `${this.where}/${name}`;
    return new CliError(`${where}: ${said}`, { cause: thrown });
  }
}

const notFolder = "it is a file, or lies below one: name a folder";
const reasons: Readonly<Record<string, string>> = {
  ENOSPC: "no space is left",
  EDQUOT: "no space is left to this user",
  EACCES: "permission denied",
  EPERM: "permission denied",
  EROFS: "the disk is mounted for reading alone",
  ENOTDIR: notFolder,
  EEXIST: notFolder,
  EISDIR: "it is a folder, and no file",
  ENAMETOOLONG: "the name is too long",
  EIO: "the disk cannot be read or written",
};

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function codeOf(thrown: unknown): string {
  return thrown instanceof Error && "code" in thrown ? String(thrown.code) : "";
}
