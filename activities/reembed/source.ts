/**
 * What a generation is built from: the documents of the one that answers, with their redacted
 * texts. Those that were merged when the build began are read in cold, in the order of their
 * versions; what came later in CHUNKS. Nothing is uploaded again, and no raw text is needed.
 *
 *   GS1  a document that was changed or deleted meanwhile is not in cold as it was: its later
 *        record says so, and lies in the part that is read in CHUNKS;
 *   GS2  cold is read only while it is whole by its own word and the manifest's: what it lost is
 *        not taken for what was never there. Merges since the build began may be unconfirmed: where
 *        documents come all day one always is, and nothing of them is read in cold.
 */

import { objectId } from "../../src/cold/object-id.ts";
import type { ColdObject } from "../../src/cold/port.ts";
import { FreshetError } from "../../src/contract/errors.ts";
import {
  type DocumentId,
  nextAfter,
  noPosition,
  type Position,
  type TenantId,
  type Version,
} from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { confirmedTo, emptyManifest } from "../../src/contract/manifest.ts";
import type { ChunkRecord, PlacedRecord } from "../../src/contract/record.ts";
import { fingerprintOf } from "../../src/heads/fingerprint.ts";
import type { Heads } from "../../src/heads/heads.ts";
import { readHeads } from "../../src/heads/read-heads.ts";
import type { MergePorts } from "../context.ts";

/** A record without what the writer adds. */
export type SourceRecord = ChunkRecord;

interface Merged {
  readonly documentId: DocumentId;
  readonly version: Version;
  readonly chunkCount: number;
}

type SourcePorts = Pick<MergePorts, "log" | "cold" | "signal" | "heartbeat">;

/**
 * Versions above `after`, up to `upTo`, oldest first; they were merged up to `from`.
 * @throws FreshetError cold_unavailable, …
 */
export async function* mergedRecords(
  ports: SourcePorts,
  name: TenantId,
  range: { readonly after: Version; readonly upTo: Version; readonly from: Position },
): AsyncGenerator<SourceRecord> {
  const { after, upTo, from } = range;
  const heads = await wholeHeads(ports, name, from);
  const wanted = await liveIn(ports, name, { heads, after, upTo });
  for (const document of wanted) {
    const { documentId, version } = document;
    const objects = await objectsOf(ports, name, document);
    const [first] = objects;
    if (first === undefined) continue;
    const chunks = objects.map(({ text, heading, range: at, vector, sparse }) => ({
      ...{ text, heading, range: at, vector },
      ...(sparse === undefined ? {} : { sparse }),
    }));
    // Cold does not hold which rules redacted it.
    const body = { info: first.info, chunks, model: "", redactor: "merged" };
    const base = { tenant: name, version, epoch: 0 as ChunkRecord["epoch"] };
    yield { ...base, kind: "upsert", documentId, chunkCount: chunks.length, body };
  }
}

/** GS2. */
async function wholeHeads(
  { log, cold }: SourcePorts,
  name: TenantId,
  from: Position,
): Promise<Heads> {
  const manifest = (await log.manifests.get(name))?.manifest ?? emptyManifest;
  const marker = manifest.to === 0 ? null : await cold.readMarker(name);
  const isWhole = confirmedTo(manifest) >= from && (marker?.to ?? 0) >= manifest.to;
  if (isWhole) return readHeads(log.manifests, name, manifest.pieces);
  throw new FreshetError("cold_unavailable", "what the build begins with is not confirmed yet");
}

