/** Is a backup whole? Everything in it is read, as a restore would. */

import type { Backup, BackupMerged } from "../../contract/backup.ts";
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
  const faults: string[] = [];
  const facts = new LogFacts();
  const attempt = async (what: () => Promise<void>): Promise<void> => {
    try {
      await what();
    } catch (thrown) {
      checking.signal.throwIfAborted();
      faults.push(thrown instanceof Error ? thrown.message : String(thrown));
    }
  };
  for (const stream of inOrder(backup)) {
    checking.progress.step(stream.name);
    await attempt(() => readStream(stream, checking, facts));
  }
  let objects = 0;
  for (const { tenant, merged, ...rest } of backup.tenants) {
    await attempt(async () => {
      const found = facts.of(tenant as TenantId);
      const confirmed = confirmedIn(merged);
      const fault = faultOf(found, { ...rest, merged, confirmed });
      if (fault !== undefined) throw new CliError(`${tenant}: ${fault}`);
      const { seq, cursor, position } = rest;
      if (answersAfter(found, backup.seq)) throw new CliError(`${tenant}: ends after the backup`);
      const isSame = endOf(found) === seq && found.cursor === cursor && found.position === position;
      if (!isSame) throw new CliError(`${tenant}: its messages are not those of the index`);
      if (merged !== undefined) objects += await readMerged(tenant, merged, checking);
    });
  }
  const messages = backup.streams.reduce((sum, stream) => sum + stream.messages, 0);
  const { id, seq, tenants } = backup;
  return { id, seq, messages, objects, tenants: tenants.length, faults };
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
