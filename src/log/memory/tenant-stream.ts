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
  /** The same by tenant, and their sequences beside them. */
  readonly #items = new Map<string, Item[]>();
  readonly #seqs = new Map<string, Sequence[]>();

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
    listIn(this.#items, tenant).push(item);
    listIn(this.#seqs, tenant).push(this.lastSeq);
    return item;
  }

  /** Of every tenant, in order. */
  all(): readonly Item[] {
    return this.#stored.map(({ item }) => item);
  }

  of(tenant: string): readonly Item[] {
    return this.#items.get(tenant) ?? [];
  }

  /** Where in `of(tenant)` the first one behind a sequence is: readers go through it one by one. */
  indexAfter(tenant: string, seq: Sequence): number {
    const seqs = this.#seqs.get(tenant) ?? [];
    let low = 0;
    let high = seqs.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((seqs[middle] as Sequence) <= seq) low = middle + 1;
      else high = middle;
    }
    return low;
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
  purgeBelow(tenant: string, below: Sequence, except?: ReadonlySet<number>): number {
    this.#options.availability.checkIdentity();
    const before = this.#stored.length;
    const stays = (seq: Sequence): boolean => seq >= below || except?.has(seq) === true;
    this.#stored = this.#stored.filter((stored) => stored.tenant !== tenant || stays(stored.seq));
    const left = this.#stored.filter((stored) => stored.tenant === tenant);
    this.#items.delete(tenant);
    this.#seqs.delete(tenant);
    for (const { item, seq } of left) {
      listIn(this.#items, tenant).push(item);
      listIn(this.#seqs, tenant).push(seq);
    }
    return before - this.#stored.length;
  }

  /** The server's transform hashes any token but a wildcard; only checked tenants ask by name. */
  partitionOf(tenant: string): Partition {
    if (isWildcard(tenant)) return unplacedPartition;
    return partitionOf(tenant as TenantId, this.#options.partitions);
  }
}

function listIn<Value>(lists: Map<string, Value[]>, key: string): Value[] {
  const known = lists.get(key);
  if (known !== undefined) return known;
  const list: Value[] = [];
  lists.set(key, list);
  return list;
}
