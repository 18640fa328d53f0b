/**
 * What was made before, kept by the bytes that it takes: the least recently used goes first.
 *
 * Owns: its entries. Never: outgrows its bounds, or lets one owner push out what others use.
 *
 *   BC1  all entries together, and those of one owner, take at most their bounds; an entry that is
 *        larger than its owner's bound is not kept;
 *   BC2  an owner that holds more than an even part of the whole makes room from its own entries,
 *        one that holds less takes it from the least recently used of all: a flood of one owner
 *        pushes out no more of the others than its even part;
 *   BC3  an entry is given out only until its time is over;
 *   BC4  what was begun before its owner was forgotten is not kept after it: it may be made of what
 *        had to be forgotten.
 */

export interface ByteCacheOptions {
  readonly bytesMax: number;
  readonly ownerBytesMax: number;
  /** How long an entry counts. */
  readonly keptMs: number;
  /** Any clock that does not go back. */
  readonly now: () => number;
}

interface Entry<Value> {
  readonly owner: string;
  readonly key: string;
  readonly value: Value;
  readonly bytes: number;
  readonly untilMs: number;
}

interface Owned<Value> {
  bytes: number;
  /** The least recently used first, as a Map keeps its order. */
  readonly entries: Map<string, Entry<Value>>;
}

/** Keeps what was made, unless its owner was forgotten meanwhile. */
export type Keep<Value> = (
  key: string,
  options: { readonly value: Value; readonly bytes: number },
) => void;

/** The maps, the entry and its place in both orders. */
const overheadBytes = 256;

export class ByteCache<Value> {
  readonly #options: ByteCacheOptions;
  readonly #owners = new Map<string, Owned<Value>>();
  /** All entries, the least recently used first. */
  readonly #all = new Set<Entry<Value>>();
  /** What is made at the moment, by owner. */
  readonly #making = new Map<string, Set<{ isForgotten: boolean }>>();
  #bytes = 0;

  constructor(options: ByteCacheOptions) {
    this.#options = options;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get(owner: string, key: string): Value | undefined {
    const owned = this.#owners.get(owner);
    const entry = owned?.entries.get(key);
    if (owned === undefined || entry === undefined) return undefined;
    if (this.#options.now() >= entry.untilMs) {
      this.#remove(entry);
      return undefined;
    }
    owned.entries.delete(key);
    owned.entries.set(key, entry);
    this.#all.delete(entry);
    this.#all.add(entry);
    return entry.value;
  }

  /** @param options.bytes of the value; those of the key are counted here */
  set(
    owner: string,
    key: string,
    options: { readonly value: Value; readonly bytes: number },
  ): void {
    const { keptMs, now, bytesMax, ownerBytesMax } = this.#options;
    const bytes = options.bytes + 2 * key.length + overheadBytes;
    this.delete(owner, key);
    this.#sweep();
    if (bytes > Math.min(ownerBytesMax, bytesMax)) return;
    this.#makeRoom(owner, bytes);
    const entry = { owner, key, value: options.value, bytes, untilMs: now() + keptMs };
    const owned = this.#owners.get(owner) ?? { bytes: 0, entries: new Map() };
    this.#owners.set(owner, owned);
    owned.entries.set(key, entry);
    owned.bytes += bytes;
    this.#all.add(entry);
    this.#bytes += bytes;
  }

  /** BC4: for what takes its time to make. */
  async making<Made>(owner: string, make: (keep: Keep<Value>) => Promise<Made>): Promise<Made> {
    const own = { isForgotten: false };
    const all = this.#making.get(owner) ?? new Set();
    this.#making.set(owner, all.add(own));
    try {
      return await make((key, options) => {
        if (!own.isForgotten) this.set(owner, key, options);
      });
    } finally {
      all.delete(own);
      if (all.size === 0) this.#making.delete(owner);
    }
  }

  delete(owner: string, key: string): void {
    const entry = this.#owners.get(owner)?.entries.get(key);
    if (entry !== undefined) this.#remove(entry);
  }

  /** All entries of an owner (BC4). */
  forget(owner: string): void {
    for (const made of this.#making.get(owner) ?? []) made.isForgotten = true;
    for (const entry of [...(this.#owners.get(owner)?.entries.values() ?? [])]) this.#remove(entry);
  }

  /** What nobody asks for any more; by the order of last use, so some may be left for later. */
  #sweep(): void {
    const nowMs = this.#options.now();
    for (const entry of this.#all) {
      if (nowMs < entry.untilMs) return;
      this.#remove(entry);
    }
  }

  #makeRoom(owner: string, bytes: number): void {
    const { bytesMax, ownerBytesMax } = this.#options;
    for (;;) {
      const owned = this.#owners.get(owner);
      const isOverOwn = owned !== undefined && owned.bytes + bytes > ownerBytesMax;
      if (!isOverOwn && this.#bytes + bytes <= bytesMax) return;
      const evenPart = bytesMax / (this.#owners.size + (owned === undefined ? 1 : 0));
      const isLarge = owned !== undefined && owned.bytes + bytes > evenPart;
      const from = isOverOwn || isLarge ? owned.entries.values() : this.#all.values();
      const { value: oldest } = from.next();
      if (oldest === undefined) return;
      this.#remove(oldest);
    }
  }

  #remove(entry: Entry<Value>): void {
    const owned = this.#owners.get(entry.owner);
    if (owned === undefined) return;
    owned.entries.delete(entry.key);
    owned.bytes -= entry.bytes;
    if (owned.entries.size === 0) this.#owners.delete(entry.owner);
    this.#all.delete(entry);
    this.#bytes -= entry.bytes;
  }
}