async function liveIn(
  { cold, heartbeat, signal }: SourcePorts,
  name: TenantId,
  {
    heads,
    after,
    upTo,
  }: { readonly heads: Heads; readonly after: Version; readonly upTo: Version },
): Promise<readonly Merged[]> {
  const found: Merged[] = [];
  const limit = limits.coldIdsPerRequestMax;
  let walked = 0;
  for (let last: string | null = null; ; ) {
    signal()?.throwIfAborted();
    const page: Awaited<ReturnType<typeof cold.walk>> = await cold.walk(name, {
      after: last,
      limit,
    });
    for (const { documentId, version, chunk, chunkCount } of page) {
      if (chunk !== 0 || version <= after || version > upTo) continue;
      if (heads.get(fingerprintOf(name, documentId)) !== version) continue;
      found.push({ documentId, version, chunkCount });
    }
    walked += page.length;
    heartbeat({ done: walked, total: walked });
    last = page.at(-1)?.id ?? null;
    if (last === null) return found.sort((one, other) => one.version - other.version);
  }
}

/** None for one that was superseded, and cleaned away, since the walk (GS1). */
async function objectsOf(
  { cold, log }: SourcePorts,
  name: TenantId,
  { documentId, version, chunkCount }: Merged,
): Promise<readonly ColdObject[]> {
  const ids = Array.from({ length: chunkCount }, (_, chunk) =>
    objectId({ tenant: name, documentId, version, chunk }),
  );
  const objects: ColdObject[] = [];
  for (let at = 0; at < ids.length; at += limits.loadPageObjects) {
    objects.push(...(await cold.stored(name, ids.slice(at, at + limits.loadPageObjects))));
  }
  if (objects.length === chunkCount) return objects.sort((one, other) => one.chunk - other.chunk);
  const manifest = (await log.manifests.get(name))?.manifest ?? emptyManifest;
  const heads = await readHeads(log.manifests, name, manifest.pieces);
  if (heads.get(fingerprintOf(name, documentId)) !== version) return [];
  throw new FreshetError("cold_unavailable", "a document is not whole in cold");
}

/**
 * What became of later operations, from `from` on to the end as it is now; fences are left out.
 * @throws FreshetError broken_chain (some are gone: it was paused for longer than the log keeps)
 */
export async function* laterRecords(
  { log, signal }: SourcePorts,
  name: TenantId,
  { from, after, to }: { readonly from: Position; readonly after: Version; readonly to: Position },
): AsyncGenerator<PlacedRecord> {
  if (to <= from) return;
  const start = await startAfter({ log, signal }, name, { from, after, to });
  const range = { tenant: name, after: start, to, signal: signal() };
  for await (const record of log.chunks.read(range)) {
    if (record.kind !== "fence" && record.version > after) yield record;
  }
}

/** Headers are read of what is done already, bodies are not. */
async function startAfter(
  { log, signal }: Pick<SourcePorts, "log" | "signal">,
  name: TenantId,
  { from, after, to }: { readonly from: Position; readonly after: Version; readonly to: Position },
): Promise<Position> {
  // What an erase or retention has removed is passed over if it is done.
  const first = await log.chunks.first(name, nextAfter(from));
  const isDone = first !== null && first.version <= after && first.previous > from;
  let start = isDone ? first.previous : from;
  const range = { tenant: name, after: start, to, signal: signal() };
  for await (const { version, position } of log.chunks.headers(range)) {
    if (version > after) break;
    start = position;
  }
  return start;
}

/** What is done, of all. */
export async function standingOf(
  { log }: Pick<MergePorts, "log">,
  name: TenantId,
  { from, cursor }: { readonly from: Position; readonly cursor: Version },
): Promise<{ readonly done: number; readonly total: number }> {
  const manifest = (await log.manifests.get(name))?.manifest ?? emptyManifest;
  const heads = await readHeads(log.manifests, name, manifest.pieces);
  const last = await log.chunks.last(name);
  let [done, total] = [0, 0];
  const count = (version: Version): void => {
    total += 1;
    if (version <= cursor) done += 1;
  };
  for (const [, version] of heads) count(version);
  const after = Math.max(from, manifest.to) as Position;
  const to = last?.position ?? noPosition;
  if (to <= after) return { done, total };
  for await (const { kind, version } of log.chunks.headers({ tenant: name, after, to })) {
    if (kind !== "fence") count(version);
  }
  return { done, total };
}
