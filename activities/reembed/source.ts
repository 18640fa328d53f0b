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
  type Fingerprint,
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
import type { Begun } from "./walk.ts";

/** A record without what the writer adds. */
export type SourceRecord = ChunkRecord;

type SourcePorts = Pick<MergePorts, "log" | "cold" | "signal" | "heartbeat">;

/**
 * What was walked, oldest version first.
 * @throws FreshetError cold_unavailable, …
 */
export async function* mergedRecords(
  ports: SourcePorts,
  name: TenantId,
  documents: Iterable<Begun>,
): AsyncGenerator<SourceRecord> {
  for (const page of pagesOf(documents, limits.reembedPageTexts)) {
    const first = await firstObjects(ports, name, page);
    for (const [at, { version }] of page.entries()) {
      const objects = await objectsOf(ports, name, { version, first: first[at] });
      const [head] = objects;
      if (head === undefined) continue;
      const { documentId, info } = head;
      const chunks = objects.map(({ text, heading, range, vector, sparse }) => ({
        ...{ text, heading, range, vector },
        ...(sparse === undefined ? {} : { sparse }),
      }));
      // Cold does not hold which rules redacted it.
      const body = { info, chunks, model: "", redactor: "merged" };
      const base = { tenant: name, version, epoch: 0 as ChunkRecord["epoch"] };
      yield { ...base, kind: "upsert", documentId, chunkCount: chunks.length, body };
    }
  }
}

function* pagesOf(documents: Iterable<Begun>, size: number): Generator<readonly Begun[]> {
  let page: Begun[] = [];
  for (const document of documents) {
    page.push(document);
    if (page.length < size) continue;
    yield page;
    page = [];
  }
  if (page.length > 0) yield page;
}

async function firstObjects(
  { cold, signal }: SourcePorts,
  name: TenantId,
  page: readonly Begun[],
): Promise<readonly (ColdObject | undefined)[]> {
  signal()?.throwIfAborted();
  const stored = await cold.stored(
    name,
    page.map(({ id }) => id),
  );
  const byId = new Map(stored.map((object) => [object.id, object]));
  return page.map(({ id }) => byId.get(id));
}

/** GS2: of the merges up to `from` at least. @throws FreshetError cold_unavailable, … */
export async function wholeHeads(
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

/** None for one that was superseded, and cleaned away, since the walk (GS1). */
async function objectsOf(
  { cold, log }: SourcePorts,
  name: TenantId,
  { version, first }: { readonly version: Version; readonly first: ColdObject | undefined },
): Promise<readonly ColdObject[]> {
  const objects = first === undefined ? [] : [first];
  const { documentId, chunkCount } = first ?? { documentId: undefined, chunkCount: 1 };
  if (documentId !== undefined) {
    const ids = Array.from({ length: chunkCount - 1 }, (_, at) =>
      objectId({ tenant: name, documentId, version, chunk: at + 1 }),
    );
    for (let at = 0; at < ids.length; at += limits.loadPageObjects) {
      objects.push(...(await cold.stored(name, ids.slice(at, at + limits.loadPageObjects))));
    }
  }
  if (objects.length === chunkCount) return objects.sort((one, other) => one.chunk - other.chunk);
  const manifest = (await log.manifests.get(name))?.manifest ?? emptyManifest;
  const heads = await readHeads(log.manifests, name, manifest.pieces);
  if (!isNamed(heads, version, documentId && fingerprintOf(name, documentId))) return [];
  throw new FreshetError("cold_unavailable", "a document is not whole in cold");
}

/** Of one whose object is gone nothing but the version is known, which is that of no other. */
function isNamed(heads: Heads, wanted: Version, fingerprint: Fingerprint | undefined): boolean {
  if (fingerprint !== undefined) return heads.get(fingerprint) === wanted;
  for (const [, version] of heads) if (version === wanted) return true;
  return false;
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
