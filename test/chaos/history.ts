/**
 * The history of a run: what publishers sent and heard, and what is wrong.
 *
 * Owns: every operation with its outcome, and the violations. Never: forgets one; a run is bounded by its minutes.
 */

import { appendFileSync } from "node:fs";
import type { ChaosOperation } from "./operations.ts";

/** `unknown`: no answer, so it may be in the log or not; a refusal means that it is not. */
export type PublishOutcome =
  | { readonly kind: "acked"; readonly seq: number }
  | { readonly kind: "refused"; readonly code: string }
  | { readonly kind: "unknown" };

export interface Violation {
  readonly kind: "publish" | "log" | "answer" | "manifest" | "recovery" | "process" | "objective";
  readonly detail: string;
  readonly atMs: number;
}

/** Violations that are kept: the first ones tell what happened, the rest repeat it. */
const violationsMax = 100;

export class History {
  readonly #operations = new Map<string, ChaosOperation>();
  readonly #outcomes = new Map<string, readonly PublishOutcome[]>();
  readonly #file: string;
  readonly #now: () => number;
  readonly violations: Violation[] = [];

  constructor(file: string, now: () => number) {
    this.#file = file;
    this.#now = now;
  }

  get operations(): ReadonlyMap<string, ChaosOperation> {
    return this.#operations;
  }

  begun(operation: ChaosOperation): void {
    this.#operations.set(operation.id, operation);
  }

  ended(operation: ChaosOperation, outcome: PublishOutcome): void {
    const outcomes = this.#outcomes.get(operation.id) ?? [];
    this.#outcomes.set(operation.id, [...outcomes, outcome]);
    const { id, tenant, documentId, kind } = operation;
    this.note({ operation: id, tenant, documentId, kind, outcome });
  }

  /** Of each time that it was sent and answered: a retry may get a place of its own. */
  outcomesOf(id: string): readonly PublishOutcome[] {
    return this.#outcomes.get(id) ?? [];
  }

  counts(): Readonly<Record<PublishOutcome["kind"], number>> {
    const counts = { acked: 0, refused: 0, unknown: 0 };
    for (const outcomes of this.#outcomes.values()) {
      const known = outcomes.find(({ kind }) => kind === "acked") ?? outcomes[0];
      if (known !== undefined) counts[known.kind] += 1;
    }
    return counts;
  }

  violation(kind: Violation["kind"], detail: string): void {
    const violation = { kind, detail, atMs: this.#now() };
    this.note({ violation });
    if (this.violations.length < violationsMax) this.violations.push(violation);
  }

  /** A line of the run's file, for whoever looks for the cause. */
  note(line: object): void {
    appendFileSync(this.#file, `${JSON.stringify({ atMs: this.#now(), ...line })}\n`);
  }
}
