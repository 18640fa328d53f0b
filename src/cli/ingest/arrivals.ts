/**
 * Files that came into a folder while it was read: one that is moved from a part that was not read
 * yet into a part that was is seen in neither, and its document must not be deleted for that.
 */

import { lstatSync } from "node:fs";
import { join } from "node:path";
import { limits } from "../../contract/limits.ts";
import type { Root } from "./roots.ts";

/** Whether there is a file for an id now that was put or moved there after `sinceMs`. */
export function arrivals(roots: readonly Root[], sinceMs: number): (id: string) => boolean {
  return (id) =>
    roots.some(({ absolute, name }) => {
      if (!id.startsWith(name)) return false;
      const info = lstatSync(join(absolute, id.slice(name.length)), { throwIfNoEntry: false });
      // The clock of a file system is coarser than ours, and may be another machine's.
      return info?.isFile() === true && info.ctimeMs > sinceMs - limits.ingestAtRestMs;
    });
}
