/**
 * Which documents a filter matches, without asking every document: an index for each field that
 * filters name. It answers as `matchesFilter` does, so a document matches the same way in both
 * shards.
 *
 * Owns the field indexes. A field gets one at the first filter that names it, and keeps it as long
 * as it is among the last `limits.hotFilterFieldsMax` that were named: a field that no filter names
 * costs nothing.
 */

import {
  type Filter,
  fieldValues,
  isInside,
  type Leaf,
  matchesFilter,
} from "../contract/filter.ts";
import type { Field } from "../contract/filter-schema.ts";
import { limits } from "../contract/limits.ts";
import type { Scalar } from "../contract/scalar.ts";
import type { Entry } from "./rows.ts";

/** Entries, dead ones among them until they are half of it. */
interface Listing {
  entries: Entry[];
  dead: number;
}

/** The same with a number for each, in the order of arrival. */
interface NumberColumn extends Listing {
  numbers: number[];
}

/** How to find what a filter matches, and about how many entries that takes. */
interface Plan {
  readonly cost: number;
  readonly offer: () => Iterable<Entry>;
}

interface FieldIndex {
  readonly byValue: Map<Scalar, Listing>;
  readonly numbers: NumberColumn;
}

/** Per entry of a listing, and per listing: references, numbers, and what a Map entry takes. */
const listedBytes = 8;
const numberedBytes = 16;
const listingBytes = 150;

export class FilterIndex {
  /** Least lately named first. */
  readonly #fields = new Map<Field, FieldIndex>();
  #searches = 0;

  /** The newest search: entries that it matched carry it in `matched`. */
  get search(): number {
    return this.#searches;
  }

