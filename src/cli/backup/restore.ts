/**
 * A backup back into a NATS without a log, and its objects into Weaviate.
 *
 *   BK1  the stream of manifests, with the record of the log's identity, comes last: until it is
 *        there no engine takes what is there for a log;
 *   BK2  a mark on NATS says that a restore is under way. One that was cut off is begun again: what
 *        it left is removed, because before it there was nothing. That of another backup too, whose
 *        tenants may be erased in this one; and the log is another deployment than it would be;
 *   BK3  streams continue well above their last message, so that a sequence which the lost log gave
 *        out after the backup never means something else;
 *   BK4  what is restored is another deployment than what was lost: engines that still run, merges
 *        that Temporal kept and objects that Weaviate kept belong to that one, and touch nothing;
 *   BK5  one restore at a time: one that finds another at work touches nothing. It would take what
 *        that one wrote for what is left of one that was cut off, and either could end well without
 *        streams that the other removed.
 */

import { z } from "zod";
import type { ObjectCopies } from "../../compose/backup.ts";
import type { Backup, BackupStream, BackupTenant } from "../../contract/backup.ts";
import type { TenantGenerations } from "../../contract/generation.ts";
import type { TenantId } from "../../contract/ids.ts";
import { limits } from "../../contract/limits.ts";
import type { StreamCopies, StreamToWrite } from "../../log/backup-port.ts";
import { encodeEntry } from "../../log/wire/archive.ts";
import { decodeGenerations } from "../../log/wire/generation.ts";
import {
  decodeIdentity,
  deploymentOf,
  encodeIdentity,
  type LogIdentity,
} from "../../log/wire/identity.ts";
import {
  generationsPrefix,
  identitySubject,
  manifestSubject,
  pieceSubject,
} from "../../log/wire/subjects.ts";
import { forEachAtMost } from "../../runtime/for-each.ts";
import { CliError } from "../exit.ts";
import { readIndex } from "./index-file.ts";
import { manifestIn } from "./merged.ts";
import type { Progress } from "./progress.ts";
import type { Parts } from "./store.ts";
import { headsName, lastStreams, logStreams, manifestsName, storedMessages } from "./streams.ts";

export interface Restoring {
  readonly copies: StreamCopies;
  /** Of the deployment that is restored. */
  readonly objectsOf: (deployment: string) => ObjectCopies;
  readonly parts: Parts;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  /** Of NATS, for messages. */
  readonly where: string;
  /** Sequences that streams pass over (BK3). */
  readonly gap: number;
  readonly nowMs: () => number;
  /** From 0 up to 1. */
  readonly random: () => number;
}

export interface Restored {
  /** `done before`: an earlier run had ended but for its mark. */
  readonly outcome: "restored" | "done before";
  /** Of the restored log. */
  readonly deployment: string;
  /** What its tenants are embedded by beside the engines' own model: no backup holds a model. */
  readonly models: readonly string[];
}

export async function restoreBackup(backup: Backup, restoring: Restoring): Promise<Restored> {
  const { copies, objectsOf, progress } = restoring;
  const manifests = backup.streams.find(({ name }) => name === manifestsName);
  const { identity: kept, models } = await namedIn(manifests, restoring);
  if (manifests === undefined || kept === undefined) {
    throw new CliError("this backup names no log: it is damaged");
  }
  const target = await lookAtTarget(backup, restoring);
  const identity = { ...kept, createdAtMs: target.mark.createdAtMs };
  const deployment = deploymentOf(identity);
  if (target.state === "done") {
    await copies.setRestoring(null);
    return { outcome: "done before", deployment, models };
  }
  const objects = objectsOf(deployment);
  try {
    if (target.state === "cut off") await clearCold(backup, objects);
    if (target.other !== undefined) await clearOther(target.other, restoring);
    await copies.setRestoring(JSON.stringify(target.mark));
    for (const stream of backup.streams) {
      if (stream.name === manifestsName) continue;
      progress.step(stream.name);
      if (stream.name === headsName) await copies.write(headsOf(backup, stream, restoring));
      else await copies.write(streamOf(stream, restoring));
    }
    await restoreObjects(backup, objects, restoring);
    await copies.write(manifestsOf(backup, { stream: manifests, identity }, restoring));
    await copies.setRestoring(null);
  } finally {
    await objects.close();
  }
  return { outcome: "restored", deployment, models };
}

