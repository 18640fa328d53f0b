/** Pure bookkeeping of what a tenant has above its watermark: how much, and how old. */

import type { Position } from "../../src/contract/ids.ts";

interface UnmergedRecord {
  readonly position: Position;
  readonly chunks: number;
  readonly atMs: number;
}

export class Unmerged {
  #records: UnmergedRecord[] = [];
  #chunks = 0;

  /** Chunks to merge; a delete counts as one, because it too is work for cold. */
  get chunks(): number {
    return this.#chunks;
  }

  get oldestAtMs(): number | undefined {
    return this.#records[0]?.atMs;
  }

  /** Records come in log order. */
  add(record: UnmergedRecord): void {
    this.#records.push(record);
    this.#chunks += Math.max(1, record.chunks);
  }

  removeThrough(watermark: Position): void {
    const keepFrom = this.#records.findIndex(({ position }) => position > watermark);
    const removed = keepFrom === -1 ? this.#records : this.#records.slice(0, keepFrom);
    for (const { chunks } of removed) this.#chunks -= Math.max(1, chunks);
    this.#records = keepFrom === -1 ? [] : this.#records.slice(keepFrom);
  }
}