  add(entry: Entry): void {
    for (const [name, field] of this.#fields) list(field, entry, valuesOf(entry, name));
  }

  /** The entry must be dead. */
  remove(entry: Entry): void {
    for (const [name, field] of this.#fields) unlist(field, valuesOf(entry, name));
  }

  /**
   * The live entries that match, each once, marked with `search`. `all` is asked when a field is
   * new; what `admits` keeps out is not there.
   */
  select(
    filter: Filter,
    all: () => Iterable<Entry>,
    admits: (entry: Entry) => boolean = () => true,
  ): Entry[] {
    this.#searches += 1;
    const matching: Entry[] = [];
    for (const entry of this.#plan(filter, all).offer()) {
      if (!entry.alive || entry.matched === this.#searches || !admits(entry)) continue;
      entry.matched = this.#searches;
      matching.push(entry);
    }
    return matching;
  }

  /** What a filter offers matches it; it may be dead, and may come twice. */
  #plan(filter: Filter, all: () => Iterable<Entry>): Plan {
    if (filter.kind === "leaf") return this.#planOfLeaf(filter, all);
    if (filter.kind === "or") {
      const plans = filter.filters.map((each) => this.#plan(each, all));
      const cost = plans.reduce((sum, plan) => sum + plan.cost, 0);
      return { cost, offer: () => offersOf(plans) };
    }
    const plans = filter.filters.map((each) => ({ each, ...this.#plan(each, all) }));
    const [first, ...others] = plans.toSorted((left, right) => left.cost - right.cost);
    // No clause at all matches everything.
    if (first === undefined) return { cost: Number.POSITIVE_INFINITY, offer: all };
    if (others.length === 0) return first;
    const rest: Filter = { kind: "and", filters: others.map(({ each }) => each) };
    return { cost: first.cost, offer: () => matchingOf(first.offer(), rest) };
  }

  #planOfLeaf(leaf: Leaf, all: () => Iterable<Entry>): Plan {
    // What does not have a value is in no listing.
    if (leaf.negated || leaf.test.kind === "exists") {
      return { cost: Number.POSITIVE_INFINITY, offer: () => matchingOf(all(), leaf) };
    }
    const field = this.#field(leaf.field, all);
    return { cost: costOf(leaf, field), offer: () => listed(leaf, field) };
  }

  get bytes(): number {
    let bytes = 0;
    for (const { byValue, numbers } of this.#fields.values()) {
      bytes += byValue.size * listingBytes + numbers.entries.length * numberedBytes;
      for (const { entries } of byValue.values()) bytes += entries.length * listedBytes;
    }
    return bytes;
  }

  clear(): void {
    this.#fields.clear();
  }

  #field(name: Field, all: () => Iterable<Entry>): FieldIndex {
    const known = this.#fields.get(name);
    this.#fields.delete(name);
    const field = known ?? indexOf(name, all());
    this.#fields.set(name, field);
    for (const oldest of this.#fields.keys()) {
      if (this.#fields.size <= limits.hotFilterFieldsMax) break;
      this.#fields.delete(oldest);
    }
    return field;
  }
}

function indexOf(name: Field, entries: Iterable<Entry>): FieldIndex {
  const numbers: NumberColumn = { entries: [], numbers: [], dead: 0 };
  const field: FieldIndex = { byValue: new Map(), numbers };
  for (const entry of entries) list(field, entry, valuesOf(entry, name));
  return field;
}

/** Each value once: a metadata list may repeat one. */
function valuesOf({ documentId, info }: Entry, name: Field): Iterable<Scalar> {
  const values = fieldValues({ id: documentId, ...info }, name);
  return values.length > 1 ? new Set(values) : values;
}

function* matchingOf(entries: Iterable<Entry>, filter: Filter): Generator<Entry> {
  for (const entry of entries) if (isMatch(entry, filter)) yield entry;
}

function isMatch({ documentId, info }: Entry, filter: Filter): boolean {
  return matchesFilter({ id: documentId, ...info }, filter);
}

function* offersOf(plans: readonly Plan[]): Generator<Entry> {
  for (const plan of plans) yield* plan.offer();
}

function list({ byValue, numbers }: FieldIndex, entry: Entry, values: Iterable<Scalar>): void {
  for (const value of values) {
    const known = byValue.get(value);
    if (known === undefined) byValue.set(value, { entries: [entry], dead: 0 });
    else known.entries.push(entry);
    if (typeof value !== "number") continue;
    numbers.entries.push(entry);
    numbers.numbers.push(value);
  }
}

function unlist({ byValue, numbers }: FieldIndex, values: Iterable<Scalar>): void {
  for (const value of values) {
    const listing = byValue.get(value);
    if (listing === undefined) continue;
    listing.dead += 1;
    if (listing.dead === listing.entries.length) byValue.delete(value);
    else if (listing.dead * 2 > listing.entries.length) {
      listing.entries = listing.entries.filter(({ alive }) => alive);
      listing.dead = 0;
    }
    if (typeof value !== "number") continue;
    numbers.dead += 1;
    if (numbers.dead * 2 > numbers.entries.length) dropDead(numbers);
  }
}

function dropDead(column: NumberColumn): void {
  column.numbers = column.numbers.filter((_, index) => column.entries[index]?.alive === true);
  column.entries = column.entries.filter(({ alive }) => alive);
  column.dead = 0;
}

/** About how many entries it takes: what a listing holds, or all that a range looks at. */
function costOf({ test }: Leaf, { byValue, numbers }: FieldIndex): number {
  switch (test.kind) {
    case "any":
      return countsOf(test.values, byValue).reduce((sum, count) => sum + count, 0);
    case "all":
      return Math.min(...countsOf(test.values, byValue));
    case "range":
      return numbers.entries.length + (test.bounds.ofTimes ? byValue.size : 0);
    case "exists":
      return Number.POSITIVE_INFINITY;
  }
}

function countsOf(values: ReadonlySet<Scalar>, byValue: FieldIndex["byValue"]): readonly number[] {
  return [...values].map((value) => byValue.get(value)?.entries.length ?? 0);
}

function* listed(leaf: Leaf, { byValue, numbers }: FieldIndex): Generator<Entry> {
  const { test } = leaf;
  switch (test.kind) {
    case "any":
      for (const value of test.values) yield* byValue.get(value)?.entries ?? [];
      return;
    case "all": {
      const counts = countsOf(test.values, byValue);
      const rarest = [...test.values][counts.indexOf(Math.min(...counts))] as Scalar;
      for (const entry of byValue.get(rarest)?.entries ?? []) {
        if (isMatch(entry, leaf)) yield entry;
      }
      return;
    }
    case "range":
      for (const [index, value] of numbers.numbers.entries()) {
        if (isInside(value, test.bounds)) yield numbers.entries[index] as Entry;
      }
      if (!test.bounds.ofTimes) return;
      for (const [value, { entries }] of byValue) {
        if (typeof value === "string" && isInside(value, test.bounds)) yield* entries;
      }
      return;
    case "exists":
      // Asked of each entry, see #planOfLeaf: a listing would name it once for each value.
      return;
  }
}
