/**
 * How a life of a tenant writer begins: its fence, then what the log holds of the tenant, handed to
 * its view (I7).
 */

import { FreshetError } from "../../src/contract/errors.ts";
import type { Epoch, Position, TenantId, Version } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { confirmedTo, emptyManifest } from "../../src/contract/manifest.ts";
import type { ChunkRecord, PlacedRecord, RecordChunk } from "../../src/contract/record.ts";
import { readHeads } from "../../src/heads/read-heads.ts";
import { deadLetterOf } from "../../src/log/dead-letter.ts";
import type { Log } from "../../src/log/port.ts";
import { isTombstone } from "../../src/log/tombstone.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import type { Mailbox } from "../../src/runtime/mailbox.ts";
import { countTerms, indexedText, unpackTerms } from "../../src/text/chunk-terms.ts";
import type { TenantProgress } from "../directory/directory.ts";
import type { TenantViewMessage } from "../messages.ts";
import type { DeadLetterWriter } from "./dead-letters.ts";
import type { WriterLife } from "./life.ts";

export interface RecoveryOptions {
  readonly tenant: TenantId;
  readonly epoch: Epoch;
  readonly log: Log;
  readonly view: Mailbox<TenantViewMessage>;
  readonly progress: TenantProgress;
}

/** The tenant's end of CHUNKS: its last record's position, and the cursor into DOCS. */
export interface LogEnd {
  readonly position: Position;
  readonly version: Version;
}

/**
 * Fence, manifest, heads, tail; the end of the log, or undefined when a newer owner has written.
 */
export async function recover(
  options: RecoveryOptions,
  { life, deadLetters }: { readonly life: WriterLife; readonly deadLetters: DeadLetterWriter },
): Promise<LogEnd | undefined> {
  const { log, tenant, view, progress } = options;
  const { signal, clock } = life;
  Object.assign(progress, { toReplay: 0, replayed: 0 });
  const end = await fence(options, life);
  if (end === undefined) return undefined;
  const stored = await log.manifests.get(tenant);
  const manifest = stored?.manifest ?? emptyManifest;
  const heads = await readHeads(log.manifests, tenant, manifest.pieces);
  await view.put({ type: "load", stored, heads }, signal);
  // Hot keeps what is merged and not yet confirmed, as with an owner that lived through the merge.
  const range = { tenant, after: confirmedTo(manifest), to: end.position, signal };
  const onCount = (records: number): void => {
    progress.toReplay = records;
  };
  for await (const record of log.chunks.read({ ...range, onCount })) {
    if (record.kind === "reject" && record.position > manifest.to) {
      deadLetters.add(deadLetterOf(record, clock.nowMs()));
    }
    await view.put({ type: "replay", record: await withTerms(record, clock) }, signal);
    progress.replayed += 1;
  }
  await view.put({ type: "ready", visible: end.version }, signal);
  return end;
}

/** Counting the terms of hundreds of chunks takes long: others have their turn in between. */
async function withTerms(record: PlacedRecord, clock: Clock): Promise<PlacedRecord> {
  if (record.kind !== "upsert" || record.body.chunks.length <= limits.termsSliceChunks)
    return record;
  const { info } = record.body;
  const chunks: RecordChunk[] = [];
  for (let from = 0; from < record.body.chunks.length; from += limits.termsSliceChunks) {
    await clock.turn();
    const slice = record.body.chunks.slice(from, from + limits.termsSliceChunks);
    const terms = unpackTerms(countTerms(slice.map((chunk) => indexedText(info.title, chunk))));
    for (const [index, chunk] of slice.entries()) chunks.push({ ...chunk, terms: terms[index] });
  }
  return { ...record, body: { ...record.body, chunks } };
}

/** T2. The end of the log with this owner's fence in it. */
async function fence(
  { log, tenant, epoch }: RecoveryOptions,
  life: WriterLife,
): Promise<LogEnd | undefined> {
  const last = await log.chunks.last(tenant);
  // Nothing follows a tombstone, whoever owns the tenant: its name is never used again.
  if (isTombstone(last)) throw new FreshetError("tenant_erased");
  if (last !== null && last.epoch > epoch) return life.standDown(last.epoch);
  const version = last?.version ?? (0 as Version);
  if (last !== null && last.epoch === epoch) return { position: last.position, version };
  const record: ChunkRecord = { kind: "fence", tenant, version, epoch };
  const outcome = await log.chunks.append(record, last?.position ?? (0 as Position));
  switch (outcome.kind) {
    case "appended":
      return { position: outcome.position, version };
    case "fenced":
      return life.standDown(outcome.by.epoch);
    case "behind":
      throw new FreshetError("broken_chain", "the tenant's log moved while its fence was written");
  }
}
