/** A folder in the temporary one that goes when the test that asked for it has ended. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** Within a test only. */
export function folderOfTest(label: string): string {
  const folder = mkdtempSync(join(tmpdir(), `freshet-${label}-`));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
