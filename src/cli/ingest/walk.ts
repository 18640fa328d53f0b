/**
 * The files below a root, in the order of their names, each with what it is or why it is left out.
 * Names are bytes here: Linux allows any, and one that is no UTF-8 must not end the walk.
 *
 * Every failure concerns one entry and is yielded in its place. Nothing is opened but folders.
 */

import type { BigIntStats, Dirent } from "node:fs";
import { lstat, readdir, stat } from "node:fs/promises";
import { type SkipReason, shownPath } from "./problems.ts";
import type { IgnoreLevels, Selection } from "./selection.ts";

export interface WalkOptions {
  readonly selection: Selection;
  readonly followLinks: boolean;
}

export type WalkEntry =
  | { readonly kind: "file"; readonly path: Buffer; readonly name: string; readonly info: FileInfo }
  | { readonly kind: "folder"; readonly path: Buffer }
  | {
      readonly kind: "problem";
      readonly path: Buffer;
      readonly reason: SkipReason;
      /** Relative to the root, where it is text; a folder's ends with a slash. */
      readonly name: string | undefined;
      readonly detail?: string | undefined;
      /** Of a link that was to be followed: a file or a folder may come back behind it. */
      readonly isLink?: true | undefined;
    }
  /** Left out by globs or ignore files. */
  | { readonly kind: "excluded"; readonly path: Buffer };

export interface FileInfo {
  readonly bytes: number;
  /** Changes whenever the content or the place of the file changes. */
  readonly stamp: string;
  readonly changedMs: number;
}

interface Folder {
  readonly path: Buffer;
  /** Relative to the root; empty for the root. */
  readonly name: string;
  readonly levels: IgnoreLevels;
  readonly inModules: boolean;
  /** Below a link: what is here may have been walked under its own name. */
  readonly inLink: boolean;
}

const slash = Buffer.from("/");

/** A root that is a folder; hidden entries are tools' business. */
export async function* walk(root: Buffer, options: WalkOptions): AsyncGenerator<WalkEntry> {
  yield* new Walk(root, options).run();
}

class Walk {
  readonly #root: Folder;
  readonly #options: WalkOptions;
  /** Real folders and files that were walked: where a link to one of them would lead in circles. */
  readonly #visited = new Set<string>();
  /** Links come last: what they lead to may be in the tree itself, under its own name. */
  readonly #links: { readonly entry: Entry; readonly folder: Folder }[] = [];

  constructor(root: Buffer, options: WalkOptions) {
    this.#options = options;
    const inModules = root.toString("latin1").split("/").includes("node_modules");
    this.#root = { path: root, name: "", levels: [], inModules, inLink: false };
  }

