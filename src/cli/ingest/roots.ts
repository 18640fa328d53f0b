/**
 * What the documents of a run are called. The id of a file is its path below the folder that was
 * given, so it does not depend on where the folder lies or how its path was typed. With several
 * roots the name of its folder goes in front: two folders may both hold a `README.md`.
 */

import { basename, resolve, sep } from "node:path";

export interface Root {
  /** As it was typed. */
  readonly given: string;
  readonly absolute: string;
  readonly isFolder: boolean;
  /** In front of the path below a folder; all of a file's id. */
  readonly name: string;
}

export interface RootOptions {
  readonly isFolder: (given: string) => boolean;
  /** In front of every id. */
  readonly prefix?: string | undefined;
}

/** The same root given twice is one. */
export function nameRoots(given: readonly string[], options: RootOptions): readonly Root[] {
  const { isFolder, prefix = "" } = options;
  const byPath = new Map(given.map((path) => [resolve(path), path]));
  const paths = [...byPath.keys()];
  const single = paths.length === 1;
  return paths.map((absolute) => {
    const path = byPath.get(absolute) ?? absolute;
    const short = single ? basename(absolute) : shortestName(absolute, paths);
    if (!isFolder(path)) {
      return { given: path, absolute, isFolder: false, name: asId(prefix + short) };
    }
    return {
      given: path,
      absolute,
      isFolder: true,
      name: asId(single ? prefix : `${prefix}${short}/`),
    };
  });
}

/** The last parts of a path, as few as tell it from the others. */
function shortestName(path: string, paths: readonly string[]): string {
  const others = paths.filter((other) => other !== path);
  const parts = path.split(sep).filter((part) => part !== "");
  for (let count = 1; count < parts.length; count += 1) {
    const name = parts.slice(-count).join("/");
    if (!others.some((other) => other.split(sep).join("/").endsWith(`/${name}`))) return name;
  }
  return parts.join("/");
}

/**
 * macOS hands out names in decomposed form: the same file must not have two ids because of the
 * machine that it is published from.
 */
export function asId(path: string): string {
  return path.normalize("NFC");
}
