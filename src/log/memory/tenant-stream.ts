/**
 * What DOCS and CHUNKS in memory have in common: sequences, tenants in their partitions, where an
 * age begins, and the removal of what lies before a sequence.
 */

import {
  nextAfter,
  type Partition,
  type Position,
  partitionOf,
  type TenantId,
  type Version,
} from "../../contract/ids.ts";
import type { Clock } from "../../runtime/clock.ts";
import { isWildcard, unplacedPartition } from "../wire/subjects.ts";
import type { Availability } from "./availability.ts";

export interface TenantStreamOptions {
  readonly clock: Clock;
  readonly partitions: number;
  /** The sequence before the first. */
  readonly base: number;
  readonly availability: Availability;
}

interface Stored<Sequence, Item> {
  readonly tenant: string;
  readonly seq: Sequence;
  readonly atMs: number;
  readonly item: Item;
}

export class TenantStream<Sequence extends Version | Position, Item> {
  lastSeq: Sequence;
  readonly #options: TenantStreamOptions;
  #stored: Stored<Sequence, Item>[] = [];
  /** The same by tenant. */
  readonly #items = new Map<string, Item[]>();

  constructor(options: TenantStreamOptions, base: Sequence) {
    this.#options = options;
    this.lastSeq = base;
  }

  /** @param tenant unchecked: publishers choose it */
  add(tenant: string, itemOf: (seq: Sequence, atMs: number) => Item): Item {
    this.lastSeq = nextAfter(this.lastSeq);
    const atMs = this.#options.clock.nowMs();
    const item = itemOf(this.lastSeq, atMs);
    this.#stored.push({ tenant, seq: this.lastSeq, atMs, item });
    const items = this.#items.get(tenant);
    if (items === undefined) this.#items.set(tenant, [item]);
    else items.push(item);
    return item;
  }

  /** Of every tenant, in order. */
  all(): readonly Item[] {
    return this.#stored.map(({ item }) => item);
  }

  of(tenant: string): readonly Item[] {
    return this.#items.get(tenant) ?? [];
  }

  firstFrom(partition: Partition, from: Sequence): Item | undefined {
    return this.#stored.find(
      ({ tenant, seq }) => seq >= from && this.partitionOf(tenant) === partition,
    )?.item;
  }

  /** Every one that has messages. */
  tenants(): readonly string[] {
    return [...this.#items.keys()];
  }

  tenantsOf(partition: Partition): string[] {
    return this.tenants().filter((tenant) => this.partitionOf(tenant) === partition);
  }

  firstSince(atMs: number): Sequence {
    return this.#stored.find((stored) => stored.atMs >= atMs)?.seq ?? nextAfter(this.lastSeq);
  }

  /** How many were removed. @throws FreshetError log_identity */
  purgeBelow(tenant: string, below: Sequence): number {
    this.#options.availability.checkIdentity();
    const before = this.#stored.length;
    this.#stored = this.#stored.filter((stored) => stored.tenant !== tenant || stored.seq >= below);
    const items = this.#stored.filter((stored) => stored.tenant === tenant).map(({ item }) => item);
    if (items.length > 0) this.#items.set(tenant, items);
    else this.#items.delete(tenant);
    return before - this.#stored.length;
  }

  /** The server's transform hashes any token but a wildcard; only checked tenants ask by name. */
  partitionOf(tenant: string): Partition {
    if (isWildcard(tenant)) return unplacedPartition;
    return partitionOf(tenant as TenantId, this.#options.partitions);
  }
}
