/**
 * Whether a server that is still asked fails all of it. Pure but for what it remembers.
 *
 * A single failure is daily life, and a text's own fault brings one: only a time without any
 * answer is worth a line in the log. One line each way, however many requests there were.
 */

import { limits } from "../contract/limits.ts";

type Known =
  | { readonly kind: "answers"; readonly atMs: number }
  | { readonly kind: "fails"; readonly sinceMs: number }
  | { readonly kind: "out" };

export class Outage {
  #known: Known = { kind: "answers", atMs: Number.NEGATIVE_INFINITY };

  get isOut(): boolean {
    return this.#known.kind === "out";
  }

  /** @returns what is worth telling, once */
  replied(
    isFailure: boolean,
    { sentAtMs, nowMs }: { readonly sentAtMs: number; readonly nowMs: number },
  ): "out" | "back" | undefined {
    const before = this.#known;
    if (!isFailure) {
      this.#known = { kind: "answers", atMs: nowMs };
      return before.kind === "out" ? "back" : undefined;
    }
    if (before.kind === "out") return undefined;
    // One that answered nothing until its time-out has been silent since it was asked; not where it
    // answered others meanwhile.
    const sinceMs = before.kind === "fails" ? before.sinceMs : Math.max(sentAtMs, before.atMs);
    const isLong = nowMs - sinceMs >= limits.embedPoolSilentMs;
    this.#known = isLong ? { kind: "out" } : { kind: "fails", sinceMs };
    return isLong ? "out" : undefined;
  }
}
