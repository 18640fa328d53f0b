/**
 * The arithmetic of the hot index, in AssemblyScript: compiled by `npm run simd` into simd-code.ts,
 * and used through simd.ts only. 128-bit SIMD, because a scan in plain JavaScript is about ten
 * times slower.
 *
 * Every number of a vector has 12 bits: eight are its code, and four are its low bits, which lie
 * apart. Codes decide where to look, all bits decide what a score is:
 *
 *   SD1  a score that leaves the SIMD code is the f32 dot product;
 *   SD2  `scan` is exact: a row is passed over only where its code proves that it cannot be among
 *       the best;
 *   SD3  `search` walks an HNSW graph by codes (Malkov and Yashunin, 2016, algorithm 2, as in
 *       hnswlib) and scores what it found by f32;
 *   SD4  rows whose mask bit is 0 are never offered, but the walk goes through them: deletes and
 *       filters apply inside the search.
 *
 * All addresses are bytes in the arena; nothing is allocated here. One search runs at a time.
 */

import { dropMost, pushLeast, pushMost, put, replaceLeast } from "./heap.as";
import {
  approximate,
  approximateFour,
  ask,
  ceiling,
  codeBytes,
  dot,
  likelyCeiling,
  lowBytes,
  preciseDot,
  productOf,
  unpack,
  writeCode,
} from "./products.as";

// The best so far: pairs of score f32 and id u32, a heap with the worst on top.
let best: usize = 0;
let bestCount: u32 = 0;
let bestMax: u32 = 0;

// Room for walks through graphs.
let tags: usize = 0;
let candidates: usize = 0;
let found: usize = 0;
/** The tag of a row that this walk has met. */
let epoch: u32 = 0;
/** What `warm` read, so that the compiler keeps its loads. */
let warmth: u32 = 0;

/**
 * Starts a search: the question's f32 numbers are at `vector`, its code goes to `code`, the best to
 * `heap`.
 */
export function begin(vector: usize, code: usize, numbers: u32, heap: usize, limit: u32): void {
  ask(vector, code, numbers);
  best = heap;
  bestCount = 0;
  bestMax = limit;
}

/** Writes a row's code and low bits; its f32 numbers are at `vector`, and not all are zero. */
export function encode(vector: usize, code: usize, lows: usize, numbers: u32): void {
  writeCode(vector, code, lows, numbers);
}

/** Writes a row's f32 numbers to `to`. */
export function decode(code: usize, lows: usize, numbers: u32, to: usize): void {
  unpack(code, lows, numbers, to);
}

/** The f64 product of the question and a row of f32 numbers at `numbers`. */
export function precise(numbers: usize, dimensions: u32): f64 {
  return preciseDot(numbers, dimensions);
}

/** How many pairs (score f32, id u32) the heap holds, in no order. */
export function end(): u32 {
  return bestCount;
}

/** Offers a row, whose f32 product is computed only where it may be as high as `most`. */
function offer(most: f32, code: usize, low: usize, id: u32): void {
  if (bestCount < bestMax) {
    pushLeast(best, bestCount, dot(code, low), id);
    bestCount += 1;
  } else if (most > load<f32>(best)) {
    const score = dot(code, low);
    if (score > load<f32>(best)) replaceLeast(best, bestCount, score, id);
  }
}

/** Offers each of `rows` rows whose mask bit is set; the id of row i is `base` + i. */
export function scan(lows: usize, codes: usize, mask: usize, rows: u32, base: u32): void {
  for (let first: u32 = 0; first < rows; first += 4) {
    let bits = <u32>(load<u8>(mask + <usize>(first >> 3)) >> <u8>(first & 4)) & 15;
    if (bits === 0) continue;
    const isAlone = (bits & (bits - 1)) === 0;
    // Blocks have room for whole words of rows, so four are there, be they rows or what is left of
    // others.
    if (!isAlone) approximateFour(codes + <usize>first * codeBytes);
    while (bits !== 0) {
      const index = ctz(bits);
      bits &= bits - 1;
      const row = first + index;
      const code = codes + <usize>row * codeBytes;
      const product = isAlone ? approximate(code) : productOf(index);
      offer(ceiling(product, code), code, lows + <usize>row * lowBytes, base + row);
    }
  }
}

/**
 * Where walks keep their notes: a tag u32 (zero at first) and a pair per row, and a pair per find.
 */
export function room(tagsAt: usize, candidatesAt: usize, foundAt: usize): void {
  tags = tagsAt;
  candidates = candidatesAt;
  found = foundAt;
}

/**
 * Offers about the best rows of a graph whose mask bit is set. `graph` points to u32 numbers:
 * low bits, codes, base links (count and ids per row), where each row's begin (in words), offsets
 * of the upper links (bytes, per row), upper links (count and ids per level above 0), words of a
 * level's links, entry row, entry's level. `breadth` is ef: how many finds the walk keeps.
 */
