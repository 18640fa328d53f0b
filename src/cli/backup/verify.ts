/** Is a backup whole? Everything in it is read, as a restore would. */

import type { Backup, BackupMerged, BackupPart, BackupTenant } from "../../contract/backup.ts";
import { digestOf } from "../../contract/digest.ts";
import type { TenantId } from "../../contract/ids.ts";
import { decodePieces, runOf } from "../../heads/pieces.ts";
import { CliError } from "../exit.ts";
import { answersAfter, endOf, faultOf, LogFacts } from "./facts.ts";
import { confirmedIn, manifestIn } from "./merged.ts";
import type { Progress } from "./progress.ts";
import type { Parts } from "./store.ts";
import { chunksName, docsName, lastStreams, storedMessages } from "./streams.ts";

export interface Checking {
  readonly parts: Parts;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

export interface Report {
  readonly id: string;
  readonly seq: number;
  readonly messages: number;
  readonly objects: number;
  readonly tenants: number;
  /** Each a sentence; none is the proof. */
  readonly faults: readonly string[];
}

/** @throws CliError only when it is interrupted: what is wrong is in the report */
export async function verifyBackup(backup: Backup, checking: Checking): Promise<Report> {
  const faults = new Set<string>();
  const facts = new LogFacts();
  const attempt = async (what: () => Promise<void>): Promise<void> => {
    try {
      await what();
    } catch (thrown) {
      checking.signal.throwIfAborted();
      faults.add(thrown instanceof Error ? thrown.message : String(thrown));
    }
  };
  /** Whoever fetches what is damaged from a copy fetches all of it. */
  const nameAll = async (parts: readonly BackupPart[]): Promise<void> => {
    for (const part of parts) await attempt(async () => void (await checking.parts.read(part)));
  };
  for (const stream of inOrder(backup)) {
    checking.progress.step(stream.name);
    const before = faults.size;
    await attempt(() => readStream(stream, checking, facts));
    if (faults.size > before) await nameAll(stream.parts);
  }
  // What is not read says nothing of a tenant.
  const isFolded = faults.size === 0;
  let objects = 0;
  for (const one of backup.tenants) {
    const { merged } = one;
    await attempt(async () => checkTenant(one, { backup, facts, isFolded }));
    if (merged === undefined) continue;
    const before = faults.size;
    await attempt(async () => {
      objects += await readMerged(one.tenant, merged, checking);
    });
    const parts = [...merged.pieces.map(({ part }) => part), ...merged.pages];
    if (faults.size > before) await nameAll(parts);
  }
  const messages = backup.streams.reduce((sum, stream) => sum + stream.messages, 0);
  const { id, seq, tenants } = backup;
  return { id, seq, messages, objects, tenants: tenants.length, faults: [...faults] };
}

/** @throws CliError */
function checkTenant(
  { tenant, merged, fault: kept, ...rest }: BackupTenant,
  {
    backup,
    facts,
    isFolded,
  }: { readonly backup: Backup; readonly facts: LogFacts; readonly isFolded: boolean },
): void {
  const found = facts.of(tenant as TenantId);
  const confirmed = confirmedIn(merged);
  const fault = isFolded ? faultOf(found, { ...rest, merged, confirmed }) : kept;
  if (fault !== undefined) throw new CliError(`${tenant}: ${fault}`);
  if (!isFolded) return;
  const { seq, cursor, position } = rest;
  if (answersAfter(found, backup.seq)) throw new CliError(`${tenant}: ends after the backup`);
  const isSame = endOf(found) === seq && found.cursor === cursor && found.position === position;
  if (!isSame) throw new CliError(`${tenant}: its messages are not those of the index`);
}

/** Records before operations, as the facts are folded. */
function inOrder({ streams }: Backup): Backup["streams"] {
  const rank = (name: string): number => lastStreams.findIndex((one) => one === name);
  return streams.toSorted((one, other) => rank(one.name) - rank(other.name));
}

async function readStream(
  stream: Backup["streams"][number],
  { parts, progress, signal }: Checking,
  facts: LogFacts,
): Promise<void> {
  for await (const messages of storedMessages(stream, parts)) {
    signal.throwIfAborted();
    for (const message of messages) {
      if (stream.name === chunksName) facts.chunk(message);
      if (stream.name === docsName) facts.operation(message);
      progress.add(message.raw.length);
    }
  }
}

async function readMerged(
  tenant: string,
  merged: BackupMerged,
  { parts, progress, signal }: Checking,
): Promise<number> {
  const manifest = manifestIn(merged);
  const pieces: Uint8Array[] = [];
  for (const { digest } of manifest.pieces) {
    const named = merged.pieces.find((piece) => piece.digest === digest);
    if (named === undefined) throw new CliError(`${tenant}: a piece of its heads is missing`);
    const bytes = await parts.read(named.part);
    if (digestOf(bytes) !== digest) throw new CliError(`${tenant}: a piece of its heads differs`);
    pieces.push(bytes);
  }
  const heads = decodePieces(pieces, manifest.pieces.map(runOf));
  let objects = 0;
  for (const page of merged.pages) {
    signal.throwIfAborted();
    await parts.read(page);
    objects += page.count;
    progress.objects(tenant as TenantId, page.count);
  }
  if (heads.size !== merged.documents || objects !== merged.objects) {
    throw new CliError(`${tenant}: what was merged is not all there`);
  }
  return objects;
}