/** BK2. What is written on NATS while a restore is under way. */
const markSchema = z.object({ id: z.string(), createdAtMs: z.number() });

type Mark = z.infer<typeof markSchema>;

interface Target {
  readonly state: "empty" | "cut off" | "done";
  readonly mark: Mark;
  /** The restore that was cut off was of another backup. */
  readonly other?: Mark | undefined;
}

async function lookAtTarget(
  { id }: Backup,
  { copies, where, progress, nowMs, random }: Restoring,
): Promise<Target> {
  const engines = await copies.enginesThere();
  if (engines > 0) throw new CliError(`an engine is running on ${where}: stop it first`);
  // BK5. Before anything is removed: what the other one wrote would not be there any more.
  if ((await copies.otherRestores()) > 0) {
    throw new CliError(`another restore is running on ${where}: wait for its end, or stop it`);
  }
  const names = await copies.names();
  const there = logStreams.filter((name) => names.includes(name));
  const found = await copies.restoring();
  if (found === null) {
    // The fraction tells two restores in one millisecond apart, as the server's does two new logs.
    const mark = { id, createdAtMs: nowMs() + random() };
    if (there.length === 0) return { state: "empty", mark };
    throw new CliError(
      `${where} holds a log (${there.join(", ")}): a backup is restored into an empty NATS`,
    );
  }
  const earlier = markIn(found);
  if (there.includes(manifestsName)) {
    if ((await begunAtMs(copies)) !== earlier?.createdAtMs) {
      throw new CliError(
        `${where} holds a log that was begun while a restore was cut off, and nothing of a backup: ` +
          "a backup is restored into an empty NATS",
      );
    }
    if (earlier?.id === id) return { state: "done", mark: earlier };
    throw new CliError(`${where} holds a log that was restored from ${earlier?.id ?? "a backup"}`);
  }
  progress.say(`a restore of ${earlier?.id ?? "a backup"} was cut off: what it left is removed`);
  for (const name of there) await copies.remove(name);
  if (earlier?.id === id) return { state: "cut off", mark: earlier };
  return { state: "cut off", mark: { id, createdAtMs: nowMs() + random() }, other: earlier };
}

/** When the log that is there was begun: a restored one says what the mark of its restore says. */
async function begunAtMs(copies: StreamCopies): Promise<number | undefined> {
  const stream = await copies.read(manifestsName);
  let begun: number | undefined;
  for await (const { subject, body } of stream?.content ?? []) {
    if (subject !== identitySubject) continue;
    const reading = decodeIdentity(body);
    if (reading.kind === "identity") begun = reading.identity.createdAtMs;
  }
  return begun;
}

