/** A graph's neighbours in the arena, as the SIMD code walks them. */

import type { Arena } from "./arena.ts";
import type { BlockGraph } from "./block.ts";
import type { GraphInput, GraphLinks } from "./graph.ts";
import { codeBytes, type RowAddresses, vectorBytes, widthOf } from "./simd.ts";

/** The description: nine numbers, which simd/simd.as.ts reads; padded to a cache line. */
const headBytes = 64;

/**
 * Copies the links after their description. Its address is the graph's.
 * @throws FreshetError overloaded when the arena is full
 */
export function placeLinks(arena: Arena, links: GraphLinks, rows: RowAddresses): BlockGraph {
  const { base, offsets, upper } = links;
  const bytes = headBytes + base.byteLength + offsets.byteLength + upper.byteLength;
  const address = arena.allocate(bytes);
  const baseAt = address + headBytes;
  const offsetsAt = baseAt + base.byteLength;
  const upperAt = offsetsAt + offsets.byteLength;
  const { vectorsAt, codesAt } = rows;
  const shape = [baseAt, links.baseWords, offsetsAt, upperAt, links.upperWords];
  arena.u32.set([vectorsAt, codesAt, ...shape, links.entry, links.level], address / 4);
  arena.u32.set(base, baseAt / 4);
  arena.u32.set(offsets, offsetsAt / 4);
  arena.u32.set(upper, upperAt / 4);
  return { address, bytes };
}

/**
 * The builder's part that needs no index: vectors and codes of all rows, to where the graph wants
 * them.
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
    const vector = vectorBytes(width);
    copy(source.vectorsAt + place * vector, target.vectorsAt + row * vector, vector);
    const code = codeBytes(width);
    copy(source.codesAt + place * code, target.codesAt + row * code, code);
  }
}
