/** What came in the last minute, in slots that are used again. */

import { limits } from "../contract/limits.ts";

const slotMs = limits.usageWindowMs / limits.usageSlots;

export class Window {
  readonly #amounts = new Float64Array(limits.usageSlots);
  /** Number of the newest slot since the clock's zero. */
  #newest = Number.NEGATIVE_INFINITY;

  add(amount: number, nowMs: number): void {
    this.#moveTo(nowMs);
    const at = this.#newest % limits.usageSlots;
    this.#amounts[at] = (this.#amounts[at] ?? 0) + amount;
  }

  /** What was added then, where that still counts. */
  takeBack(amount: number, addedAtMs: number): void {
    const slot = Math.floor(addedAtMs / slotMs);
    if (slot <= this.#newest - limits.usageSlots) return;
    const at = slot % limits.usageSlots;
    this.#amounts[at] = (this.#amounts[at] ?? 0) - amount;
  }

  sum(nowMs: number): number {
    this.#moveTo(nowMs);
    return this.#amounts.reduce((sum, amount) => sum + amount, 0);
  }

  #moveTo(nowMs: number): void {
    const slot = Math.floor(nowMs / slotMs);
    if (slot <= this.#newest) return;
    const first = Math.max(this.#newest + 1, slot - limits.usageSlots + 1);
    for (let old = first; old <= slot; old += 1) this.#amounts[old % limits.usageSlots] = 0;
    this.#newest = slot;
  }
}
