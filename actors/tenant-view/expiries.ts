/**
 * When documents that a tenant view has folded expire: the next one is found without looking at all
 * of them. State without time or messages of its own.
 *
 *   EX1  a document has one expiry, that of its newest version;
 *   EX2  each is taken once, when its time has come;
 *   EX3  memory follows the documents that will expire: what is void is swept when it is half;
 *   EX4  heads are loaded without the times of what is merged, which cold has: what a page of it
 *        shows of a newest version that is over counts as if its time had been known.
 */

import { hasExpired } from "../../src/contract/expiry.ts";
import type { DocumentId, Version } from "../../src/contract/ids.ts";
import type { StoredDocument } from "../messages.ts";

interface Expiry {
  readonly documentId: DocumentId;
  readonly version: Version;
  readonly expiresAtMs: number;
}

/** Below it a sweep saves nothing. */
const sweepFrom = 64;

export class Expiries {
  readonly #newest = new Map<DocumentId, Expiry>();
  /** A binary heap, the earliest on top; void entries among them. */
  #heap: Expiry[] = [];

  /** Without a time the document does not expire, whatever an earlier version said. */
  set(document: {
    readonly documentId: DocumentId;
    readonly version: Version;
    readonly expiresAtMs: number | undefined;
  }): void {
    const { documentId, version, expiresAtMs } = document;
    this.#newest.delete(documentId);
    if (expiresAtMs !== undefined) {
      const expiry = { documentId, version, expiresAtMs };
      this.#newest.set(documentId, expiry);
      this.#push(expiry);
    }
    this.#sweep();
  }

  /** EX4. Keeps no others than those that are over, to be taken; gives the others. */
  learn(stored: readonly StoredDocument[], nowMs: number): readonly StoredDocument[] {
    const over = stored.filter(({ info }) => hasExpired(info, nowMs));
    for (const { documentId, version, info } of over) {
      this.set({ documentId, version, expiresAtMs: info.expiresAtMs });
    }
    return stored.filter(({ info }) => !hasExpired(info, nowMs));
  }

  delete(documentId: DocumentId): void {
    if (this.#newest.delete(documentId)) this.#sweep();
  }

  /** Those whose time has come by `nowMs`, earliest first; they are forgotten. */
  take(nowMs: number): readonly Expiry[] {
    const taken: Expiry[] = [];
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined || first.expiresAtMs > nowMs) return taken;
      this.#pop();
      if (this.#newest.get(first.documentId) !== first) continue;
      this.#newest.delete(first.documentId);
      taken.push(first);
    }
  }

  /** Entries that are kept, void ones among them. */
  get size(): number {
    return this.#heap.length;
  }

  #sweep(): void {
    if (this.#heap.length < sweepFrom || this.#heap.length <= 2 * this.#newest.size) return;
    this.#heap = [...this.#newest.values()].sort((a, b) => a.expiresAtMs - b.expiresAtMs);
  }

  #push(expiry: Expiry): void {
    const heap = this.#heap;
    let at = heap.push(expiry) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above] as Expiry;
      if (parent.expiresAtMs <= expiry.expiresAtMs) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = expiry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      const [left, right] = [heap[below] as Expiry, heap[below + 1]];
      if (right !== undefined && right.expiresAtMs < left.expiresAtMs) below += 1;
      const least = heap[below] as Expiry;
      if (least.expiresAtMs >= last.expiresAtMs) break;
      heap[at] = least;
      at = below;
    }
    heap[at] = last;
  }
}
