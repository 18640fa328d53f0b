/** Snapshot requests that wait until their version is visible, or until their time is over (I8). */

import type { Version } from "../../src/contract/ids.ts";
import type { SnapshotRequest } from "../messages.ts";

export class SnapshotWaiters {
  #waiting: readonly SnapshotRequest[] = [];

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  add(request: SnapshotRequest): void {
    this.#waiting = [...this.#waiting, request];
  }

  /** False when it does not wait any more. */
  remove(request: SnapshotRequest): boolean {
    const others = this.#waiting.filter((other) => other !== request);
    const waited = others.length < this.#waiting.length;
    this.#waiting = others;
    return waited;
  }

  /** Takes out the requests that `visible` is enough for. */
  takeServed(visible: Version): readonly SnapshotRequest[] {
    const isServed = ({ minVersion }: SnapshotRequest) => visible >= (minVersion ?? 0);
    const served = this.#waiting.filter(isServed);
    this.#waiting = this.#waiting.filter((request) => !isServed(request));
    return served;
  }

  takeAll(): readonly SnapshotRequest[] {
    const all = this.#waiting;
    this.#waiting = [];
    return all;
  }
}
