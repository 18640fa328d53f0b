/**
 * Which log this is (ARCHITECTURE.md, "Log identity").
 *
 * Owns: the identity record in the manifests store. It is written before the first stream and says
 * which incarnation of each stream belongs to this log, so that a stream which was deleted,
 * recreated, restored from an older backup, or cut at its end is refused instead of read.
 * Never: repairs a log. It refuses a log that it cannot prove to be whole, and says what to do.
 *
 *   NI1  streams are created while the record says `creating`; once `ready`, a missing one is a
 *        loss;
 *   NI2  leases and dead letters may be recreated: losing them costs no document, and epochs keep
 *        rising, because a recreated lease stream starts at the next incarnation.
 */

import { NatsError } from "nats";
import { FreshetError } from "../../contract/errors.ts";
import { dayMs } from "../../contract/limits/units.ts";
import { limits } from "../../contract/limits.ts";
import { restoreStream } from "../../contract/own-streams.ts";
import { decodeIdentity, encodeIdentity, type LogIdentity } from "../wire/identity.ts";
import { identitySubject } from "../wire/subjects.ts";
import type { NatsContext } from "./connection.ts";
import { apiCode, jetStream, logError } from "./errors.ts";
import { newestReadable } from "./newest.ts";
import { publishIfLastUntilKnown } from "./publish.ts";
import { createFirstStream, createStream } from "./room.ts";
import {
  alignStream,
  incarnationIn,
  otherIncarnation,
  refusedLog,
  type StreamRole,
  type StreamShape,
  streamInfo,
  streamNames,
  streamRoles,
} from "./streams.ts";

/**
 * Of an RFC 3339 time in nanoseconds, as the server writes it: what lies below its milliseconds.
 */
function fractionOfMs(time: string): number {
  const digits = /\.\d{3}(\d+)Z$/.exec(time)?.[1] ?? "0";
  return Number(`0.${digits}`);
}

export interface Deployment {
  /**
   * Whether what is missing may be created: by a process that serves, never by one that only reads.
   */
  readonly creates: boolean;
  readonly partitions: number;
  readonly replicas: number;
  readonly leaseMs: number;
}

/** One attempt at opening a log. */
export interface Opening extends Deployment {
  /** Whether it has waited long enough for the room that was planned (room.ts, RO2). */
  readonly mayShrink: boolean;
}

interface StoredIdentity {
  readonly identity: LogIdentity;
  readonly revision: number;
}

/** Null: something is stored in its place, and nothing older is left of it. */
interface FoundIdentity {
  readonly identity: LogIdentity | null;
  readonly revision: number;
}

const firstDayMs = Date.UTC(2026, 0, 1);

/**
 * Incarnation of a new log: days since 2026. So the versions of a log that was begun anew lie above
 * those of the one that was deleted, whose tokens and cold objects may still be around.
 */
export function newIncarnation(nowMs: number): number {
  return 1 + Math.min(Math.max(Math.floor((nowMs - firstDayMs) / dayMs), 0), 8_000);
}

/**
 * Creates what is missing in a new log, and refuses an old one that is not whole.
 * @throws FreshetError log_identity, log_unavailable, overloaded (no room for a stream), not_ready
 * (no log, and none may be created)
 */
export async function ensureLog(context: NatsContext, deployment: Opening): Promise<LogIdentity> {
  const stored = present(await readIdentity(context)) ?? (await beginLog(context, deployment));
  checkPartitions(stored.identity.partitions, deployment.partitions);
  const isReady = stored.identity.state === "ready";
  if (!isReady && !deployment.creates) throw noLog();
  const ready = isReady ? stored : await complete(context, stored, deployment);
  const known = await recreateHarmless(context, ready, deployment);
  if (!deployment.creates) return known;
  for (const role of streamRoles) {
    await alignStream(context, role, { ...deployment, incarnation: known.incarnation });
  }
  return known;
}

const noLog = (): FreshetError =>
  new FreshetError("not_ready", "there is no Freshet log on this NATS: start an engine first");

/**
 * The same for a log that was opened before: nothing is begun, what is not essential is created
 * again.
 * @throws FreshetError log_identity, log_unavailable
 */
export async function checkLog(
  context: NatsContext,
  deployment: Deployment,
  known: LogIdentity,
): Promise<LogIdentity> {
  const found = await readIdentity(context);
  // One foreign message must not stop every tenant: what this process knows is checked against the
  // streams themselves.
  const stored = found && { ...found, identity: found.identity ?? known };
  if (stored?.identity.createdAtMs !== known.createdAtMs) {
    throw refusedLog("the record of the log's identity has changed");
  }
  checkPartitions(stored.identity.partitions, known.partitions);
  return recreateHarmless(context, stored, deployment);
}

function checkPartitions(stored: number, configured: number): void {
  if (stored === configured) return;
  throw new FreshetError(
    "log_identity",
    `the log was created with ${stored} partitions, ${configured} are configured: ` +
      `configure ${stored}; another number would split tenants`,
  );
}

async function beginLog(context: NatsContext, deployment: Deployment): Promise<StoredIdentity> {
  if (!deployment.creates) throw noLog();
  if (await isRestoring(context)) throw halfRestored();
  for (const role of ["docs", "chunks", "heads"] as const) {
    if ((await streamInfo(context, role)) === null) continue;
    throw refusedLog(`stream ${streamNames[role]} exists, but no record of whose it is`);
  }
  const nowMs = context.clock.nowMs();
  const incarnation = newIncarnation(nowMs);
  await createFirstStream(context, { ...deployment, incarnation });
  const created = (await streamInfo(context, "manifests"))?.created ?? "";
  const identity: LogIdentity = {
    format: 1,
    state: "creating",
    createdAtMs: nowMs + fractionOfMs(created),
    partitions: deployment.partitions,
    incarnation,
    leases: incarnation,
  };
  return writeIdentity(context, identity, 0);
}

