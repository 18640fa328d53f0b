/**
 * Files that came into a folder while it was read: one that is moved from a part that was not read
 * yet into a part that was is seen in neither, and its document must not be deleted for that. Nor
 * may those of a folder that was away while its parent was listed, as when a new version of it is
 * moved into its place.
 */

import { lstatSync, type Stats } from "node:fs";
import { join } from "node:path";
import { limits } from "../../contract/limits.ts";
import type { Root } from "./roots.ts";

export interface ArrivalOptions {
  readonly roots: readonly Root[];
  /** Every folder that was listed. */
  readonly folders: readonly Buffer[];
  /** Whether a file with this id was found: what it does not hold any more is gone. */
  readonly isFound: (id: string) => boolean;
  readonly sinceMs: number;
}

/** Whether there is a file for an id now that was put or moved there after `sinceMs`. */
export function arrivals(options: ArrivalOptions): (id: string) => boolean {
  const { roots, folders, isFound, sinceMs } = options;
  const listed = new Set(folders.map((path) => path.toString("utf8")));
  // The clock of a file system is coarser than ours, and may be another machine's.
  const isNew = ({ ctimeMs }: Stats) => ctimeMs > sinceMs - limits.ingestAtRestMs;

  /** A folder that was left out has not come: its own time of change says when it was moved. */
  const cameWithFolder = (root: string, path: string): boolean => {
    const parts = path.split("/").slice(0, -1);
    return parts.some((_, at) => {
      const folder = join(root, ...parts.slice(0, at + 1));
      if (listed.has(folder)) return false;
      const info = infoOf(folder);
      return info === "unknown" || (info !== undefined && isNew(info));
    });
  };

  const cameTo = (root: string, path: string): boolean => {
    const info = infoOf(join(root, path));
    if (info === "unknown") return true;
    if (info === undefined || info.isDirectory()) return false;
    return isNew(info) || cameWithFolder(root, path);
  };

  return (id) =>
    roots.some(({ absolute, name }) => {
      if (!id.startsWith(name)) return false;
      const files = fileIdsOf(id).filter((file) => file === id || !isFound(file));
      return files.some((file) => {
        const path = file.slice(name.length);
        // An id is composed; the name of its file may be decomposed.
        return cameTo(absolute, path) || cameTo(absolute, path.normalize("NFD"));
      });
    });
}

/** An id is that of a file, or of a part of one. */
function fileIdsOf(id: string): readonly string[] {
  const ends = [...id.matchAll(/#/g)].slice(0, partsMax).map(({ index }) => index);
  return [id, ...ends.map((end) => id.slice(0, end))];
}

/** Of a file's name and a part's: each is one look at the file system. */
const partsMax = 8;

/** No file can be there: a part of its path is a file itself, leads in circles, or is no name. */
const nowhere: ReadonlySet<unknown> = new Set(["ENOTDIR", "ELOOP", "ENAMETOOLONG"]);

/** Undefined where nothing is. What the system does not tell may be there. */
function infoOf(path: string): Stats | "unknown" | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    return nowhere.has((error as NodeJS.ErrnoException).code) ? undefined : "unknown";
  }
}
