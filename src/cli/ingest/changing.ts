/**
 * Files that changed between the walk and the moment when a mirror deletes: what was read of them
 * may be half of what they hold. Looked at only when something would be deleted.
 */

import { statSync } from "node:fs";
import type { Contents } from "./corpus.ts";
import { type FoundFile, namesItsDocuments } from "./parts.ts";
import { fileInfo } from "./walk.ts";

/** The same, with the files that changed since they were found as such that could not be read. */
export function withoutChanging(contents: Contents, found: readonly FoundFile[]): Contents {
  const changed = found.filter(hasChanged);
  const own = changed.filter(({ kind }) => namesItsDocuments(kind));
  return {
    ids: contents.ids,
    unread: [...contents.unread, ...changed.map(({ id }) => id)],
    unknown: [...contents.unknown, ...own.map(({ source }) => source)],
  };
}

/** One that cannot be looked at any more has changed, too. */
function hasChanged({ path, info }: FoundFile): boolean {
  try {
    return fileInfo(statSync(path, { bigint: true })).stamp !== info.stamp;
  } catch {
    return true;
  }
}
