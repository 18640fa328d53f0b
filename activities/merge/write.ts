/**
 * Makes cold hold what a range of CHUNKS says: record by record, in pages, a bounded number of them
 * at once.
 *
 *   PW1  at most `mergePagesInFlight` pages are being written, and at most one is being filled:
 *        memory is bounded;
 *   PW2  when a call ends, also by a failure, no write of it is under way: one that outlives its
 *        activity would run into the next attempt's;
 *   PW3  a call resolves only when every object has been written, or refused for good;
 *   PW4  a page's refusal stops no other page: the records that it is about are returned.
 */

import { objectId } from "../../src/cold/object-id.ts";
import type { ColdObject, ColdShard } from "../../src/cold/port.ts";
import { RefusedObjectsError } from "../../src/cold/refusal.ts";
import { FreshetError } from "../../src/contract/errors.ts";
import type { Position, TenantId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { tooManyRefused } from "../../src/contract/merge.ts";
import type { WriteRequest, WriteResult } from "../../src/contract/merge-steps.ts";
import type { PlacedRecord, UpsertRecord } from "../../src/contract/record.ts";
import { onGrid } from "../../src/contract/vector.ts";
import { forEachAtMost } from "../../src/runtime/for-each.ts";
import type { MergePorts } from "../context.ts";
import { chunksOf, type LiveUpsert, liveUpserts, readHeaders } from "./range.ts";
import { readBack } from "./verify.ts";

/**
 * Writes one window of the range: whole records after `after`, until `mergeWindowObjects` are
 * written or the range ends. Bounded so that a retry repeats little and progress is seen; ids are
 * immutable, so repeating is harmless.
 * @throws FreshetError broken_chain, cold_unavailable, log_unavailable, cold_refused (too many for
 *   one merge)
 */
export async function writeRange(ports: MergePorts, request: WriteRequest): Promise<WriteResult> {
  const { tenant, after, to, again } = request;
  const live = liveUpserts(await readHeaders(ports, request), request.expiredAtMs);
  await ports.cold.ensureTenant(tenant);
  const ahead = live.filter(({ position }) => position > after);
  const lacking = again === true ? await readBack(ports, tenant, ahead) : undefined;
  const total = chunksOf(live);
  let done = chunksOf(live.filter(({ position }) => position <= after));
  const onWritten = (objects: number): void => {
    done += objects;
    ports.heartbeat({ done, total });
  };
  const result = await writeRecords(
    ports,
    { tenant, after, to },
    {
      live: lacking?.lost ?? ahead,
      only: lacking?.missing,
      objectsMax: limits.mergeWindowObjects,
      onWritten,
    },
  );
  ports.metrics.set("merge_written_objects", result.written, { tenant });
  return result;
}

/** Writes the records of `live` that lie in the range, whole, until `objectsMax` are written. */
export async function writeRecords(
  ports: MergePorts,
  range: { readonly tenant: TenantId; readonly after: Position; readonly to: Position },
  work: {
    readonly live: readonly LiveUpsert[];
    readonly objectsMax: number;
    readonly onWritten?: (objects: number) => void;
    /** Only these, which a read-back missed, and so that it finds them (`ColdShard.rewrite`). */
    readonly only?: ReadonlySet<string> | undefined;
  },
): Promise<WriteResult> {
  const { live, objectsMax, onWritten = () => {}, only } = work;
  const { cold, log } = ports;
  const { tenant } = range;
  const positions = new Set(live.map(({ position }) => position));
  let { after: through } = range;
  async function* objects(): AsyncGenerator<PlacedObject> {
    let count = 0;
    for await (const record of log.chunks.read({ ...range, signal: ports.signal() })) {
      const { position } = record;
      const made =
        record.kind === "upsert" && positions.has(position) ? objectsOfRecord(record) : [];
      const wanted = made.filter(({ id }) => only?.has(id) !== false);
      for (const object of wanted) yield { object, position };
      through = position;
      count += wanted.length;
      if (count >= objectsMax) return;
    }
  }
  const { clock, metrics } = ports;
  const target = { cold, tenant, rewrites: only !== undefined, onWritten, clock, metrics };
  const { written, refused } = await writePages(target, objects());
  return { written, through, ...refusedOf(refused) };
}

/** @throws FreshetError cold_refused above the bound of a merge */
function refusedOf(refused: readonly Position[]): Pick<WriteResult, "refused"> {
  if (refused.length > limits.mergeRefusedMax) {
    throw new FreshetError(tooManyRefused.code, tooManyRefused.message);
  }
  return refused.length === 0 ? {} : { refused };
}

/** The objects that a record makes in cold. */
export function objectsOfRecord(record: UpsertRecord & PlacedRecord): readonly ColdObject[] {
  const { tenant, documentId, version, body } = record;
  return body.chunks.map(({ text, heading, range, vector, sparse }, chunk) => ({
    id: objectId({ tenant, documentId, version, chunk }),
    documentId,
    version,
    chunk,
    chunkCount: body.chunks.length,
    text,
    heading,
    range,
    info: body.info,
    // As the hot shard holds it: what moves between the shards keeps its score.
    vector: onGrid(vector),
    ...(sparse === undefined ? {} : { sparse }),
  }));
}

// --- pages -------------------------------------------------------------------------------------

interface PlacedObject {
  readonly object: ColdObject;
  /** Of the record that makes it. */
  readonly position: Position;
}

interface PageTarget extends Pick<MergePorts, "clock" | "metrics"> {
  readonly cold: ColdShard;
  readonly tenant: TenantId;
  /** The objects were missed by a read-back: they are written so that a search finds them. */
  readonly rewrites: boolean;
  /** Called after each page. */
  readonly onWritten: (objects: number) => void;
}

interface PagesWritten {
  /** Objects written. */
  readonly written: number;
  /** Records, in log order, that made an object which cold refuses. */
  readonly refused: readonly Position[];
}

/** @throws FreshetError cold_unavailable, and what `objects` throws */
async function writePages(
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
  { cold, tenant, rewrites, clock, metrics }: PageTarget,
  page: readonly PlacedObject[],
): Promise<ReadonlySet<string>> {
  const objects = page.map(({ object }) => object);
  const begunMs = clock.monotonicMs();
  try {
    await (rewrites ? cold.rewrite(tenant, objects) : cold.upsert(tenant, objects));
    metrics.observe("cold_write_seconds", (clock.monotonicMs() - begunMs) / 1000);
    return new Set();
  } catch (error) {
    if (error instanceof RefusedObjectsError) return new Set(error.ids);
    throw error;
  }
}
