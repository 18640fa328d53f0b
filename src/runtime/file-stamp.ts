/** Whether a file is still the one that was read, without reading it again. */

import { statSync } from "node:fs";

/**
 * A file that was moved into the place has another inode, unless the file system gives the one of
 * the file before again; a copy that keeps times (`cp -p`, `tar`, an image built with one time for
 * all) may have its size and its time of change, too. No program sets the time of the last change
 * of the inode (`ctime`), which also tells of permissions that were mended.
 * @throws Error of the file system when there is no such file
 */
export function fileStamp(path: string): string {
  const { ino, size, mtimeMs, ctimeMs } = statSync(path);
  return `${ino} ${size} ${mtimeMs} ${ctimeMs}`;
}
