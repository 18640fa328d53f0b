/**
 * The bytes of many short lists that grow: most terms of a corpus are in one or two chunks, and an
 * array of its own costs each more than what it holds. Lists lie in pages, in extents of a few
 * sizes; one that outgrows its extent moves to a larger one.
 *
 * Owns: which bytes are taken. Never: what they mean.
 *
 *   PX1  extents do not overlap, and each is in one page whole;
 *   PX2  what is given back is handed out again, whole or in parts, before a page is added.
 */

/** An extent's place: its page's number times `pageSpan`, and where in the page it begins. */
const pageSpan = 65_536;
/** The first page is small, because most tenants are; each next one doubles up to the largest. */
const firstPageBytes = 1_024;
/** Extents up to here share pages, larger ones have a page each, which ends with them. */
const sharedMax = pageSpan / 2;
const noBytes = new Uint8Array(0);

/** Rising by a third to a half: a list leaves about a sixth of its extent empty. */
const sizes = sizesUpTo(2 ** 30);

function sizesUpTo(most: number): readonly number[] {
  const steps = [4, 8, 12];
  for (let size = 16; size < most; size *= 2) steps.push(size, size * 1.5);
  return steps;
}

export class PostingPool {
  readonly #pages: Uint8Array[] = [];
  /** Places given back, by size. */
  readonly #free: number[][] = sizes.map(() => []);
  /** Numbers of pages that ended. */
  readonly #unused: number[] = [];
  #bytes = 0;
  /** Where the page that is filled has room. */
  #next = 0;
  #end = 0;

  /** What the pages take. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The number of the smallest size that holds so many bytes. */
  sizeFor(bytes: number): number {
    let low = 0;
    let high = sizes.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sizes[middle] as number) < bytes) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  bytesOf(size: number): number {
    return sizes[size] as number;
  }

  /** The place of an extent, whose bytes are left over from its last use. */
  take(size: number): number {
    const bytes = this.bytesOf(size);
    if (bytes > sharedMax) return this.#addPage(bytes);
    return this.#free[size]?.pop() ?? this.#split(size) ?? this.#carve(bytes);
  }

  give(place: number, size: number): void {
    if (this.bytesOf(size) <= sharedMax) this.#free[size]?.push(place);
    else this.#dropPage(place);
  }

  page(place: number): Uint8Array {
    return this.#pages[Math.floor(place / pageSpan)] as Uint8Array;
  }

  /** Where in its page a place is. */
  offset(place: number): number {
    return place % pageSpan;
  }

  /** Copies the first `bytes` of one extent to another. */
  move(from: number, to: number, bytes: number): void {
    const start = this.offset(from);
    this.page(to).set(this.page(from).subarray(start, start + bytes), this.offset(to));
  }

  clear(): void {
    this.#pages.length = 0;
    this.#unused.length = 0;
    for (const places of this.#free) places.length = 0;
    this.#bytes = 0;
    this.#next = 0;
    this.#end = 0;
  }

  /** The front of a larger free extent; what is left of it is free in parts. */
  #split(size: number): number | undefined {
    for (let larger = size + 1; this.bytesOf(larger) <= sharedMax; larger += 1) {
      const place = this.#free[larger]?.pop();
      if (place === undefined) continue;
      this.#freeParts(place + this.bytesOf(size), this.bytesOf(larger) - this.bytesOf(size));
      return place;
    }
    return undefined;
  }

  #freeParts(start: number, bytes: number): void {
    let [place, rest] = [start, bytes];
    while (rest > 0) {
      const size = this.#largestWithin(rest);
      this.#free[size]?.push(place);
      place += this.bytesOf(size);
      rest -= this.bytesOf(size);
    }
  }

  /** All sizes are multiples of the smallest, so nothing stays over. */
  #largestWithin(bytes: number): number {
    const size = this.sizeFor(bytes);
    return this.bytesOf(size) > bytes ? size - 1 : size;
  }

  #carve(bytes: number): number {
    if (this.#next + bytes > this.#end) {
      this.#freeParts(this.#next, this.#end - this.#next);
      const doubled = firstPageBytes * 2 ** Math.min(this.#pages.length, 6);
      const page = Math.max(doubled, bytes);
      this.#next = this.#addPage(page);
      this.#end = this.#next + page;
    }
    this.#next += bytes;
    return this.#next - bytes;
  }

  #addPage(bytes: number): number {
    const number = this.#unused.pop() ?? this.#pages.length;
    this.#pages[number] = new Uint8Array(bytes);
    this.#bytes += bytes;
    return number * pageSpan;
  }

  #dropPage(place: number): void {
    const number = place / pageSpan;
    this.#bytes -= this.page(place).length;
    this.#pages[number] = noBytes;
    this.#unused.push(number);
  }
}