export function search(graph: usize, mask: usize, breadth: u32, base: u32): void {
  const lows = <usize>load<u32>(graph);
  const codes = <usize>load<u32>(graph, 4);
  epoch += 1;
  const count = walk(graph, mask, breadth, descend(graph, codes));
  sortFound(count);
  for (let index: u32 = 0; index < count; index += 1) {
    const find = found + ((<usize>index) << 3);
    const row = load<u32>(find, 4);
    const code = codes + <usize>row * codeBytes;
    offer(likelyCeiling(load<f32>(find), code), code, lows + <usize>row * lowBytes, base + row);
  }
}

/** Best first, so that most of the others are passed over without their f32 product. */
function sortFound(count: u32): void {
  for (let last = count; last > 1; ) {
    last -= 1;
    const worst = load<u64>(found);
    const at = found + ((<usize>last) << 3);
    replaceLeast(found, last, load<f32>(at), load<u32>(at, 4));
    store<u64>(at, worst);
  }
}

/**
 * From the entry down to the base layer: on each level on to the nearest neighbour until none is
 * nearer.
 */
function descend(graph: usize, codes: usize): u32 {
  const offsets = <usize>load<u32>(graph, 16);
  const upper = <usize>load<u32>(graph, 20);
  const levelBytes = (<usize>load<u32>(graph, 24)) << 2;
  let row = load<u32>(graph, 28);
  let most = approximate(codes + <usize>row * codeBytes);
  for (let level = load<u32>(graph, 32); level > 0; level -= 1) {
    let moved = true;
    while (moved) {
      moved = false;
      const lists = upper + <usize>load<u32>(offsets + ((<usize>row) << 2));
      const list = lists + <usize>(level - 1) * levelBytes;
      const length = load<u32>(list);
      for (let index: u32 = 0; index < length; index += 1) {
        const other = load<u32>(list + ((<usize>index) << 2), 4);
        const product = approximate(codes + <usize>other * codeBytes);
        if (product <= most) continue;
        most = product;
        row = other;
        moved = true;
      }
    }
  }
  return row;
}

/**
 * The base layer. Returns how many finds there are: pairs of product by codes and row, worst on
 * top.
 */
function walk(graph: usize, mask: usize, breadth: u32, start: u32): u32 {
  const codes = <usize>load<u32>(graph, 4);
  const links = <usize>load<u32>(graph, 8);
  const begins = <usize>load<u32>(graph, 12);
  const first = approximate(codes + <usize>start * codeBytes);
  let finds: u32 = 0;
  let waiting: u32 = 1;
  put(candidates, 0, first, start);
  store<u32>(tags + ((<usize>start) << 2), epoch);
  if (isSet(mask, start)) {
    put(found, 0, first, start);
    finds = 1;
  }
  while (waiting > 0) {
    if (finds === breadth && load<f32>(candidates) < load<f32>(found)) break;
    const begin = begins + ((<usize>load<u32>(candidates, 4)) << 2);
    const list = links + ((<usize>load<u32>(begin)) << 2);
    waiting -= 1;
    dropMost(candidates, waiting);
    const length = load<u32>(list);
    warm(list, length, codes);
    for (let index: u32 = 0; index < length; index += 1) {
      const row = load<u32>(list + ((<usize>index) << 2), 4);
      const tag = tags + ((<usize>row) << 2);
      if (load<u32>(tag) === epoch) continue;
      store<u32>(tag, epoch);
      const product = approximate(codes + <usize>row * codeBytes);
      if (finds === breadth && product <= load<f32>(found)) continue;
      pushMost(candidates, waiting, product, row);
      waiting += 1;
      if (!isSet(mask, row)) continue;
      if (finds < breadth) {
        pushLeast(found, finds, product, row);
        finds += 1;
      } else {
        replaceLeast(found, finds, product, row);
      }
    }
  }
  return finds;
}

/**
 * Touches the codes of all neighbours, so that their cache misses overlap: WebAssembly has no
 * prefetch. Worth a third of a walk's time at 50k rows, and nothing where all are in the cache.
 */
function warm(list: usize, length: u32, codes: usize): void {
  let sum: u32 = 0;
  for (let index: u32 = 0; index < length; index += 1) {
    const code = codes + <usize>load<u32>(list + ((<usize>index) << 2), 4) * codeBytes;
    for (let line: usize = 0; line < codeBytes; line += 64) sum += load<u8>(code + line);
  }
  warmth = sum;
}

function isSet(mask: usize, row: u32): bool {
  return ((load<u32>(mask + ((<usize>(row >> 5)) << 2)) >> (row & 31)) & 1) === 1;
}
