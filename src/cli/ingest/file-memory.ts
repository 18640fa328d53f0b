/**
 * Which files were read before, and which documents they hold: a run that is repeated (`--watch`)
 * need not read them again.
 *
 *   FM1  a file is known only by all that the system says of it (device, inode, size, both times),
 *        and only if it was at rest when it was read: a second change within the clock's tick would
 *        not show.
 */

import { limits } from "../../contract/limits.ts";
import type { FileInfo } from "./walk.ts";

interface Known {
  readonly stamp: string;
  readonly ids: readonly string[];
}

export class FileMemory {
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

  remember(path: Buffer, { stamp, changedMs }: FileInfo, ids: readonly string[]): void {
    const atRest = this.#nowMs() - changedMs > limits.ingestAtRestMs;
    if (atRest) this.#files.set(keyOf(path), { stamp, ids });
    else this.forget(path);
  }

  /** What was not read whole is read again. */
  forget(path: Buffer): void {
    this.#files.delete(keyOf(path));
  }

  /** The documents of a file that need not be read. */
  idsOf(path: Buffer, { stamp }: FileInfo): readonly string[] | undefined {
    const known = this.#files.get(keyOf(path));
    if (known?.stamp !== stamp || !known.ids.every(this.#isCurrent)) return undefined;
    return known.ids;
  }
}

function keyOf(path: Buffer): string {
  return path.toString("latin1");
}
