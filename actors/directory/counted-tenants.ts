/**
 * The tenants of a partition, whose status is counted as it changes: every record asks what the
 * whole node holds, and a sum over its tenants would make a document dearer with each of them.
 *
 *   CN1  what is counted are the entries that are listed: each from `set` to `delete`, by the
 *        status that it has at the moment.
 */

import type { TenantId } from "../../src/contract/ids.ts";

/** Adds a status to what is counted (1), or takes it away (-1). */
export type CountStatus<Status> = (status: Status, sign: 1 | -1) => void;

export class CountedTenants<Status, Entry extends { status: Status }> extends Map<TenantId, Entry> {
  readonly #count: CountStatus<Status>;

  constructor(count: CountStatus<Status>) {
    super();
    this.#count = count;
  }

  override set(tenant: TenantId, entry: Entry): this {
    if (this.get(tenant) === entry) return this;
    this.#forget(tenant);
    this.#watch(entry);
    return super.set(tenant, entry);
  }

  override delete(tenant: TenantId): boolean {
    this.#forget(tenant);
    return super.delete(tenant);
  }

  override clear(): void {
    for (const tenant of this.keys()) this.#forget(tenant);
    super.clear();
  }

  /** For the view it stays a property that it writes. */
  #watch(entry: Entry): void {
    const count = this.#count;
    let { status } = entry;
    count(status, 1);
    Object.defineProperty(entry, "status", {
      ...{ configurable: true, enumerable: true },
      get: () => status,
      set: (next: Status) => {
        count(status, -1);
        status = next;
        count(status, 1);
      },
    });
  }

  #forget(tenant: TenantId): void {
    const entry = this.get(tenant);
    if (entry === undefined) return;
    const value = entry.status;
    this.#count(value, -1);
    const plain = { configurable: true, enumerable: true, writable: true };
    Object.defineProperty(entry, "status", { ...plain, value });
  }
}
