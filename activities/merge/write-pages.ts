/**
 * Writes a stream of objects into cold in pages, a bounded number of them at once.
 *
 *   PW1  at most `mergePagesInFlight` pages are being written, and at most one is being filled:
 *        memory is bounded;
 *   PW2  when it ends, also by a failure, no write of it is under way: one that outlives its
 *        activity would run into the next attempt's;
 *   PW3  it resolves only when every object has been written, or refused for good;
 *   PW4  a page's refusal stops no other page: the records that it is about are returned.
 */

import type { ColdObject, ColdShard } from "../../src/cold/port.ts";
import { RefusedObjectsError } from "../../src/cold/refusal.ts";
import type { Position, TenantId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { forEachAtMost } from "../../src/runtime/for-each.ts";

export interface PlacedObject {
  readonly object: ColdObject;
  /** Of the record that makes it. */
  readonly position: Position;
}

export interface PageTarget {
  readonly cold: ColdShard;
  readonly tenant: TenantId;
  /** The objects were missed by a read-back: they are written so that a search finds them. */
  readonly rewrites: boolean;
  /** Told of each page that is done. */
  readonly onWritten: (objects: number) => void;
}

export interface PagesWritten {
  /** Objects written. */
  readonly written: number;
  /** Records, in log order, that made an object which cold refuses. */
  readonly refused: readonly Position[];
}

/** @throws FreshetError cold_unavailable, or whatever `objects` throws */
export async function writePages(
  target: PageTarget,
  objects: AsyncIterable<PlacedObject>,
): Promise<PagesWritten> {
  const refused = new Set<Position>();
  let written = 0;
  await forEachAtMost(pagesOf(objects), limits.mergePagesInFlight, async (page) => {
    const ids = await writePage(target, page);
    for (const { object, position } of page) if (ids.has(object.id)) refused.add(position);
    written += page.length - ids.size;
    target.onWritten(page.length);
  });
  return { written, refused: [...refused].sort((one, other) => one - other) };
}

async function* pagesOf(
  objects: AsyncIterable<PlacedObject>,
): AsyncGenerator<readonly PlacedObject[]> {
  let page: PlacedObject[] = [];
  for await (const object of objects) {
    page.push(object);
    if (page.length < limits.mergePageObjects) continue;
    yield page;
    page = [];
  }
  if (page.length > 0) yield page;
}

/** The ids that are refused for good. */
async function writePage(
  { cold, tenant, rewrites }: PageTarget,
  page: readonly PlacedObject[],
): Promise<ReadonlySet<string>> {
  const objects = page.map(({ object }) => object);
  try {
    await (rewrites ? cold.rewrite(tenant, objects) : cold.upsert(tenant, objects));
    return new Set();
  } catch (error) {
    if (error instanceof RefusedObjectsError) return new Set(error.ids);
    throw error;
  }
}
