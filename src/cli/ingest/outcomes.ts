/**
 * Matches publishes with the events that tell what became of them. An event may come before the
 * publish returns, and events of other publishers come too, so neither side is taken alone.
 */

import type { DocumentStatus } from "../../contract/events.ts";
import { limits } from "../../contract/limits.ts";

export type Outcomes = Readonly<Record<DocumentStatus, number>>;

export class OutcomeCounter {
  readonly #counts = { visible: 0, deleted: 0, superseded: 0, rejected: 0 };
  readonly #waiting = new Set<number>();
  readonly #early = new Map<number, DocumentStatus>();
  readonly #onSettled: (seq: number, status: DocumentStatus) => void;

  constructor(onSettled: (seq: number, status: DocumentStatus) => void = () => {}) {
    this.#onSettled = onSettled;
  }

  published(seq: number): void {
    const status = this.#early.get(seq);
    if (status === undefined) {
      this.#waiting.add(seq);
      return;
    }
    this.#early.delete(seq);
    this.#settle(seq, status);
  }

  heard(seq: number, status: DocumentStatus): void {
    if (this.#waiting.delete(seq)) {
      this.#settle(seq, status);
      return;
    }
    this.#early.set(seq, status);
    if (this.#early.size <= limits.ingestEarlyEventsMax) return;
    const oldest = this.#early.keys().next().value;
    if (oldest !== undefined) this.#early.delete(oldest);
  }

  get counts(): Outcomes {
    return { ...this.#counts };
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  #settle(seq: number, status: DocumentStatus): void {
    this.#counts[status] += 1;
    this.#onSettled(seq, status);
  }
}
