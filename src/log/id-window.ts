/**
 * Which of a tenant's operations repeat an earlier one: the same message id within the duplicate
 * window. Pure.
 *
 * Owns: the ids of the window, oldest first. Never: decides about content, or knows another
 * tenant's ids.
 *
 *   IW1  ids and times are those of DOCS, in log order, from two windows before the cursor on: so
 *        every owner decides the same, unless one id is repeated without a pause for longer than
 *        that. Decisions are recorded in CHUNKS (I7);
 *   IW2  a repetition does not prolong the window: it counts from the first operation under the id;
 *   IW3  at most `idsMax` ids are kept, all of one size; above that the oldest are forgotten, so
 *        the window of a tenant that publishes so fast gets shorter (I11).
 */

import { createHash } from "node:crypto";
import type { Version } from "../contract/ids.ts";
import type { StoredMessageId } from "./port.ts";

interface First {
  readonly version: Version;
  readonly atMs: number;
}

export class IdWindow {
  readonly #windowMs: number;
  readonly #idsMax: number;
  /** In the order of the log, by digest. */
  readonly #firsts = new Map<string, First>();

  constructor({ windowMs, idsMax }: { readonly windowMs: number; readonly idsMax: number }) {
    this.#windowMs = windowMs;
    this.#idsMax = idsMax;
  }

  get size(): number {
    return this.#firsts.size;
  }

  /**
   * Version of the operation that this one repeats; undefined when it is the first, which is
   * remembered from now on.
   */
  take({ version, atMs, messageId }: StoredMessageId): Version | undefined {
    this.#forgetBefore(atMs);
    const digest = createHash("sha256").update(messageId).digest("base64").slice(0, 22);
    const first = this.#firsts.get(digest);
    if (first !== undefined && atMs - first.atMs < this.#windowMs) return first.version;
    // Deleted first, so that it follows all others: the map's order is that of the log.
    this.#firsts.delete(digest);
    this.#firsts.set(digest, { version, atMs });
    if (this.#firsts.size > this.#idsMax) this.#forget(this.#firsts.keys().next().value);
    return undefined;
  }

  /**
   * A server clock that was set back leaves later times in front: they stay until it has caught up,
   * or until memory is needed.
   */
  #forgetBefore(atMs: number): void {
    for (const [digest, first] of this.#firsts) {
      if (atMs - first.atMs < this.#windowMs) return;
      this.#firsts.delete(digest);
    }
  }

  #forget(digest: string | undefined): void {
    if (digest !== undefined) this.#firsts.delete(digest);
  }
}