const halfRestored = (): FreshetError =>
  new FreshetError(
    "log_identity",
    "a restore of a backup is under way on this NATS, or was cut off: wait for its end, or run " +
      `freshet backup restore again; to begin a new log instead, delete the stream ${restoreStream}`,
  );

/** A user of an earlier Freshet's permissions may not ask; the streams are looked at either way. */
async function isRestoring({ jsm }: NatsContext): Promise<boolean> {
  try {
    await jsm.streams.info(restoreStream);
    return true;
  } catch (thrown) {
    if (apiCode(thrown) === jetStream.streamNotFound) return false;
    if (thrown instanceof NatsError && thrown.isPermissionError()) return false;
    throw logError(thrown);
  }
}

async function complete(
  context: NatsContext,
  { identity, revision }: StoredIdentity,
  opening: Opening,
): Promise<StoredIdentity> {
  const shape = { ...opening, incarnation: identity.incarnation };
  await createStream(context, { ...shape, role: "leases", incarnation: identity.leases });
  // From small to large: where others took room meanwhile, the largest makes do with what is left.
  for (const role of ["deadLetters", "heads", "docs", "chunks"] as const) {
    await createStream(context, { ...shape, role });
  }
  await checkStreams(context, identity);
  return writeIdentity(context, { ...identity, state: "ready" }, revision);
}

async function recreateHarmless(
  context: NatsContext,
  stored: StoredIdentity,
  deployment: Deployment,
): Promise<LogIdentity> {
  let { identity } = stored;
  if (!deployment.creates) {
    await checkHarmless(context);
    return identity;
  }
  if (await isGone(context, "leases")) {
    const next = { ...identity, leases: identity.leases + 1 };
    ({ identity } = await writeIdentity(context, next, stored.revision));
    await recreate(context, "leases", { ...deployment, incarnation: identity.leases });
  }
  if (await isGone(context, "deadLetters")) {
    await recreate(context, "deadLetters", { ...deployment, incarnation: identity.incarnation });
  }
  return identity;
}

/**
 * With a second look: a cluster that just started, or an old leader of it, may not know of a stream
 * for a moment.
 */
async function isGone(context: NatsContext, role: StreamRole): Promise<boolean> {
  if ((await streamInfo(context, role)) !== null) return false;
  await context.clock.sleep(limits.lostTailLookEveryMs);
  return (await streamInfo(context, role)) === null;
}

/** What an engine would create again. @throws FreshetError not_ready */
async function checkHarmless(context: NatsContext): Promise<void> {
  for (const role of ["leases", "deadLetters"] as const) {
    if (!(await isGone(context, role))) continue;
    const name = streamNames[role];
    const message = `stream ${name} is missing: an engine that starts creates it again`;
    throw new FreshetError("not_ready", message);
  }
}

async function recreate(context: NatsContext, role: StreamRole, shape: StreamShape): Promise<void> {
  context.logger.error({ stream: streamNames[role] }, "a stream was missing and is created again");
  await createStream(context, { ...shape, role, mayShrink: true });
}

/**
 * DOCS, CHUNKS and HEADS are those of the identity.
 * @throws FreshetError log_identity, log_unavailable (a cluster took back one that it just made)
 */
async function checkStreams(context: NatsContext, identity: LogIdentity): Promise<void> {
  for (const role of ["docs", "chunks", "heads"] as const) {
    const name = streamNames[role];
    const info = await streamInfo(context, role);
    // Nothing was ever stored in it: to create it again loses nothing (NI1).
    if (info === null) throw new FreshetError("log_unavailable", `stream ${name} is not there yet`);
    if (incarnationIn(info) !== identity.incarnation) throw otherIncarnation(name);
  }
}

/**
 * The record that the store holds now; null in a new log.
 * @throws FreshetError log_identity (of a later version)
 */
async function readIdentity(context: NatsContext): Promise<FoundIdentity | null> {
  if ((await streamInfo(context, "manifests")) === null) return null;
  const { value: identity, tail: revision } = await newestReadable(context, {
    ...{ stream: streamNames.manifests, subject: identitySubject },
    read: ({ data }) => {
      const reading = decodeIdentity(data);
      if (reading.kind === "unreadable") throw unreadable();
      return reading.kind === "identity" ? reading.identity : undefined;
    },
  });
  return revision === 0 ? null : { identity, revision };
}

function present(found: FoundIdentity | null): StoredIdentity | null {
  if (found === null) return null;
  const { identity, revision } = found;
  if (identity === null) throw unreadable();
  return { identity, revision };
}

const unreadable = (): FreshetError =>
  refusedLog(
    "the record of the log's identity is not readable: see ops/runbooks/quarantined-record.md",
  );

/** Another node may write the same step; the second of two continues with what is there. */
function writeIdentity(
  context: NatsContext,
  identity: LogIdentity,
  expectedRevision: number,
): Promise<StoredIdentity> {
  const payload = encodeIdentity(identity);
  return publishIfLastUntilKnown<StoredIdentity>(context, {
    message: { subject: identitySubject, payload, expectedLast: expectedRevision },
    stored: ({ seq }) => ({ identity, revision: seq }),
    readBack: async () => {
      const result = present(await readIdentity(context));
      const isNewer = result !== null && result.revision !== expectedRevision;
      return isNewer ? { kind: "known", result } : { kind: "open" };
    },
    silence: "the record of the log's identity got no answer",
  });
}
