/**
 * When a watched source is read again. A notice of the system is a hint only: each pass walks the
 * folders whole, so one that is lost, doubled or late costs time and nothing else.
 *
 *   WA1  a pass begins after the last notice of a burst, and in any case after a while;
 *   WA2  a pass that fails is told and followed by the next one; only the signal ends the watch.
 */

import { type FSWatcher, statSync, watch } from "node:fs";
import { limits } from "../../contract/limits.ts";
import type { Clock } from "../../runtime/clock.ts";

export interface WatchOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly pass: () => Promise<Passed>;
  readonly onFailure: (error: unknown) => void;
}

export interface Passed {
  /** Which were read. */
  readonly folders: readonly Buffer[];
  /** A file is being written, and no notice comes when that is over. */
  readonly awaitsRest: boolean;
}

export async function watchSource({ clock, signal, pass, onFailure }: WatchOptions): Promise<void> {
  const notices = new FolderNotices();
  try {
    while (!signal.aborted) {
      let waitMs: number = limits.ingestWatchEveryMs;
      try {
        const { folders, awaitsRest } = await pass();
        notices.watch(folders);
        if (awaitsRest) waitMs = limits.ingestAtRestMs;
      } catch (error) {
        if (!signal.aborted) onFailure(error);
      }
      await untilDue(notices, { clock, waitMs }, signal);
    }
  } finally {
    notices.close();
  }
}

/** WA1. What comes while a pass runs counts for the next. */
async function untilDue(
  notices: FolderNotices,
  { clock, waitMs }: { readonly clock: Clock; readonly waitMs: number },
  signal: AbortSignal,
): Promise<void> {
  const dueMs = clock.monotonicMs() + waitMs;
  let seen = 0;
  while (!signal.aborted && clock.monotonicMs() < dueMs) {
    await clock.sleep(limits.ingestWatchQuietMs, signal);
    const now = notices.count;
    if (now > 0 && now === seen) break;
    seen = now;
  }
  notices.count = 0;
}

/**
 * A watch is on a folder, not on its name: one that came in the place of another, or lies under a
 * mount now, is not heard of by the watch on the one before it.
 */
function keyOf(path: Buffer): string {
  const name = path.toString("latin1");
  try {
    const { dev, ino } = statSync(path, { bigint: true });
    return `${name}\0${dev}:${ino}`;
  } catch {
    return name;
  }
}

/** The system's notices of changes in folders, counted. */
class FolderNotices {
  count = 0;
  readonly #watchers = new Map<string, FSWatcher>();

  /** From now on these folders, as far as the system allows. */
  watch(folders: readonly Buffer[]): void {
    const wanted = new Map(
      folders.slice(0, limits.ingestWatchFoldersMax).map((path) => [keyOf(path), path]),
    );
    for (const [key, watcher] of this.#watchers) {
      if (wanted.has(key)) continue;
      watcher.close();
      this.#watchers.delete(key);
    }
    for (const [key, path] of wanted) {
      if (this.#watchers.has(key)) continue;
      this.#add(key, path);
      // What came between the walk and this watch.
      this.count += 1;
    }
  }

  close(): void {
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  #add(key: string, path: Buffer): void {
    // A folder that went, or one watch too many: the pass in any case is still there.
    const drop = () => {
      this.count += 1;
      this.#watchers.get(key)?.close();
      this.#watchers.delete(key);
    };
    try {
      const own = path.subarray(path.lastIndexOf("/") + 1);
      const watcher = watch(path, { persistent: false, encoding: "buffer" }, (kind, name) => {
        this.count += 1;
        // The folder itself, or an entry of its name: a new one may have the number of the old one.
        if (kind === "rename" && name !== null && own.equals(name)) drop();
      });
      this.#watchers.set(key, watcher.on("error", drop));
    } catch {
      this.#watchers.delete(key);
    }
  }
}
