/**
 * Which paths below a root are meant: globs of the command line, and the ignore files that lie in
 * the folders. `.freshetignore` has the syntax of `.gitignore` and the last word over it.
 */

import { type FileHandle, open } from "node:fs/promises";
import ignore, { type Ignore } from "ignore";
import picomatch from "picomatch";
import { limits } from "../../contract/limits.ts";
import { withoutEnd } from "../../contract/without-end.ts";

export interface SelectionOptions {
  /** Only files that match one of these. A glob without a slash is tried on the name alone. */
  readonly include?: readonly string[] | undefined;
  /** No files and folders that match one of these. */
  readonly exclude?: readonly string[] | undefined;
  /** Whether ignore files count. */
  readonly ignoreFiles?: boolean | undefined;
}

const ignoreFileNames = [".gitignore", ".freshetignore"];

type Matches = (path: string) => boolean;

/** What the ignore files say of the folders from the root down to one folder. */
interface Level {
  /** Relative to the root, with a slash at its end; empty for the root. */
  readonly folder: string;
  readonly rules: Ignore;
}

export type IgnoreLevels = readonly Level[];

export class Selection {
  readonly #include: Matches | undefined;
  readonly #exclude: Matches | undefined;
  readonly #ignoreFiles: boolean;

  constructor({ include, exclude, ignoreFiles = false }: SelectionOptions) {
    this.#include = matcher(include);
    this.#exclude = matcher(exclude);
    this.#ignoreFiles = ignoreFiles;
  }

  /** Whether a folder is entered. */
  takesFolder(path: string, levels: IgnoreLevels): boolean {
    return this.#exclude?.(path) !== true && !isIgnored(`${path}/`, levels);
  }

  takesFile(path: string, levels: IgnoreLevels): boolean {
    if (this.#include?.(path) === false || this.#exclude?.(path) === true) return false;
    return !isIgnored(path, levels);
  }

  /**
   * The levels inside of a folder.
   * @throws what reading its ignore files throws: what is meant to stay out must not come in
   * because its list could not be read
   */
  async enter(
    { path, folder }: { readonly path: Buffer; readonly folder: string },
    levels: IgnoreLevels,
  ): Promise<IgnoreLevels> {
    if (!this.#ignoreFiles) return levels;
    const texts: string[] = [];
    for (const name of ignoreFileNames) {
      const text = await readIfThere(Buffer.concat([path, Buffer.from(`/${name}`)]));
      if (text !== undefined) texts.push(text);
    }
    if (texts.length === 0) return levels;
    const rules = ignore({ ignorecase: false }).add(texts.join("\n"));
    return [...levels, { folder: folder === "" ? "" : `${folder}/`, rules }];
  }
}

function matcher(globs: readonly string[] | undefined): Matches | undefined {
  if (globs === undefined || globs.length === 0) return undefined;
  // A glob with a slash begins at the root, also when it says so.
  const tests = globs.map((glob) => {
    const plain = withoutEnd(glob.replace(/^\.?\/+/, ""), "/");
    return picomatch(plain, { dot: true, basename: !withoutEnd(glob, "/").includes("/") });
  });
  return (path) => tests.some((test) => test(path));
}

/** As git has it: the deepest file that says something of a path decides, and its last rule. */
function isIgnored(path: string, levels: IgnoreLevels): boolean {
  for (const { folder, rules } of levels.toReversed()) {
    const { ignored, unignored } = rules.test(path.slice(folder.length));
    if (ignored) return true;
    if (unignored) return false;
  }
  return false;
}

async function readIfThere(path: Buffer): Promise<string | undefined> {
  let file: FileHandle;
  try {
    file = await open(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  try {
    const info = await file.stat();
    if (!info.isFile()) return undefined;
    if (info.size > limits.ingestIgnoreFileBytesMax) {
      throw new RangeError(`an ignore file has more than ${limits.ingestIgnoreFileBytesMax} bytes`);
    }
    return await file.readFile("utf8");
  } finally {
    await file.close();
  }
}
