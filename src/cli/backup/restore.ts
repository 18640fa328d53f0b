/**
 * A backup back into a NATS without a log, and its objects into Weaviate.
 *
 *   BR1  the stream of manifests, with the record of the log's identity, comes last: until it is
 *        there no engine takes what is there for a log;
 *   BR2  a mark on NATS says that a restore is under way. One that was cut off is begun again: what
 *        it left is removed, because before it there was nothing;
 *   BR3  DOCS and CHUNKS continue far above their last message, so that a sequence which the lost
 *        log gave out after the backup never means something else.
 */

import type { ObjectCopies } from "../../compose/backup.ts";
import type { Backup, BackupStream, BackupTenant } from "../../contract/backup.ts";
import type { TenantId } from "../../contract/ids.ts";
import { limits } from "../../contract/limits.ts";
import type { StreamCopies, StreamToWrite } from "../../log/backup-port.ts";
import { encodeEntry } from "../../log/wire/archive.ts";
import { manifestSubject, pieceSubject } from "../../log/wire/subjects.ts";
import { forEachAtMost } from "../../runtime/for-each.ts";
import { CliError } from "../exit.ts";
import { manifestIn } from "./merged.ts";
import type { Progress } from "./progress.ts";
import type { Parts } from "./store.ts";
import {
  chunksName,
  docsName,
  headsName,
  logStreams,
  manifestsName,
  storedMessages,
} from "./streams.ts";

export interface Restoring {
  readonly copies: StreamCopies;
  readonly objects: ObjectCopies;
  readonly parts: Parts;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  /** Of NATS, for messages. */
  readonly where: string;
  /** What cold holds of these tenants goes first. */
  readonly replacesCold: boolean;
  readonly nowMs: () => number;
}

/** @returns `done before`: an earlier run had ended but for its mark */
export async function restoreBackup(
  backup: Backup,
  restoring: Restoring,
): Promise<"restored" | "done before"> {
  const { copies } = restoring;
  const found = await lookAtTarget(backup, restoring);
  if (found === "done before") {
    await copies.setRestoring(null);
    return found;
  }
  await prepareCold(backup, restoring, found);
  if (found === "empty") await copies.setRestoring(backup.id);
  for (const stream of backup.streams) {
    if (stream.name === manifestsName) continue;
    restoring.progress.step(stream.name);
    if (stream.name === headsName) await copies.write(headsOf(backup, stream, restoring));
    else await copies.write(streamOf(stream, restoring));
  }
  await restoreObjects(backup, restoring);
  const manifests = backup.streams.find(({ name }) => name === manifestsName);
  if (manifests === undefined) throw new CliError("this backup names no log: it is damaged");
  await copies.write(manifestsOf(backup, manifests, restoring));
  await copies.setRestoring(null);
  return "restored";
}

type Target = "empty" | "cut off";

async function lookAtTarget(
  { id }: Backup,
  { copies, where, progress }: Restoring,
): Promise<Target | "done before"> {
  const engines = await copies.enginesThere();
  if (engines > 0) throw new CliError(`an engine is running on ${where}: stop it first`);
  const names = await copies.names();
  const there = logStreams.filter((name) => names.includes(name));
  const earlier = await copies.restoring();
  if (earlier === null) {
    if (there.length === 0) return "empty";
    throw new CliError(
      `${where} holds a log (${there.join(", ")}): a backup is restored into an empty NATS`,
    );
  }
  if (there.includes(manifestsName)) {
    if (earlier === id) return "done before";
    throw new CliError(`${where} holds a log that was restored from ${earlier}`);
  }
  progress.say(`a restore of ${earlier} was cut off: what it left is removed`);
  for (const name of there) await copies.remove(name);
  await copies.setRestoring(id);
  return "cut off";
}

