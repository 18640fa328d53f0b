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
  passes,
  type Scalar,
  type Test,
  testOf,
} from "../contract/filter.ts";
import { limits } from "../contract/limits.ts";
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
  readonly #fields = new Map<string, FieldIndex>();
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
   * new.
   */
  select(filter: Filter, all: () => Iterable<Entry>): Entry[] {
    this.#searches += 1;
    const tests = Object.entries(filter).map(([name, wanted]) => ({
      name,
      test: testOf(name, wanted),
      field: this.#field(name, all),
    }));
    const [first, ...others] = tests.toSorted((left, right) => costOf(left) - costOf(right));
    const matching: Entry[] = [];
    // No clause at all matches everything.
    const offered = first === undefined ? all() : listed(first.field, first.test);
    for (const entry of offered) {
      if (!entry.alive || entry.matched === this.#searches) continue;
      if (!others.every(({ name, test }) => matches(entry, name, test))) continue;
      entry.matched = this.#searches;
      matching.push(entry);
    }
    return matching;
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

  #field(name: string, all: () => Iterable<Entry>): FieldIndex {
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

function indexOf(name: string, entries: Iterable<Entry>): FieldIndex {
  const numbers: NumberColumn = { entries: [], numbers: [], dead: 0 };
  const field: FieldIndex = { byValue: new Map(), numbers };
  for (const entry of entries) list(field, entry, valuesOf(entry, name));
  return field;
}

/** Each value once: a metadata list may repeat one. */
function valuesOf({ documentId, info }: Entry, name: string): Iterable<Scalar> {
  const values = fieldValues({ id: documentId, ...info }, name);
  return values.length > 1 ? new Set(values) : values;
}

function matches(entry: Entry, name: string, test: Test): boolean {
  for (const value of valuesOf(entry, name)) if (passes(value, test)) return true;
  return false;
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

/** About how many entries it takes to answer: what a listing holds, or all numbers for a range. */
function costOf({ test, field }: { readonly test: Test; readonly field: FieldIndex }): number {
  if (test.kind === "range") return field.numbers.entries.length;
  return test.values.reduce<number>(
    (sum, value) => sum + (field.byValue.get(value)?.entries.length ?? 0),
    0,
  );
}

function* listed({ byValue, numbers }: FieldIndex, test: Test): Generator<Entry> {
  if (test.kind === "one of") {
    for (const value of test.values) yield* byValue.get(value)?.entries ?? [];
    return;
  }
  for (const [index, value] of numbers.numbers.entries()) {
    if (passes(value, test)) yield numbers.entries[index] as Entry;
  }
}
