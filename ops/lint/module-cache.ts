/**
 * Keeps the folder of compiled modules small: each lock file has a folder in it, each change of a
 * source an entry in that, and vitest deletes none.
 *
 * Safe beside other runs: an entry that vanishes is compiled again, and what a run uses was read
 * within the day (file systems that note when a file is read do so once a day at least).
 */
import {
  readdirSync,
  rmdirSync,
  rmSync,
  type Stats,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";

export interface PruneOptions {
  readonly nowMs: number;
  /** A few days: a branch that is left for a weekend is still there on Monday. */
  readonly keptMs: number;
  /** Below that the oldest go first, but none that was used within the day. */
  readonly bytesMax: number;
}

interface Entry {
  readonly path: string;
  readonly bytes: number;
  readonly usedMs: number;
}

const dayMs = 86_400_000;

/** Once a day: it looks at some thousand files. */
export function pruneModules(root: string, options: PruneOptions): void {
  const stamp = join(root, "pruned");
  const age = options.nowMs - (statOf(stamp)?.mtimeMs ?? Number.NEGATIVE_INFINITY);
  if (statOf(root) === undefined || age < dayMs) return;
  // First: of runs that begin together one does it.
  writeFileSync(stamp, "");
  utimesSync(stamp, options.nowMs / 1_000, options.nowMs / 1_000);
  const entries = entriesOf(root);
  const gone = toGo(entries, options);
  for (const { path } of gone) rmSync(path, { force: true });
  for (const folder of new Set(gone.map(({ path }) => dirname(path)))) removeIfEmpty(folder);
}

/** Pure. */
function toGo(
  entries: readonly Entry[],
  { nowMs, keptMs, bytesMax }: PruneOptions,
): readonly Entry[] {
  let bytes = entries.reduce((sum, entry) => sum + entry.bytes, 0);
  const oldestFirst = entries.toSorted((left, right) => left.usedMs - right.usedMs);
  return oldestFirst.filter((entry) => {
    const ageMs = nowMs - entry.usedMs;
    const goes = ageMs > keptMs || (bytes > bytesMax && ageMs > dayMs);
    if (goes) bytes -= entry.bytes;
    return goes;
  });
}

function entriesOf(root: string): readonly Entry[] {
  return foldersOf(root).flatMap((folder) =>
    readdirSync(folder).flatMap((name) => {
      const path = join(folder, name);
      const stat = statOf(path);
      if (stat?.isFile() !== true) return [];
      return [{ path, bytes: stat.size, usedMs: Math.max(stat.atimeMs, stat.mtimeMs) }];
    }),
  );
}

const foldersOf = (root: string): readonly string[] =>
  readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(root, name));

/** Undefined: another run was quicker. */
function statOf(path: string): Stats | undefined {
  return statSync(path, { throwIfNoEntry: false });
}

function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // Not empty, or gone.
  }
}