async function prepareCold(
  { tenants }: Backup,
  { objects, replacesCold, progress }: Restoring,
  target: Target,
): Promise<void> {
  for (const { tenant } of tenants.filter(({ merged }) => merged !== undefined)) {
    if (!(await objects.has(tenant as TenantId))) continue;
    if (target === "empty" && !replacesCold) {
      const advice = "begin with an empty Weaviate, or give it up with --replace-cold";
      throw new CliError(`Weaviate holds objects of ${tenant} of this log: ${advice}`);
    }
    progress.say(`${tenant}: what Weaviate held is removed`);
    await objects.erase(tenant as TenantId);
  }
}

/** BR3. */
function stateAfter({ name, firstSeq, lastSeq, messages }: BackupStream, bytes: number) {
  const isNamed = name === docsName || name === chunksName;
  const end = isNamed ? lastSeq + limits.backupSequenceGap : lastSeq;
  const first = messages === 0 && isNamed ? end + 1 : firstSeq;
  return { messages, bytes, firstSeq: first, lastSeq: end };
}

function streamOf(stream: BackupStream, restoring: Restoring): StreamToWrite {
  const { config, bytes } = stream;
  return { config, ...stateAfter(stream, bytes), entries: entriesOf(stream, restoring) };
}

async function* entriesOf(
  stream: BackupStream,
  { parts, progress, signal }: Restoring,
): AsyncGenerator<Uint8Array> {
  for await (const messages of storedMessages(stream, parts)) {
    signal.throwIfAborted();
    for (const { raw } of messages) {
      progress.add(raw.length);
      yield raw;
    }
  }
}

/** Pieces of heads, numbered anew: nothing names their sequences. */
function headsOf(
  { tenants }: Backup,
  { config, lastSeq }: BackupStream,
  { parts, nowMs }: Restoring,
): StreamToWrite {
  const pieces = tenants.flatMap(({ tenant, merged }) =>
    (merged?.pieces ?? []).map(({ digest, part }) => {
      return { subject: pieceSubject(tenant as TenantId, digest), part };
    }),
  );
  async function* entries(): AsyncGenerator<Uint8Array> {
    let seq = lastSeq;
    for (const { subject, part } of pieces) {
      seq += 1;
      yield encodeEntry({ subject, seq, atMs: nowMs(), body: await parts.read(part) });
    }
  }
  const bytes = pieces.reduce((sum, { part }) => sum + part.bytes, 0);
  return {
    ...{ config, bytes, entries: entries(), messages: pieces.length },
    ...{ firstSeq: lastSeq + 1, lastSeq: lastSeq + pieces.length },
  };
}

/** With the manifests that the objects and pieces of this backup belong to as the newest ones. */
function manifestsOf(
  { tenants }: Backup,
  stream: BackupStream,
  restoring: Restoring,
): StreamToWrite {
  const merged = tenants.filter((tenant): tenant is MergedTenant => tenant.merged !== undefined);
  async function* entries(): AsyncGenerator<Uint8Array> {
    yield* entriesOf(stream, restoring);
    let seq = stream.lastSeq;
    for (const { tenant, merged: of } of merged) {
      seq += 1;
      const { body, headers } = of.manifest;
      const subject = manifestSubject(tenant as TenantId);
      const atMs = restoring.nowMs();
      yield encodeEntry({ subject, seq, atMs, headers, body: Buffer.from(body, "base64") });
    }
  }
  return {
    ...{ config: stream.config, bytes: stream.bytes, entries: entries() },
    messages: stream.messages + merged.length,
    ...{ firstSeq: stream.firstSeq, lastSeq: stream.lastSeq + merged.length },
  };
}

type MergedTenant = BackupTenant & { readonly merged: NonNullable<BackupTenant["merged"]> };

async function restoreObjects(
  { tenants }: Backup,
  { objects, parts, progress, signal }: Restoring,
): Promise<void> {
  progress.step("cold");
  for (const { tenant: name, merged } of tenants) {
    if (merged === undefined) continue;
    const tenant = name as TenantId;
    const { to, version } = manifestIn(merged);
    await forEachAtMost(merged.pages, limits.mergePagesInFlight, async (page) => {
      signal.throwIfAborted();
      progress.objects(tenant, await objects.write(tenant, await parts.read(page)));
    });
    await objects.mark(tenant, { to, version });
  }
}
