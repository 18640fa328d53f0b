/**
 * Cuts a stream of objects into pages and keeps a bounded number of them in flight.
 *
 *   PW1  at most `pagesInFlight` pages are being written, and at most one is being filled: memory is bounded;
 *   PW2  after `settle` no write of this writer is under way, whatever failed before;
 *   PW3  `flush` resolves only when every object that was added has been written.
 */

import type { ColdObject, ColdShard } from "../src/cold/port.ts";
import type { TenantId } from "../src/contract/ids.ts";
import { limits } from "../src/contract/limits.ts";

export class PageWriter {
  readonly #cold: ColdShard;
  readonly #tenant: TenantId;
  readonly #rewrites: boolean;
  readonly #onWritten: (objects: number) => void;
  readonly #inFlight = new Set<Promise<void>>();
  #page: ColdObject[] = [];
  #failure: { readonly error: unknown } | undefined;

  constructor(options: {
    readonly cold: ColdShard;
    readonly tenant: TenantId;
    /** The objects were missed by a read-back. */
    readonly rewrites?: boolean;
    readonly onWritten: (objects: number) => void;
  }) {
    this.#cold = options.cold;
    this.#tenant = options.tenant;
    this.#rewrites = options.rewrites === true;
    this.#onWritten = options.onWritten;
  }

  async add(object: ColdObject): Promise<void> {
    this.#page.push(object);
    if (this.#page.length >= limits.mergePageObjects) await this.#send();
  }

  async flush(): Promise<void> {
    if (this.#page.length > 0) await this.#send();
    await this.settle();
    this.#throwFailure();
  }

  async settle(): Promise<void> {
    await Promise.all(this.#inFlight);
  }

  async #send(): Promise<void> {
    while (this.#inFlight.size >= limits.mergePagesInFlight) await Promise.race(this.#inFlight);
    this.#throwFailure();
    const page = this.#page;
    this.#page = [];
    const writing = this.#write(page).finally(() => this.#inFlight.delete(writing));
    this.#inFlight.add(writing);
  }

  /** Never rejects: the failure is thrown to whoever adds next, so no rejection goes unhandled. */
  async #write(page: readonly ColdObject[]): Promise<void> {
    try {
      if (this.#rewrites) await this.#cold.rewrite(this.#tenant, page);
      else await this.#cold.upsert(this.#tenant, page);
      this.#onWritten(page.length);
    } catch (error) {
      this.#failure ??= { error };
    }
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
