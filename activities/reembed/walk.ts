/**
 * The walk through cold that a build begins with: it tells which object each merged document begins
 * with. Weaviate's cursor goes by object id, and records are appended by version, so all is walked
 * before the first one is. A large shard takes longer than a turn: what was found so far is stored,
 * and the next turn, by whichever worker, goes on behind the last object that was looked at.
 *
 *   GX1  an object is looked at once in a walk, over any number of turns, kills and merges: ids do
 *        not change, and the cursor is stored together with what was found before it;
 *   GX2  what the heads name and the walk has not met is not taken for what was never there: a
 *        repair may have written it behind the cursor, or cold has lost it and the log has it
 *        still. Then that is written, and all is walked once more;
 *   GX3  what is stored are versions and object ids, 24 bytes a document: no erase has to look for
 *        a document's name in it;
 *   GX4  nothing is stored for a generation that was given up meanwhile, or of an erased tenant,
 *        nor by the slower of two attempts: its name is emptied, and nobody looks there again.
 */

import type { ColdEntry } from "../../src/cold/port.ts";
import { FreshetError } from "../../src/contract/errors.ts";
import { type ColdWalk, walked } from "../../src/contract/generation.ts";
import { type TenantId, version as toVersion, type Version } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { fingerprintOf } from "../../src/heads/fingerprint.ts";
import type { Heads } from "../../src/heads/heads.ts";
import { changeGenerations } from "../../src/log/generations.ts";
import type { MergePorts } from "../context.ts";

export type WalkPorts = Pick<MergePorts, "log" | "cold" | "signal" | "heartbeat">;

/** Whose walk it is. */
export interface Walker {
  readonly tenant: TenantId;
  /** Of the generation that is built. */
  readonly number: number;
  /** Where documents are read, ... */
  readonly source: TenantId;
  /** ... and under which name pieces are kept. */
  readonly target: TenantId;
}

/** Versions that are looked for: what is below is built already, what is above is in CHUNKS. */
export interface VersionRange {
  readonly after: Version;
  readonly upTo: Version;
}

const beginning: ColdWalk = { after: "", pieces: [], isWhole: false, isSecond: false };

/**
 * Walks on until the end or until the turn is over; resolves with how far.
 * @throws FreshetError cold_unavailable, log_unavailable, not_ready (another attempt walks)
 */
export async function walkOn(
  ports: WalkPorts,
  walker: Walker,
  step: {
    readonly walk: ColdWalk | undefined;
    readonly heads: Heads;
    readonly range: VersionRange;
    readonly isOver: () => boolean;
  },
): Promise<ColdWalk> {
  const { heads, range, isOver } = step;
  let before = step.walk;
  let found: ColdEntry[] = [];
  let { after } = before ?? beginning;
  for (let looked = 0; ; ) {
    ports.signal()?.throwIfAborted();
    const page = await ports.cold.walk(walker.source, {
      after: after === "" ? null : after,
      limit: limits.coldIdsPerRequestMax,
    });
    found.push(...page.filter((entry) => isWanted(entry, { ...walker, heads, range })));
    after = page.at(-1)?.id ?? after;
    looked += page.length;
    ports.heartbeat({ done: looked, total: looked });
    const isWhole = page.length === 0;
    const ends = isWhole || isOver();
    if (!ends && found.length + limits.coldIdsPerRequestMax <= limits.headsPieceEntriesMax) {
      continue;
    }
    const walk = await store(ports, walker, { before, after, isWhole, found });
    if (ends) return walk;
    [before, found] = [walk, []];
  }
}

/** All is walked again: GX2, or pieces are lost. */
export function walkAgain(
  ports: WalkPorts,
  walker: Walker,
  { before, isSecond }: { readonly before: ColdWalk; readonly isSecond: boolean },
): Promise<void> {
  return keep(ports, walker, { before, walk: { ...beginning, isSecond } });
}

function isWanted(
  { documentId, version, chunk }: ColdEntry,
  {
    source,
    heads,
    range,
  }: Pick<Walker, "source"> & { readonly heads: Heads; readonly range: VersionRange },
): boolean {
  if (chunk !== 0 || version <= range.after || version > range.upTo) return false;
  return heads.get(fingerprintOf(source, documentId)) === version;
}

