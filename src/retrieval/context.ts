/**
 * What a model reads around a found passage: its neighbours in the same version of its document,
 * as far as the room of a prompt goes.
 *
 *   CX1  the found passage is whole in its context, and a chunk is in one context only, so that a
 *        prompt says nothing twice;
 *   CX2  contexts together keep to the room that is given, unless the passages alone need more;
 *   CX3  a context is one stretch of chunks: what is missing ends it.
 */

import type { Passage } from "../contract/candidate.ts";

export interface Found extends Passage {
  /** Names a version of a document. */
  readonly place: string;
}

export interface Context {
  readonly text: string;
  readonly first: number;
  readonly last: number;
}

/** Chunk numbers around each found passage that may become its context, nearest first. */
export function neighboursOf(found: Passage, around: number): readonly number[] {
  return Array.from({ length: around }, (_, step) => [
    found.chunk + 1 + step,
    found.chunk - 1 - step,
  ])
    .flat()
    .filter((chunk) => chunk >= 0);
}

/**
 * Of each found passage its context; undefined where that is the passage alone.
 * @param read the passages at hand, by place and chunk
 */
export function contextsOf(
  found: readonly Found[],
  options: {
    readonly around: number;
    readonly charsMax: number;
    readonly read: (place: string, chunk: number) => Passage | undefined;
  },
): readonly (Context | undefined)[] {
  const claimed = new Set(found.map(({ place, chunk }) => keyOf(place, chunk)));
  let left = options.charsMax - found.reduce((sum, { text }) => sum + text.length, 0);
  return found.map((passage, index) => {
    const share = Math.max(0, Math.floor(left / (found.length - index)));
    const stretch = grown(passage, { ...options, share, claimed });
    const context = joined(stretch);
    left -= context.length - passage.text.length;
    if (stretch.length === 1) return undefined;
    const [first, last] = [stretch[0]?.chunk ?? 0, stretch.at(-1)?.chunk ?? 0];
    return { text: context, first, last };
  });
}

/** After and before in turn, since what follows a passage explains it more often. */
function grown(
  found: Found,
  options: {
    readonly around: number;
    readonly share: number;
    readonly claimed: Set<string>;
    readonly read: (place: string, chunk: number) => Passage | undefined;
  },
): readonly Passage[] {
  let stretch: readonly Passage[] = [found];
  const open = { after: true, before: true };
  for (let step = 1; step <= options.around; step += 1) {
    for (const side of ["after", "before"] as const) {
      if (!open[side]) continue;
      const chunk = side === "after" ? found.chunk + step : found.chunk - step;
      const key = keyOf(found.place, chunk);
      const next = options.claimed.has(key) ? undefined : options.read(found.place, chunk);
      const longer = next && (side === "after" ? [...stretch, next] : [next, ...stretch]);
      if (longer === undefined || joined(longer).length - found.text.length > options.share) {
        open[side] = false; // CX3
        continue;
      }
      options.claimed.add(key);
      stretch = longer;
    }
  }
  return stretch;
}

/** Chunks overlap: what a chunk repeats of the one before it is said once. */
function joined(stretch: readonly Passage[]): string {
  let text = "";
  let end: number | undefined;
  for (const { text: own, range } of stretch) {
    const repeated =
      range === undefined || end === undefined
        ? 0
        : Math.min(Math.max(0, end - range[0]), own.length);
    const isNext = repeated === 0 && text !== "";
    text += isNext ? `\n${own}` : own.slice(repeated);
    end = range?.[1];
  }
  return text;
}

function keyOf(place: string, chunk: number): string {
  return `${place}\n${chunk}`;
}
