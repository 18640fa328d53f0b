/**
 * Pure: what a tenant's documents are at each version, from what DOCS says. Nothing of Freshet's own folding is used:
 * an oracle that shared its code would share its mistakes.
 */

import type { OperationKind } from "./operations.ts";

/** An operation with its place in DOCS. */
export interface LoggedOperation {
  readonly version: number;
  readonly documentId: string;
  readonly kind: OperationKind;
  /** Sent again under its message id, within the duplicate window: it must change nothing. */
  readonly isRetry?: boolean | undefined;
}

export class TenantOracle {
  readonly #operations: LoggedOperation[] = [];
  /** Per document, what it was from each version on: live or gone. */
  readonly #histories = new Map<string, { readonly version: number; readonly live: boolean }[]>();

  /** In the order of DOCS. */
  add(operation: LoggedOperation): void {
    if (operation.version <= this.last) throw new RangeError("operations come in log order");
    this.#operations.push(operation);
    if (operation.kind === "invalid" || operation.isRetry === true) return;
    const history = this.#histories.get(operation.documentId) ?? [];
    history.push({ version: operation.version, live: operation.kind === "upsert" });
    this.#histories.set(operation.documentId, history);
  }

  /** Version of the newest operation; 0 when there is none. */
  get last(): number {
    return this.#operations.at(-1)?.version ?? 0;
  }

  get operations(): readonly LoggedOperation[] {
    return this.#operations;
  }

  /** The first operation behind a version. */
  nextAfter(version: number): LoggedOperation | undefined {
    return this.#operations[this.#countThrough(version)];
  }

  /** The newest operation at or below a version; 0 when there is none. */
  lastThrough(version: number): number {
    return this.#operations[this.#countThrough(version) - 1]?.version ?? 0;
  }

  /** Live documents among those named, with their newest versions, as of a version. */
  liveAt(documents: readonly string[], version: number): ReadonlyMap<string, number> {
    const live = new Map<string, number>();
    for (const id of documents) {
      const newest = this.#histories.get(id)?.findLast((entry) => entry.version <= version);
      if (newest?.live === true) live.set(id, newest.version);
    }
    return live;
  }

  /** Versions in (`from`, `to`] at which one of the documents changed. */
  changes(documents: readonly string[], from: number, to: number): readonly number[] {
    const changed = documents.flatMap((id) => this.#histories.get(id) ?? []);
    return changed
      .map(({ version }) => version)
      .filter((version) => version > from && version <= to);
  }

  /** Operations with a version at or below `version`: binary search, since runs are long. */
  #countThrough(version: number): number {
    let [low, high] = [0, this.#operations.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#operations[middle]?.version ?? 0) <= version) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
