/** Whether the file of quotas names a key, which a key that takes its place is not. */

import { readFileSync } from "node:fs";
import { parseJsonFile } from "../contract/json-file.ts";
import { quotasFileSchema } from "../contract/quota.ts";

/** One line for a person; undefined where there is no such quota, or no file that says so. */
export function quotaLeftBehind(
  file: string | undefined,
  { old, next }: { readonly old: string; readonly next: string },
): string | undefined {
  if (file === undefined || file === "") return undefined;
  const named = namedIn(file);
  if (named === undefined || !named.has(old) || named.has(next)) return undefined;
  return `${file} has a quota of its own for ${old}: give "${next}" the same under "credentials"\n`;
}

/** A file that engines could not read either is none of this command's matters. */
function namedIn(file: string): ReadonlySet<string> | undefined {
  try {
    const { credentials } = quotasFileSchema.parse(parseJsonFile(readFileSync(file)));
    return new Set(credentials?.keys());
  } catch {
    return undefined;
  }
}
