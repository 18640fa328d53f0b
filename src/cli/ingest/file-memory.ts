/**
 * Which files were read before, and which documents they hold: a run that is repeated (`--watch`)
 * need not read them again.
 *
 *   FM1  a file is known only by all that the system says of it (device, inode, size, both times),
 *        and only if it was at rest when it was read: a second change within the clock's tick would
 *        not show.
 *   FM2  a file that changed a moment ago may be half written: what it held before and lacks now is
 *        not gone until it was read at rest.
 */

import { limits } from "../../contract/limits.ts";
import type { FileInfo } from "./walk.ts";

interface Known {
  /** Undefined when it was not at rest: then it is read again. */
  readonly stamp: string | undefined;
  readonly ids: readonly string[];
}

export class FileMemory {
  /** Whether something is kept only because its file is not at rest. */
  awaitsRest = false;
  readonly #files = new Map<string, Known>();
  readonly #nowMs: () => number;
  /** Whether the log still has the document as it was read. */
  readonly #isCurrent: (id: string) => boolean;

  constructor(options: {
    readonly nowMs: () => number;
    readonly isCurrent: (id: string) => boolean;
  }) {
    this.#nowMs = options.nowMs;
    this.#isCurrent = options.isCurrent;
  }

  remember(path: Buffer, info: FileInfo, ids: readonly string[]): void {
    const key = keyOf(path);
    if (this.#isAtRest(info)) this.#files.set(key, { stamp: info.stamp, ids });
    else this.#files.set(key, { stamp: undefined, ids: this.#files.get(key)?.ids ?? ids });
  }

  /** What was not read whole is read again; what it held before is not forgotten (FM2). */
  readAgain(path: Buffer): void {
    const { ids } = this.#files.get(keyOf(path)) ?? {};
    if (ids !== undefined) this.#files.set(keyOf(path), { stamp: undefined, ids });
  }

  /** FM2: what a reading did not find and is kept all the same; asked before it is remembered. */
  onItsWay(path: Buffer, info: FileInfo, ids: readonly string[]): readonly string[] {
    const { ids: before = [] } = this.#files.get(keyOf(path)) ?? {};
    if (before.length === 0 || this.#isAtRest(info)) return [];
    const found = new Set(ids);
    const missing = before.filter((id) => !found.has(id));
    this.awaitsRest ||= missing.length > 0;
    return missing;
  }

  /** The documents of a file that need not be read. */
  idsOf(path: Buffer, { stamp }: FileInfo): readonly string[] | undefined {
    const known = this.#files.get(keyOf(path));
    if (known === undefined || known.stamp !== stamp || !known.ids.every(this.#isCurrent))
      return undefined;
    return known.ids;
  }

  #isAtRest({ changedMs }: FileInfo): boolean {
    return this.#nowMs() - changedMs > limits.ingestAtRestMs;
  }
}

function keyOf(path: Buffer): string {
  return path.toString("latin1");
}
