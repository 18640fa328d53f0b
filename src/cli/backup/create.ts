/**
 * A backup of a log that is in use.
 *
 *   XC1  every stream is copied after those that name what is in it, and DOCS last: so nothing in
 *        the backup points above the end of DOCS, which is the sequence that the index names;
 *   XC2  what a sweep purges under the reader is noticed: the chains of records are whole, and the
 *        first operation after each cursor is there. Else all of it is read again;
 *        So is a generation that began or was given up: its record was read first;
 *   XC3  the index is written last: a backup that was cut off is none;
 *   XC4  its time is that of its first read: what was erased since may be in it, so that whoever
 *        removes the backups from before an erase removes this one.
 */

import { randomUUID } from "node:crypto";
import type { ObjectCopies } from "../../compose/backup.ts";
import {
  type Backup,
  type BackupStream,
  type BackupTenant,
  backupFormat,
  type CopiedMessage,
} from "../../contract/backup.ts";
import { holdingNames, isReleased } from "../../contract/generation.ts";
import { generationName, position, type TenantId, tenantOf } from "../../contract/ids.ts";
import { limits } from "../../contract/limits.ts";
import { isErased as isErasedLife } from "../../contract/tenant-life.ts";
import type { StreamCopies } from "../../log/backup-port.ts";
import type { Log } from "../../log/port.ts";
import { CliError } from "../exit.ts";
import { answersAfter, endOf, faultOf, LogFacts } from "./facts.ts";
import { CopiedGenerations } from "./generations.ts";
import { newId, writeIndex } from "./index-file.ts";
import { confirmedIn, type KeptMerged, keepMerged } from "./merged.ts";
import type { Progress } from "./progress.ts";
import type { Parts } from "./store.ts";
import {
  chunksName,
  docsName,
  firstStreams,
  headsName,
  keepStream,
  lastStreams,
  logStreams,
  manifestsName,
} from "./streams.ts";

export interface Making {
  readonly log: Log;
  readonly copies: StreamCopies;
  readonly objects: ObjectCopies;
  readonly parts: Parts;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  readonly version: string;
  readonly nowMs: () => number;
}

export interface Made {
  readonly backup: Backup;
  readonly indexBytes: number;
  /** Streams of this NATS that are no part of a log. */
  readonly others: readonly string[];
}

/** @throws CliError, FreshetError */
export async function createBackup(making: Making): Promise<Made> {
  await making.log.checkIdentity();
  await checkSpace(making);
  for (let attempt = 1; ; attempt += 1) {
    const looked = await lookOnce(making);
    const isLast = attempt === limits.backupLogAttemptsMax;
    // One tenant that is damaged since long must not cost the others their backup.
    if (looked.fault === undefined || (isLast && !looked.isTorn)) {
      await making.log.checkIdentity();
      const indexBytes = await writeIndex(making.parts.store, looked.backup);
      const names = await making.copies.names();
      const others = names.filter((name) => !logStreams.includes(name));
      return { backup: looked.backup, indexBytes, others };
    }
    const { fault } = looked;
    if (isLast) throw new CliError(`no backup was made: ${fault}`);
    making.progress.say(`${fault}: reading again`);
  }
}

/** What is in the store already may be most of it; nothing is known of that before it is read. */
async function checkSpace({ copies, parts, progress }: Making): Promise<void> {
  let bytes = 0;
  for (const name of logStreams) bytes += (await copies.describe(name))?.bytes ?? 0;
  const free = await parts.store.freeBytes();
  progress.expect(bytes);
  if (free === undefined) return;
  if (free < limits.backupFreeBytesMin) {
    throw new CliError(`${parts.store.where} has ${free} bytes left: make room, or name another`);
  }
  if (free < bytes) {
    progress.say(`streams hold ${bytes} bytes, ${free} are free: parts are compressed, it may fit`);
  }
}

interface Looked {
  readonly backup: Backup;
  readonly fault: string | undefined;
  /** The fault is of the whole, not of one tenant. */
  readonly isTorn: boolean;
}

