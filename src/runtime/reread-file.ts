/**
 * A file that is read again when it changes.
 *
 * Owns: the last good content. Never: writes the file, or forgets a content because a new one is
 * broken.
 *
 *   RF1  what was read well, or is broken in itself, is read again when the file changes;
 *   RF2  what could not be read at all (no file, no right, too many files open in this process) is
 *        tried again at each look: that passes without a change of the file;
 *   RF3  each reason is told once, until the file was read well.
 */

import type { Clock } from "./clock.ts";
import { fileStamp } from "./file-stamp.ts";

export interface RereadFileOptions<Content> {
  readonly path: string;
  /** Between two looks, each of which happens when the content is asked for. */
  readonly everyMs: number;
  readonly clock: Clock;
  /** @throws with a `code` of the file system, or whatever says what is wrong with the content */
  readonly read: (path: string) => Content;
  readonly onNews: (content: Content) => void;
  readonly onFault: (thrown: unknown) => void;
}

export class RereadFile<Content> {
  readonly #options: RereadFileOptions<Content>;
  #content: Content;
  /** Of what was read last, also when it was broken; undefined: it could not be read. */
  #stamp: string | undefined;
  #told: string | undefined;
  #lookedAtMs: number;

  /** @throws what `read` throws, and errors of the file system */
  constructor(options: RereadFileOptions<Content>) {
    this.#options = options;
    this.#stamp = fileStamp(options.path);
    this.#content = options.read(options.path);
    this.#lookedAtMs = options.clock.monotonicMs();
  }

  current(): Content {
    const { clock, everyMs } = this.#options;
    const nowMs = clock.monotonicMs();
    if (nowMs - this.#lookedAtMs >= everyMs) {
      this.#lookedAtMs = nowMs;
      this.#look();
    }
    return this.#content;
  }

  #look(): void {
    const { path, read, onNews, onFault } = this.#options;
    let stamp: string | undefined;
    try {
      stamp = fileStamp(path);
      if (stamp === this.#stamp) return;
      this.#content = read(path);
      this.#stamp = stamp;
      this.#told = undefined;
    } catch (thrown) {
      const { code } = thrown as NodeJS.ErrnoException;
      this.#stamp = code === undefined ? stamp : undefined;
      const fault = code ?? stamp;
      if (fault === this.#told) return;
      this.#told = fault;
      return onFault(thrown);
    }
    onNews(this.#content);
  }
}