function markIn(text: string): Mark | undefined {
  try {
    return markSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

interface NamedByLog {
  readonly identity: LogIdentity | undefined;
  readonly models: readonly string[];
}

async function namedIn(
  stream: BackupStream | undefined,
  { parts }: Restoring,
): Promise<NamedByLog> {
  let identity: LogIdentity | undefined;
  const records = new Map<string, TenantGenerations>();
  if (stream === undefined) return { identity, models: [] };
  for await (const messages of storedMessages(stream, parts)) {
    for (const { subject, body } of messages) {
      if (subject.startsWith(generationsPrefix)) {
        const record = decodeGenerations(body);
        if (record !== undefined) records.set(subject, record);
      }
      if (subject !== identitySubject) continue;
      const reading = decodeIdentity(body);
      if (reading.kind === "identity") ({ identity } = reading);
    }
  }
  return { identity, models: [...new Set([...records.values()].flatMap(modelsOf))].sort() };
}

const modelsOf = (record: TenantGenerations): readonly string[] =>
  [record.active, ...(record.state === "single" ? [] : [record.other])].flatMap(({ model }) =>
    model === null ? [] : [model],
  );

/** Of a restore of this backup that was cut off. */
async function clearCold({ tenants }: Backup, objects: ObjectCopies): Promise<void> {
  for (const { tenant, merged } of tenants) {
    if (merged === undefined || !(await objects.has(tenant as TenantId))) continue;
    await objects.erase(tenant as TenantId);
  }
}

/** BK2. Of a backup that is not there any more it is only said that something is left. */
async function clearOther({ id, createdAtMs }: Mark, restoring: Restoring): Promise<void> {
  const { parts, progress, objectsOf } = restoring;
  const backup = await readIndex(parts.store, id).catch(() => undefined);
  const manifests = backup?.streams.find(({ name }) => name === manifestsName);
  const { identity } = await namedIn(manifests, restoring);
  if (backup === undefined || identity === undefined) {
    progress.say(`backup ${id} cannot be read: what its restore wrote to Weaviate stays there`);
    return;
  }
  const objects = objectsOf(deploymentOf({ ...identity, createdAtMs }));
  try {
    await clearCold(backup, objects);
  } finally {
    await objects.close();
  }
}

/** BK3. Sequences of the other streams are no names. */
const named: readonly string[] = [manifestsName, headsName, ...lastStreams];

const endAfter = ({ name, lastSeq }: BackupStream, { gap }: Pick<Restoring, "gap">): number =>
  named.includes(name) ? lastSeq + gap : lastSeq;

function stateAfter(stream: BackupStream, restoring: Restoring) {
  const { bytes, messages, firstSeq } = stream;
  const lastSeq = endAfter(stream, restoring);
  return { messages, bytes, firstSeq: messages === 0 ? lastSeq + 1 : firstSeq, lastSeq };
}

function streamOf(stream: BackupStream, restoring: Restoring): StreamToWrite {
  return {
    config: stream.config,
    ...stateAfter(stream, restoring),
    entries: entriesOf(stream, restoring),
  };
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
function headsOf({ tenants }: Backup, stream: BackupStream, restoring: Restoring): StreamToWrite {
  const { parts, nowMs } = restoring;
  const lastSeq = endAfter(stream, restoring);
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
    ...{ config: stream.config, bytes, entries: entries(), messages: pieces.length },
    ...{ firstSeq: lastSeq + 1, lastSeq: lastSeq + pieces.length },
  };
}

/**
 * With the manifests that the objects and pieces of this backup belong to as the newest ones, and
 * the new identity behind them.
 */
function manifestsOf(
  { tenants }: Backup,
  { stream, identity }: { readonly stream: BackupStream; readonly identity: LogIdentity },
  restoring: Restoring,
): StreamToWrite {
  const merged = tenants.filter((tenant): tenant is MergedTenant => tenant.merged !== undefined);
  const newer = [
    ...merged.map(({ tenant, merged: { manifest } }) => ({
      subject: manifestSubject(tenant as TenantId),
      headers: manifest.headers,
      body: Buffer.from(manifest.body, "base64"),
    })),
    { subject: identitySubject, headers: {}, body: encodeIdentity(identity) },
  ];
  const end = endAfter(stream, restoring);
  async function* entries(): AsyncGenerator<Uint8Array> {
    yield* entriesOf(stream, restoring);
    for (const [at, entry] of newer.entries()) {
      yield encodeEntry({ ...entry, seq: end + 1 + at, atMs: restoring.nowMs() });
    }
  }
  return {
    ...{ config: stream.config, bytes: stream.bytes, entries: entries() },
    messages: stream.messages + newer.length,
    ...{ firstSeq: stream.firstSeq, lastSeq: end + newer.length },
  };
}

type MergedTenant = BackupTenant & { readonly merged: NonNullable<BackupTenant["merged"]> };

async function restoreObjects(
  { tenants }: Backup,
  objects: ObjectCopies,
  { parts, progress, signal }: Restoring,
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