async function lookOnce(making: Making): Promise<Looked> {
  const { copies, log, progress, nowMs } = making;
  const facts = new LogFacts();
  const begunAtMs = nowMs();
  const generations = new CopiedGenerations();
  const onMessageOf: OnMessageOf = {
    [manifestsName]: generations.message.bind(generations),
    [chunksName]: facts.chunk.bind(facts),
    [docsName]: facts.operation.bind(facts),
  };
  const streams: BackupStream[] = [];
  for (const name of firstStreams) streams.push(...(await keep(making, name, onMessageOf)));
  const heads = await copies.describe(headsName);
  if (heads !== null) {
    const { firstSeq, lastSeq, config } = heads;
    streams.push({
      ...{ name: headsName, config, firstSeq, lastSeq },
      ...{ messages: 0, bytes: 0, parts: [] },
    });
  }
  const merged = await keepAllMerged(making);
  for (const name of lastStreams) streams.push(...(await keep(making, name, onMessageOf)));
  const seqOf = (name: string) => streams.find((one) => one.name === name)?.lastSeq ?? 0;
  const erased = await erasedTenants(log);
  const end = { seq: seqOf(docsName), position: seqOf(chunksName) };
  progress.step("checking");
  const purged = await purgedUnder(making, facts, end);
  const changed = await generations.changedSince(log);
  const names = new Set([...facts.tenants(), ...merged.keys()]);
  const tenants = [...names].sort().map((tenant) => {
    const kept = erased.has(tenant) ? undefined : merged.get(tenant);
    return partsOf(tenant, facts, { kept, isErased: erased.has(tenant) });
  });
  const torn = [...names].find((tenant) => answersAfter(facts.of(tenant), end.seq));
  const beyond = torn && `records of ${torn} answer operations after the end`;
  const broken = tenants.find(({ fault }) => fault !== undefined);
  const backup: Backup = {
    format: backupFormat,
    id: newId(begunAtMs, randomUUID()),
    createdAt: new Date(begunAtMs).toISOString(),
    versions: { freshet: making.version, nats: copies.version },
    ...{ deployment: log.deployment, partitions: log.partitions, seq: end.seq },
    dimensions: Math.max(0, ...[...merged.values()].map(({ dimensions }) => dimensions)),
    ...{ streams, tenants },
  };
  const whole = purged ?? changed ?? beyond;
  const fault = whole ?? (broken && `${broken.tenant}: ${broken.fault}`);
  return { backup, fault, isTorn: whole !== undefined };
}

function partsOf(
  tenant: TenantId,
  facts: LogFacts,
  { kept, isErased }: { readonly kept: KeptMerged | undefined; readonly isErased: boolean },
): BackupTenant {
  const found = facts.of(tenant);
  const { cursor, position: last } = found;
  const parts = {
    ...(isErased ? { isErased } : {}),
    ...(kept === undefined ? {} : { merged: withoutDimensions(kept) }),
  };
  const fault = faultOf(found, { ...parts, confirmed: confirmedIn(parts.merged) });
  return {
    ...{ tenant, seq: endOf(found), cursor, position: last, ...parts },
    ...(fault === undefined ? {} : { fault }),
  };
}

function withoutDimensions({ dimensions: _, ...merged }: KeptMerged) {
  return merged;
}

type OnMessageOf = Readonly<Partial<Record<string, (message: CopiedMessage) => void>>>;

/** None for a stream that was never made. */
async function keep(
  { copies, parts, signal, progress }: Making,
  name: string,
  onMessageOf: OnMessageOf,
): Promise<BackupStream[]> {
  const copy = await copies.read(name);
  if (copy === null) return [];
  progress.step(name);
  const onPart = (bytes: number): void => progress.add(bytes);
  return [await keepStream(copy, { parts, signal, onMessage: onMessageOf[name], onPart })];
}

async function keepAllMerged(making: Making): Promise<ReadonlyMap<TenantId, KeptMerged>> {
  const { log, objects, parts, signal, progress } = making;
  const kept = new Map<TenantId, KeptMerged>();
  const erased = await erasedTenants(log);
  progress.step("cold");
  const onObjects = (tenant: TenantId, count: number): void => progress.objects(tenant, count);
  const { manifests } = log;
  for (const tenant of await manifests.tenants()) {
    if (erased.has(tenant)) continue;
    signal.throwIfAborted();
    const merged = await keepMerged({ manifests, objects, parts, signal, onObjects }, tenant);
    if (merged !== undefined) kept.set(tenant, merged);
  }
  return kept;
}

/** Also generations that are given up: of either a tombstone is left, at most. */
async function erasedTenants({
  lives,
  generations,
}: Pick<Log, "lives" | "generations">): Promise<ReadonlySet<TenantId>> {
  const erased = new Set<TenantId>();
  for await (const { tenant, life } of lives.all()) if (isErasedLife(life)) erased.add(tenant);
  for await (const { tenant, generations: record } of generations.all()) {
    for (let number = 1; number < record.next; number += 1) {
      const isGone = erased.has(tenant) || isReleased(record, number);
      if (isGone) erased.add(generationName(tenant, number));
    }
  }
  return erased;
}

/**
 * XC2. DOCS is purged from below, and only what is processed: if the first operation that was
 * processed after the copy of CHUNKS is in the copy of DOCS, all later ones are.
 */
async function purgedUnder(
  { log: { chunks, generations } }: Pick<Making, "log">,
  facts: LogFacts,
  end: { readonly seq: number; readonly position: number },
): Promise<string | undefined> {
  for (const tenant of facts.tenants()) {
    // One that is built is not made of DOCS.
    const { generations: record } = await generations.get(tenant);
    if (!holdingNames(tenantOf(tenant), record).includes(tenant)) continue;
    const { cursor, firstOpen, position: kept } = facts.of(tenant);
    const last = await chunks.last(tenant);
    if (last === null || last.position <= end.position || last.version <= cursor) continue;
    // A tombstone takes the place of what was before it.
    if (last.kind === "reject" && last.reason === "tenant_erased") continue;
    const range = { tenant, after: position(kept), to: last.position };
    for await (const { kind, version } of chunks.headers(range)) {
      if (kind === "fence") continue;
      if (version <= end.seq && version !== firstOpen) {
        return `operations of ${tenant} were purged while they were read`;
      }
      break;
    }
  }
  return undefined;
}