async function store(
  ports: WalkPorts,
  walker: Walker,
  part: {
    readonly before: ColdWalk | undefined;
    readonly after: string;
    readonly isWhole: boolean;
    readonly found: readonly ColdEntry[];
  },
): Promise<ColdWalk> {
  const { before = beginning, after, isWhole, found } = part;
  const { manifests } = ports.log;
  await check(ports, walker, { before: part.before, walk: { ...before, after, isWhole } });
  const added =
    found.length === 0 ? [] : [await manifests.putPiece(walker.target, encodeWalk(found))];
  const walk = { ...before, after, isWhole, pieces: [...before.pieces, ...added] };
  await keep(ports, walker, { before: part.before, walk });
  return walk;
}

interface WalkStep {
  readonly before: ColdWalk | undefined;
  readonly walk: ColdWalk;
}

/** GX4: minutes may lie between two parts. @throws FreshetError as the build of that generation */
async function check(
  { log, signal }: WalkPorts,
  { tenant, number }: Walker,
  step: WalkStep,
): Promise<void> {
  signal()?.throwIfAborted();
  walked((await log.generations.get(tenant)).generations, { number, ...step });
}

async function keep(
  { log, signal }: WalkPorts,
  { tenant, number }: Walker,
  step: WalkStep,
): Promise<void> {
  signal()?.throwIfAborted();
  await changeGenerations(log.generations, tenant, (record) => walked(record, { number, ...step }));
}

// --- what was found ------------------------------------------------------------------------------

/** The object with which a document begins that the build has to append. */
export interface Begun {
  readonly version: Version;
  readonly id: string;
}

export interface Found {
  /** In the order of versions. */
  readonly documents: () => Generator<Begun>;
  /** Of the documents that the heads name and the walk has not met (GX2). */
  readonly missing: readonly Version[];
}

/**
 * What was walked, of the documents that the heads still name.
 * @throws FreshetError log_identity (a piece is lost), log_unavailable
 */
export async function foundBy(
  { log, signal }: WalkPorts,
  { target }: Pick<Walker, "target">,
  of: { readonly walk: ColdWalk; readonly heads: Heads; readonly range: VersionRange },
): Promise<Found> {
  const { walk, heads, range } = of;
  const versions = liveVersions(heads, range);
  const ids = new Uint8Array(versions.length * idBytes);
  const isFound = new Uint8Array(versions.length);
  for (const digest of walk.pieces) {
    signal()?.throwIfAborted();
    const bytes = await log.manifests.getPiece(target, digest);
    for (const { version, at } of entriesIn(bytes)) {
      const place = placeOf(versions, version);
      if (place === undefined) continue;
      ids.set(bytes.subarray(at, at + idBytes), place * idBytes);
      isFound[place] = 1;
    }
  }
  return {
    missing: Array.from(
      versions.filter((_, place) => isFound[place] !== 1),
      toVersion,
    ),
    *documents() {
      for (const [place, version] of versions.entries()) {
        if (isFound[place] !== 1) continue;
        yield { version: version as Version, id: idAt(ids, place * idBytes) };
      }
    },
  };
}

function liveVersions(heads: Heads, { after, upTo }: VersionRange): Float64Array {
  const versions: number[] = [];
  for (const [, version] of heads) if (version > after && version <= upTo) versions.push(version);
  return Float64Array.from(versions).sort();
}

function placeOf(sorted: Float64Array, version: number): number | undefined {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? 0) < version) low = middle + 1;
    else high = middle;
  }
  return sorted[low] === version ? low : undefined;
}

// --- pieces --------------------------------------------------------------------------------------

const versionBytes = 8;
const idBytes = 16;
const walkEntryBytes = versionBytes + idBytes;

function encodeWalk(found: readonly Pick<ColdEntry, "id" | "version">[]): Uint8Array {
  const bytes = new Uint8Array(found.length * walkEntryBytes);
  const view = new DataView(bytes.buffer);
  for (const [index, { id, version }] of found.entries()) {
    const at = index * walkEntryBytes;
    view.setFloat64(at, version, true);
    bytes.set(Buffer.from(id.replaceAll("-", ""), "hex"), at + versionBytes);
  }
  return bytes;
}

function* entriesIn(
  bytes: Uint8Array,
): Generator<{ readonly version: number; readonly at: number }> {
  if (bytes.byteLength % walkEntryBytes !== 0) {
    throw new FreshetError("log_identity", "a piece of a walk is malformed");
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < bytes.byteLength; at += walkEntryBytes) {
    yield { version: view.getFloat64(at, true), at: at + versionBytes };
  }
}

function idAt(ids: Uint8Array, at: number): string {
  const hex = Buffer.from(ids.buffer, ids.byteOffset + at, idBytes).toString("hex");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
