/**
 * Files that came into a folder while it was read: one that is moved from a part that was not read
 * yet into a part that was is seen in neither, and its document must not be deleted for that.
 */

import { lstatSync, type Stats } from "node:fs";
import { join } from "node:path";
import { limits } from "../../contract/limits.ts";
import type { Root } from "./roots.ts";

/** Whether there is a file for an id now that was put or moved there after `sinceMs`. */
export function arrivals(roots: readonly Root[], sinceMs: number): (id: string) => boolean {
  return (id) =>
    roots.some(({ absolute, name }) => {
      if (!id.startsWith(name)) return false;
      const info = infoOf(join(absolute, id.slice(name.length)));
      if (info === "unknown") return true;
      // The clock of a file system is coarser than ours, and may be another machine's.
      return info?.isFile() === true && info.ctimeMs > sinceMs - limits.ingestAtRestMs;
    });
}

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
