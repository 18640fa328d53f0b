/** What the files of a server hold, whatever the server says of it. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Whether a text lies in any file below a folder, but for log files. */
export function holdOnDisk(folder: string, text: string): boolean {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).some(
    (entry) =>
      entry.isFile() &&
      !entry.name.endsWith(".log") &&
      readFileSync(join(entry.parentPath, entry.name)).includes(text),
  );
}
