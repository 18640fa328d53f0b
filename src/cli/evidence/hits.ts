/** What an answer rests on, as `blame` and `watch` compare it: passages in their versions. */

import type { Source } from "../../contract/query.ts";

/** A passage of a version of a document. */
export interface Hit {
  readonly id: string;
  readonly version: number;
  readonly chunk: number;
}

export type Hits = readonly Hit[];

/** What came and what went; the order of the others plays no part. */
export interface HitsChange {
  readonly added: Hits;
  readonly removed: Hits;
}

export function hitsOf(sources: readonly Source[]): Hits {
  return sources.map(({ id, version, chunk }) => ({ id, version, chunk }));
}

/** Undefined where nothing has changed. */
export function changeOf(before: Hits, after: Hits): HitsChange | undefined {
  const [old, now] = [keysOf(before), keysOf(after)];
  const added = after.filter((hit) => !old.has(keyOf(hit)));
  const removed = before.filter((hit) => !now.has(keyOf(hit)));
  return added.length === 0 && removed.length === 0 ? undefined : { added, removed };
}

export function changeLines({ added, removed }: HitsChange): readonly string[] {
  const line = (sign: string) => (hit: Hit) => `  ${sign} ${hit.id}@${hit.version}#${hit.chunk}`;
  return [...added.map(line("+")), ...removed.map(line("-"))];
}

function keysOf(hits: Hits): ReadonlySet<string> {
  return new Set(hits.map(keyOf));
}

/** Ids hold no control characters. */
function keyOf({ id, version, chunk }: Hit): string {
  return `${id}\n${version}\n${chunk}`;
}
