/**
 * The bytes of many short lists that grow: most terms of a corpus are in one or two chunks, and an
 * array of its own costs each more than what it holds. Lists lie in pages, in extents of a few
 * sizes; one that outgrows its extent moves to a larger one.
 *
 * Owns: which bytes are taken. Never: what they mean.
 *
 *   PP1  extents do not overlap, and each is in one page whole;
 *   PP2  what is given back is handed out again to what asks for the same size.
 */

/** An extent's place: its page's number times `pageSpan`, and where in the page it begins. */
const pageSpan = 65_536;
/** The first page is small, because most tenants are; each next one doubles up to the largest. */
const firstPageBytes = 1_024;

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
    return this.#free[size]?.pop() ?? this.#carve(sizes[size] as number);
  }

  give(place: number, size: number): void {
    this.#free[size]?.push(place);
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
    for (const places of this.#free) places.length = 0;
    this.#bytes = 0;
    this.#next = 0;
    this.#end = 0;
  }

  #carve(bytes: number): number {
    if (bytes > pageSpan / 2) return this.#addPage(bytes);
    if (this.#next + bytes > this.#end) {
      const span = Math.min(pageSpan, firstPageBytes * 2 ** Math.min(this.#pages.length, 6));
      const page = Math.max(span, bytes);
      this.#next = this.#addPage(page);
      this.#end = this.#next + page;
    }
    this.#next += bytes;
    return this.#next - bytes;
  }

  #addPage(bytes: number): number {
    this.#pages.push(new Uint8Array(bytes));
    this.#bytes += bytes;
    return (this.#pages.length - 1) * pageSpan;
  }
}
