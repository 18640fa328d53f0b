/**
 * The chain check of a range read (L3): each record names the one before it, from the very first
 * on.
 */

import { FreshetError } from "../contract/errors.ts";
import type { Position, TenantId } from "../contract/ids.ts";
import type { Placed } from "../contract/record.ts";

export class ChainCheck {
  #last: Position;
  readonly #to: Position;
  readonly #tenant: TenantId;

  constructor(range: {
    readonly tenant: TenantId;
    readonly after: Position;
    readonly to: Position;
  }) {
    this.#tenant = range.tenant;
    this.#last = range.after;
    this.#to = range.to;
  }

  /**
   * @throws FreshetError broken_chain when `placed` does not lie directly after what was seen last
   */
  accept(placed: Placed): void {
    if (placed.previous !== this.#last || placed.position > this.#to) throw this.broken();
    this.#last = placed.position;
  }

  get complete(): boolean {
    return this.#last >= this.#to;
  }

  /** Up to where the chain is unbroken. */
  get last(): Position {
    return this.#last;
  }

  broken(): FreshetError {
    const message =
      `records of tenant ${this.#tenant} after position ${this.#last} are not in CHUNKS: ` +
      "purged above the watermark, or lost; see ops/runbooks/log-identity.md";
    return new FreshetError("broken_chain", message, {
      details: { tenant: this.#tenant, after: this.#last, to: this.#to },
    });
  }
}
