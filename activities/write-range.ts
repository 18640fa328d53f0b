/** Making cold hold what a range of CHUNKS says, and reading it back. */

import { objectId } from "../src/cold/object-id.ts";
import type { ColdObject } from "../src/cold/port.ts";
import type { Position, Version } from "../src/contract/ids.ts";
import { limits } from "../src/contract/limits.ts";
import type { MergeRange } from "../src/contract/merge.ts";
import type { PlacedRecord, UpsertRecord } from "../src/contract/record.ts";
import type { MergePorts } from "./context.ts";
import { readHeaders } from "./merge-headers.ts";
import { type LiveUpsert, liveUpserts } from "./merge-plan.ts";
import { PageWriter } from "./page-writer.ts";

export interface WriteRequest extends MergeRange {
  /** Where to go on: a position of the range; `from` at the start. */
  readonly after: Position;
}

export interface WriteResult {
  /** Objects written by this call. */
  readonly written: number;
  /** Everything up to here is written. */
  readonly through: Position;
}

/**
 * Writes one window of the range: whole records from `after` on, until `mergeWindowObjects` are written or
 * the range ends. Bounded so that a retry repeats little and progress is seen; ids are immutable, so
 * repeating is harmless.
 * @throws FreshetError broken_chain, cold_unavailable, log_unavailable
 */
export async function writeRange(ports: MergePorts, request: WriteRequest): Promise<WriteResult> {
  const { tenant, after, to } = request;
  const live = liveUpserts(await readHeaders(ports, request));
  await ports.cold.ensureTenant(tenant);
  const total = objectsOf(live);
  let done = objectsOf(live.filter(({ position }) => position <= after));
  const pages = new PageWriter({
    cold: ports.cold,
    tenant,
    onWritten: (objects) => {
      done += objects;
      ports.heartbeat({ done, total });
    },
  });
  try {
    return await writeWindow(ports, { tenant, after, to, live, pages });
  } finally {
    // Also after a failure: a write that outlives its activity would run into the next attempt's.
    await pages.settle();
  }
}

interface WindowOptions {
  readonly tenant: MergeRange["tenant"];
  readonly after: Position;
  readonly to: Position;
  readonly live: readonly LiveUpsert[];
  readonly pages: PageWriter;
}

async function writeWindow(ports: MergePorts, options: WindowOptions): Promise<WriteResult> {
  const { tenant, after, to, pages } = options;
  const positions = new Set(options.live.map(({ position }) => position));
  let written = 0;
  let through = after;
  const signal = ports.signal();
  for await (const record of ports.log.chunks.read({ tenant, after, to, signal })) {
    if (record.kind === "upsert" && positions.has(record.position)) {
      for (const object of objectsOfRecord(record)) await pages.add(object);
      written += record.body.chunks.length;
    }
    through = record.position;
    if (written >= limits.mergeWindowObjects) break;
  }
  await pages.flush();
  return { written, through };
}

function objectsOfRecord(record: UpsertRecord & PlacedRecord): readonly ColdObject[] {
  const { tenant, documentId, version, body } = record;
  return body.chunks.map(({ text, heading, vector }, chunk) => ({
    id: objectId({ tenant, documentId, version, chunk }),
    documentId,
    version,
    chunk,
    text,
    heading,
    info: body.info,
    vector,
  }));
}

function objectsOf(live: readonly LiveUpsert[]): number {
  return live.reduce((sum, { chunkCount }) => sum + chunkCount, 0);
}

export interface VerifyResult {
  readonly checked: number;
  readonly missing: number;
  /** Where writing must start again: right before the first record that is incomplete; null when none is. */
  readonly rewriteAfter: Position | null;
}

/** Reads back the id and version of every object that the range makes. */
export async function verifyRange(ports: MergePorts, range: MergeRange): Promise<VerifyResult> {
  const live = liveUpserts(await readHeaders(ports, range));
  const total = objectsOf(live);
  let checked = 0;
  let missing = 0;
  let rewriteAfter: Position | null = null;
  for (const page of pagesOf(live)) {
    const found = await ports.cold.versions(
      range.tenant,
      page.map(({ id }) => id),
    );
    const lost = page.filter(({ id, version }) => found.get(id) !== version);
    // It may be stored and yet not be found; writing it again would change nothing then.
    if (lost.length > 0) {
      await ports.cold.deleteIds(
        range.tenant,
        lost.map(({ id }) => id),
      );
    }
    checked += page.length;
    missing += lost.length;
    rewriteAfter ??= lost[0]?.previous ?? null;
    ports.heartbeat({ done: checked, total });
    ports.signal()?.throwIfAborted();
  }
  return { checked, missing, rewriteAfter };
}

interface ExpectedObject {
  readonly id: string;
  readonly version: Version;
  /** Position of the record before the one that makes this object. */
  readonly previous: Position;
}

function* pagesOf(live: readonly LiveUpsert[]): Generator<readonly ExpectedObject[]> {
  let page: ExpectedObject[] = [];
  for (const { tenant, documentId, version, chunkCount, previous } of live) {
    for (let chunk = 0; chunk < chunkCount; chunk += 1) {
      page.push({ id: objectId({ tenant, documentId, version, chunk }), version, previous });
      if (page.length < limits.coldIdsPerRequestMax) continue;
      yield page;
      page = [];
    }
  }
  if (page.length > 0) yield page;
}
