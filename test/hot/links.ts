/** Graphs made by hand. */

import type { GraphLinks } from "../../src/hot/graph.ts";

/** Every row is everyone's neighbour: a walk that keeps enough finds meets all of them. */
export function everyLink(size: number): GraphLinks {
  const base = new Uint32Array(size * size);
  for (let row = 0; row < size; row += 1) {
    const others = Array.from({ length: size }, (_, other) => other).filter(
      (other) => other !== row,
    );
    base.set([others.length, ...others], row * size);
  }
  const offsets = new Uint32Array(size);
  const upper = new Uint32Array(0);
  return { size, base, baseWords: size, offsets, upper, upperWords: 1, entry: 0, level: 0 };
}
