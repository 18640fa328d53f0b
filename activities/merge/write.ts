/** Making cold hold what a range of CHUNKS says, and reading it back. */

import { objectId } from "../../src/cold/object-id.ts";
import type { ColdObject } from "../../src/cold/port.ts";
import { FreshetError } from "../../src/contract/errors.ts";
import type { Position } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { type MergeRange, tooManyRefused } from "../../src/contract/merge.ts";
import type {
  VerifyRequest,
  VerifyResult,
  WriteRequest,
  WriteResult,
} from "../../src/contract/merge-steps.ts";
import type { PlacedRecord, UpsertRecord } from "../../src/contract/record.ts";
import type { MergePorts } from "../context.ts";
import { chunksOf, type LiveUpsert, liveUpserts } from "./decide-plan.ts";
import { readHeaders } from "./headers.ts";
import { readBack } from "./read-back.ts";
import { type PlacedObject, writePages } from "./write-pages.ts";

/**
 * Writes one window of the range: whole records from `after` on, until `mergeWindowObjects` are written or
 * the range ends. Bounded so that a retry repeats little and progress is seen; ids are immutable, so
 * repeating is harmless.
 * @throws FreshetError broken_chain, cold_unavailable, log_unavailable, cold_refused (too many for one merge)
 */
export async function writeRange(ports: MergePorts, request: WriteRequest): Promise<WriteResult> {
  const { tenant, after, to, again } = request;
  const live = liveUpserts(await readHeaders(ports, request));
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

/**
 * Writes the records of `live` that lie in the range, whole, until `objectsMax` objects are written. All of what it
 * sent has been written when it returns.
 */
export async function writeRecords(
  ports: MergePorts,
  range: { readonly tenant: MergeRange["tenant"]; readonly after: Position; readonly to: Position },
  work: {
    readonly live: readonly LiveUpsert[];
    readonly objectsMax: number;
    readonly onWritten?: (objects: number) => void;
    /** Objects that a read-back missed: only these, and so that they are found (`ColdShard.rewrite`). */
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
  const target = { cold, tenant, rewrites: only !== undefined, onWritten };
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
  return body.chunks.map(({ text, heading, vector }, chunk) => ({
    id: objectId({ tenant, documentId, version, chunk }),
    documentId,
    version,
    chunk,
    chunkCount: body.chunks.length,
    text,
    heading,
    info: body.info,
    vector,
  }));
}

/** Reads back the id and version of every object that the range makes. */
export async function verifyRange(ports: MergePorts, range: VerifyRequest): Promise<VerifyResult> {
  const refused = new Set(range.refused);
  const headers = await readHeaders(ports, range);
  const live = liveUpserts(headers).filter(({ position }) => !refused.has(position));
  const { checked, missing, lost } = await readBack(ports, range.tenant, live);
  return { checked, missing: missing.size, rewriteAfter: lost[0]?.previous ?? null };
}