  async *run(): AsyncGenerator<WalkEntry> {
    if (this.#options.followLinks) await this.#visit(this.#root.path);
    yield* this.#folder(this.#root);
    for (let link = this.#links.shift(); link !== undefined; link = this.#links.shift()) {
      yield* this.#follow(link.entry, link.folder);
    }
  }

  async *#folder(folder: Folder): AsyncGenerator<WalkEntry> {
    yield { kind: "folder", path: folder.path };
    let entries: readonly Dirent<Buffer>[];
    let levels: IgnoreLevels;
    try {
      entries = await readdir(folder.path, { withFileTypes: true, encoding: "buffer" });
      levels = await this.#options.selection.enter(
        { path: folder.path, folder: folder.name },
        folder.levels,
      );
    } catch (error) {
      yield problemOf(error, folder.path, `${folder.name}/`);
      return;
    }
    const inside = { ...folder, levels };
    for (const dirent of entries.toSorted((a, b) => Buffer.compare(a.name, b.name))) {
      if (dirent.name[0] === dot) continue;
      yield* this.#entry(entryOf(folder, dirent), inside);
    }
  }

  async *#entry(entry: Entry, folder: Folder): AsyncGenerator<WalkEntry> {
    const { path, name, dirent } = entry;
    if (name === undefined) {
      yield { kind: "problem", path, reason: "name", name, detail: "it is no UTF-8" };
    } else if (dirent.isDirectory()) {
      if (dirent.name.toString() === "node_modules" && !folder.inModules) return;
      yield* this.#enter({ ...folder, path, name });
    } else if (dirent.isSymbolicLink()) {
      if (this.#options.followLinks) this.#links.push({ entry, folder });
      else if (!this.#options.selection.takesFile(name, folder.levels)) {
        yield { kind: "excluded", path };
      } else yield { kind: "problem", path, reason: "link", name };
    } else if (!this.#options.selection.takesFile(name, folder.levels)) {
      yield { kind: "excluded", path };
    } else if (dirent.isFile()) {
      yield* this.#file(entry.path, name, folder);
    } else {
      yield { kind: "problem", path, reason: "special", name };
    }
  }

  async *#enter(folder: Folder): AsyncGenerator<WalkEntry> {
    if (!this.#options.selection.takesFolder(folder.name, folder.levels)) {
      yield { kind: "excluded", path: folder.path };
      return;
    }
    if (this.#options.followLinks && !(await this.#visit(folder.path)) && folder.inLink) {
      yield readAlready(folder.path, folder.name);
      return;
    }
    yield* this.#folder(folder);
  }

  async *#file(path: Buffer, name: string, { inLink }: Folder): AsyncGenerator<WalkEntry> {
    try {
      const info = await lstat(path, { bigint: true });
      if (inLink && this.#visited.has(identity(info))) {
        yield readAlready(path, name);
        return;
      }
      if (this.#options.followLinks) this.#visited.add(identity(info));
      // It was a file when the folder was listed.
      if (info.isFile()) yield { kind: "file", path, name, info: fileInfo(info) };
      else
        yield { kind: "problem", path, reason: "vanished", name, detail: "it is no file any more" };
    } catch (error) {
      yield problemOf(error, path, name);
    }
  }

  async *#follow({ path, name = "" }: Entry, folder: Folder): AsyncGenerator<WalkEntry> {
    let info: BigIntStats;
    try {
      info = await stat(path, { bigint: true });
    } catch (error) {
      const { selection } = this.#options;
      const isMeant =
        selection.takesFolder(name, folder.levels) || selection.takesFile(name, folder.levels);
      yield isMeant ? brokenLink(error, path, name) : { kind: "excluded", path };
      return;
    }
    const { selection } = this.#options;
    const isMeant = info.isDirectory()
      ? selection.takesFolder(name, folder.levels)
      : selection.takesFile(name, folder.levels);
    if (!isMeant) {
      yield { kind: "excluded", path };
    } else if (this.#visited.has(identity(info))) {
      yield readAlready(path, name);
    } else if (info.isDirectory()) {
      this.#visited.add(identity(info));
      yield* this.#folder({ ...folder, path, name, inLink: true });
    } else if (info.isFile()) {
      this.#visited.add(identity(info));
      yield { kind: "file", path, name, info: fileInfo(info) };
    } else {
      yield { kind: "problem", path, reason: "special", name };
    }
  }

  /** False for one that was visited. One that cannot be looked at is a problem when it is read. */
  async #visit(path: Buffer): Promise<boolean> {
    const info = await stat(path, { bigint: true }).catch(() => undefined);
    if (info === undefined) return true;
    const isNew = !this.#visited.has(identity(info));
    this.#visited.add(identity(info));
    return isNew;
  }
}

interface Entry {
  readonly path: Buffer;
  /** Undefined when it is no UTF-8. */
  readonly name: string | undefined;
  readonly dirent: Dirent<Buffer>;
}

const dot = ".".charCodeAt(0);
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function entryOf(folder: Folder, dirent: Dirent<Buffer>): Entry {
  const path = Buffer.concat([folder.path, slash, dirent.name]);
  try {
    const own = utf8.decode(dirent.name);
    return { path, name: folder.name === "" ? own : `${folder.name}/${own}`, dirent };
  } catch {
    return { path, name: undefined, dirent };
  }
}

function readAlready(path: Buffer, name: string): WalkEntry {
  return {
    kind: "problem",
    path,
    reason: "link",
    name,
    detail: "it leads to what is read already",
  };
}

/** What it led to may be on a disk that is not there now, or behind a door that is closed. */
function brokenLink(error: unknown, path: Buffer, name: string): WalkEntry {
  const problem = { ...problemOf(error, path, name), isLink: true } as const;
  if (problem.reason === "unreadable") return problem;
  return { ...problem, reason: "link", detail: "it leads nowhere" };
}

export function fileInfo(info: BigIntStats): FileInfo {
  const { dev, ino, size, mtimeNs, ctimeNs, ctimeMs } = info;
  const stamp = [dev, ino, size, mtimeNs, ctimeNs].join(":");
  return { bytes: Number(size), stamp, changedMs: Number(ctimeMs) };
}

function identity({ dev, ino }: BigIntStats): string {
  return `${dev}:${ino}`;
}

/** What the system says of an entry that cannot be read. */
export function problemOf(
  error: unknown,
  path: Buffer,
  name: string | undefined,
): WalkEntry & { kind: "problem" } {
  const { code, message } = error as NodeJS.ErrnoException;
  const gone = code === "ENOENT" || code === "ENOTDIR" || code === "ELOOP" || code === "EISDIR";
  const reason = gone ? "vanished" : "unreadable";
  return { kind: "problem", path, reason, name, detail: code ?? shownPath(message) };
}
