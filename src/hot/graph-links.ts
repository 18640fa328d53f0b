/** A graph's neighbours in the arena, as the SIMD code walks them. */

import type { Arena } from "./arena.ts";
import type { BlockGraph } from "./block.ts";
import type { GraphInput, GraphLinks } from "./graph.ts";
import { codeBytes, lowBytes, type RowAddresses, widthOf } from "./simd.ts";

/** The description: nine numbers, which simd/simd.as.ts reads; padded to a cache line. */
const headBytes = 64;

/**
 * Copies the links after their description. Its address is the graph's.
 * @throws FreshetError overloaded when the arena is full
 */
export function placeLinks(arena: Arena, links: GraphLinks, rows: RowAddresses): BlockGraph {
  const { offsets, upper } = links;
  const { begins, lists } = withoutGaps(links);
  const parts = [lists, begins, offsets, upper] as const;
  const bytes = parts.reduce((sum, { byteLength }) => sum + byteLength, headBytes);
  const address = arena.allocate(bytes);
  let end = address + headBytes;
  const [listsAt, beginsAt, offsetsAt, upperAt] = parts.map((part) => {
    arena.u32.set(part, end / 4);
    end += part.byteLength;
    return end - part.byteLength;
  }) as [number, number, number, number];
  const { lowsAt, codesAt } = rows;
  const shape = [listsAt, beginsAt, offsetsAt, upperAt, links.upperWords];
  arena.u32.set([lowsAt, codesAt, ...shape, links.entry, links.level], address / 4);
  return { address, bytes };
}

/** Each row's base links right behind those of the row before: most rows have fewer than fit. */
function withoutGaps({ base, baseWords, size }: GraphLinks) {
  const begins = new Uint32Array(size);
  let words = 0;
  for (let row = 0; row < size; row += 1) {
    begins[row] = words;
    words += 1 + (base[row * baseWords] as number);
  }
  const lists = new Uint32Array(words);
  for (const [row, begin] of begins.entries()) {
    const at = row * baseWords;
    lists.set(base.subarray(at, at + 1 + (base[at] as number)), begin);
  }
  return { begins, lists };
}

/**
 * The builder's part that needs no index: the vectors of all rows, to where the graph wants them.
 */
export function copyRows(input: GraphInput): void {
  const { memory, dimensions, sources, sourceOf, places, target } = input;
  const bytes = new Uint8Array(memory.buffer);
  const width = widthOf(dimensions);
  const copy = (from: number, to: number, length: number): void => {
    bytes.copyWithin(to, from, from + length);
  };
  for (let row = 0; row < places.length; row += 1) {
    const source = sources[sourceOf[row] as number];
    if (source === undefined) throw new Error("a row has no source");
    const place = places[row] as number;
    const low = lowBytes(width);
    copy(source.lowsAt + place * low, target.lowsAt + row * low, low);
    const code = codeBytes(width);
    copy(source.codesAt + place * code, target.codesAt + row * code, code);
  }
}

/** The numbers of one row, read where there is no SIMD code: in a builder's thread. */
export function numbersOf(
  memory: WebAssembly.Memory,
  { codesAt, lowsAt }: RowAddresses,
  { row, dimensions }: { readonly row: number; readonly dimensions: number },
): number[] {
  const width = widthOf(dimensions);
  const codeAt = codesAt + row * codeBytes(width);
  const lowAt = lowsAt + row * lowBytes(width);
  const head = new DataView(memory.buffer, codeAt, codeBytes(0));
  const codes = new Int8Array(memory.buffer, codeAt + codeBytes(0), width);
  const lows = new Uint8Array(memory.buffer, lowAt, lowBytes(width));
  const step = head.getFloat32(12, true);
  return Array.from({ length: dimensions }, (_, index) => {
    // A byte has the low bits of two numbers, 16 apart.
    const pair = lows[(index >> 5) * 16 + (index & 15)] as number;
    const low = (index & 16) === 0 ? pair & 15 : pair >> 4;
    return (16 * (codes[index] as number) + low - 8) * step;
  });
}
