/** Does the log still hold everything that later state was built on? */

import type { FreshetError } from "../contract/errors.ts";
import { headerReader, type NatsContext } from "./nats-connection.ts";
import { apiCode, jetStream, logError } from "./nats-errors.ts";
import { checkStreams, type LogIdentity, readIdentity } from "./nats-identity.ts";
import type { NatsManifests } from "./nats-manifests.ts";
import {
  type GuardedStream,
  missingStream,
  refusedLog,
  streamInfo,
  streamNames,
} from "./nats-streams.ts";
import { writerOf } from "./record-header.ts";

export interface WholeLog {
  readonly identity: LogIdentity;
  readonly docs: GuardedStream;
  readonly chunks: GuardedStream;
  readonly manifests: NatsManifests;
}

/**
 * Each view names how far its source reached when it was built: manifests name CHUNKS and DOCS, the newest
 * record of CHUNKS names DOCS and the leases. A source that ends earlier has lost its tail, and its next
 * messages would re-use sequences that mean something else already.
 * @throws FreshetError log_identity, log_unavailable
 */
export async function checkWhole(context: NatsContext, log: WholeLog): Promise<void> {
  const current = await readIdentity(context);
  if (current?.identity.createdAtMs !== log.identity.createdAtMs) {
    throw refusedLog("the record of the log's identity has changed");
  }
  await checkStreams(context, log.identity);
  const [docs, chunks] = await Promise.all([log.docs.state(), log.chunks.state()]);
  await checkWriters(context, { docs: docs.lastSeq, chunks: chunks.lastSeq });
  for await (const { manifest } of log.manifests.all()) {
    if (manifest.to > chunks.lastSeq) throw lostTail(log.chunks.name);
    if (manifest.version > docs.lastSeq) throw lostTail(log.docs.name);
    const { incarnation } = log.identity;
    if (manifest.to !== 0 && manifest.incarnation !== incarnation) {
      throw refusedLog("a manifest belongs to another incarnation of CHUNKS");
    }
  }
}

interface Ends {
  readonly docs: number;
  readonly chunks: number;
}

async function checkWriters(context: NatsContext, ends: Ends): Promise<void> {
  const newest = await newestWriter(context, ends.chunks);
  if (newest === null) return;
  if (newest.version > ends.docs) throw lostTail(streamNames.docs);
  const leases = await streamInfo(context, "leases");
  if (leases === null) throw missingStream(streamNames.leases);
  // Epochs below those in CHUNKS would be fenced for ever.
  if (newest.epoch > leases.state.last_seq) throw lostTail(streamNames.leases);
}

/** Null when the stream is empty, or its newest message was purged (with its tenant). */
async function newestWriter(
  context: NatsContext,
  lastSeq: number,
): Promise<ReturnType<typeof writerOf> | null> {
  try {
    const message = await context.jsm.streams.getMessage(streamNames.chunks, { seq: lastSeq });
    return writerOf(headerReader(message.header));
  } catch (thrown) {
    if (apiCode(thrown) === jetStream.messageNotFound) return null;
    throw logError(thrown);
  }
}

function lostTail(stream: string): FreshetError {
  return refusedLog(`stream ${stream} ends before what was built on it: its tail was lost`);
}
