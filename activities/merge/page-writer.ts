/**
 * Cuts a stream of objects into pages and keeps a bounded number of them in flight.
 *
 *   PW1  at most `pagesInFlight` pages are being written, and at most one is being filled: memory is bounded;
 *   PW2  after `settle` no write of this writer is under way, whatever failed before;
 *   PW3  `flush` resolves only when every object that was added has been written, or refused for good;
 *   PW4  a page's refusal stops no other page: the records that it is about are told by `refused`.
 */

import type { ColdObject, ColdShard } from "../../src/cold/port.ts";
import { RefusedObjectsError } from "../../src/cold/refusal.ts";
import type { Position, TenantId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";

interface PlacedObject {
  readonly object: ColdObject;
  readonly record: Position;
}

export class PageWriter {
  readonly #cold: ColdShard;
  readonly #tenant: TenantId;
  readonly #rewrites: boolean;
  readonly #onWritten: (objects: number) => void;
  readonly #inFlight = new Set<Promise<void>>();
  readonly #refused = new Set<Position>();
  refusedObjects = 0;
  #page: PlacedObject[] = [];
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

  /** Records, by their positions, that made an object which cold refuses. */
  get refused(): readonly Position[] {
    return [...this.#refused].sort((one, other) => one - other);
  }

  async add(object: ColdObject, record: Position): Promise<void> {
    this.#page.push({ object, record });
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
  async #write(page: readonly PlacedObject[]): Promise<void> {
    try {
      const objects = page.map(({ object }) => object);
      if (this.#rewrites) await this.#cold.rewrite(this.#tenant, objects);
      else await this.#cold.upsert(this.#tenant, objects);
      this.#onWritten(page.length);
    } catch (error) {
      if (error instanceof RefusedObjectsError) this.#note(page, new Set(error.ids));
      else this.#failure ??= { error };
    }
  }

  #note(page: readonly PlacedObject[], ids: ReadonlySet<string>): void {
    this.refusedObjects += ids.size;
    for (const { object, record } of page) if (ids.has(object.id)) this.#refused.add(record);
    this.#onWritten(page.length);
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
