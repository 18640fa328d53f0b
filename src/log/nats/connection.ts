/**
 * One connection to NATS and the calls that every part of the adapter makes through it.
 *
 * Owns: the connection. Never: gives up on a server that was reached once, or waits without a
 * bound.
 *
 *   NC1  the first connection is made within `natsConnectMs` or fails with a message that names the
 *        server, or sooner when who waits for it stops;
 *   NC2  afterwards it reconnects for ever; calls meanwhile fail with log_unavailable within their
 *        time-out, or when there is a connection again: what was asked before is answered no more;
 *   NC3  closed is closed: a client that looks for a server that is gone keeps no process alive;
 *   NC4  once its process stops, a connection that says nothing for `natsDrainMs` is closed: all
 *        that waits for it ends then, and the stop goes on;
 *   NC5  what the server does not let this user do is named, subject and all, to who waits for it
 *        and once in the log; while a log is opened no attempt is repeated for it.
 */

import {
  connect,
  ErrorCode,
  type JetStreamClient,
  type JetStreamManager,
  type MsgHdrs,
  type MsgRequest,
  type NatsConnection,
  NatsError,
  type SeqMsgRequest,
  type StoredMsg,
} from "nats";
import { FreshetError } from "../../contract/errors.ts";
import { limits } from "../../contract/limits.ts";
import type { Logger, Metrics } from "../../contract/observation.ts";
import type { Clock } from "../../runtime/clock.ts";
import { Deadline, late, waitAtMost } from "../../runtime/deadline.ts";
import { Repeated } from "../../runtime/repeated.ts";
import { Quarantine } from "../quarantine.ts";
import {
  connectionOptions,
  explainAccess,
  explainSilence,
  firstServer,
  type NatsAccess,
  shownServers,
} from "./access.ts";
import { apiCode, jetStream, logError, refusedSubject } from "./errors.ts";
import { refusalInGreeting } from "./greeting.ts";
import { giveUpLostRequests } from "./lost-requests.ts";
import { openingPauseMs } from "./pauses.ts";

/** As often as the client looks for its server. */
const askAgainMs = 250;

/**
 * Each subject that the server refuses is told once: what nobody waits for (an event, a cancel)
 * would be lost without a word otherwise. Subjects hold names of tenants, so there is a bound.
 */
const refusalsToldMax = 64;

/** What the parts of the adapter share. */
export interface NatsContext {
  readonly connection: NatsConnection;
  readonly js: JetStreamClient;
  readonly jsm: JetStreamManager;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly quarantine: Quarantine;
  /** Called after every reconnect; returns the function that ends the subscription. */
  readonly onReconnect: (listener: () => void) => () => void;
}

export interface Reports {
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** NC3. What is under way is sent, as long as there is a server. Never rejects. */
export async function closeConnection(connection: NatsConnection, clock: Clock): Promise<void> {
  if (connection.isClosed()) return;
  // Without a server it is over at once or never, and leaves the client looking for one.
  await waitAtMost(clock, limits.natsDrainMs, connection.drain()).catch(() => {});
  await connection.close();
}

/**
 * NC4. Called when a stop begins, and not waited for. Parts of a process stop one after the other,
 * and each may wait for the server: 40 s in all, which is longer than anybody lets a stop take.
 */
export async function giveUpSilent(connection: NatsConnection, clock: Clock): Promise<void> {
  const heard = hears(connection, clock);
  if ((await waitAtMost(clock, limits.natsDrainMs, heard)) === late) await connection.close();
}

/** Resolves when the server answers, or the connection is closed. */
async function hears(connection: NatsConnection, clock: Clock): Promise<void> {
  while (!connection.isClosed()) {
    const answered = connection.flush().then(
      () => true,
      () => false,
    );
    if (await answered) return;
    // Without a server it fails at once, and that may be back in time.
    await clock.sleep(askAgainMs);
  }
}

/** @throws FreshetError log_unavailable; cancelled when `stopping` is */
export async function openConnection(
  access: NatsAccess,
  { clock, logger, metrics }: Reports & { readonly clock: Clock },
): Promise<NatsContext> {
  const connection = await firstConnection(access, clock);
  const listeners = new Set<() => void>();
  void followStatus(connection, { clock, logger }, listeners);
  const timeout = limits.publishAckMs;
  const js = connection.jetstream({ timeout });
  const jsm = await connection.jetstreamManager({ timeout, checkAPI: false });
  const onReconnect = (listener: () => void): (() => void) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  };
  const quarantine = new Quarantine({
    report: ({ stream, seq, subject, why }) => {
      metrics.count("records_quarantined_total", { stream });
      const message = "a record of the log is passed over: see ops/runbooks/quarantined-record.md";
      logger.error({ stream, seq, subject, why }, message);
    },
  });
  return { connection, js, jsm, clock, logger, quarantine, onReconnect };
}

async function firstConnection(access: NatsAccess, clock: Clock): Promise<NatsConnection> {
  const deadline = new Deadline(clock, access.connectMs ?? limits.natsConnectMs);
  const { stopping } = access;
  const over = stopping ? AbortSignal.any([deadline.signal, stopping]) : deadline.signal;
  try {
    for (let attempt = 1; ; attempt += 1) {
      if (stopping?.aborted === true) throw new FreshetError("cancelled");
      try {
        return await connect(readOptions(access));
      } catch (cause) {
        const why =
          (await refusalBehindTls(access, cause)) ??
          refusalOf(access, cause) ??
          (deadline.isOver ? await silenceOf(access) : undefined);
        if (why !== undefined) throw new FreshetError("log_unavailable", why, { cause });
      }
      await clock.sleep(openingPauseMs(attempt), over);
    }
  } finally {
    deadline.clear();
  }
}

/** @throws FreshetError log_unavailable: a file of the configuration cannot be read */
function readOptions(access: NatsAccess): ReturnType<typeof connectionOptions> {
  try {
    return connectionOptions(access);
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new FreshetError("log_unavailable", message, { cause });
  }
}

async function refusalBehindTls(access: NatsAccess, cause: unknown): Promise<string | undefined> {
  const isSilent = cause instanceof NatsError && cause.code === ErrorCode.Timeout;
  return isSilent ? await explainSilence(access) : undefined;
}

/** What ends the attempts; undefined while another one may succeed. */
function refusalOf(access: NatsAccess, cause: unknown): string | undefined {
  if (cause instanceof FreshetError) return cause.message;
  const where = `nats at ${shownServers(access.servers)}`;
  if (cause instanceof NatsError && (cause.isAuthError() || cause.isPermissionError())) {
    return `${where} refuses the credentials of FRESHET_NATS_*`;
  }
  return explainAccess(access, cause);
}

/** What is said when the time is over: a server that is full may have room again before. */
async function silenceOf(access: NatsAccess): Promise<string> {
  const where = `nats at ${shownServers(access.servers)}`;
  const { host, port } = firstServer(access);
  const word = await refusalInGreeting(host, port);
  if (word !== undefined) return `${where} refuses the connection: ${word}`;
  return `${where} does not answer: start it, or set FRESHET_NATS_URL to where it is`;
}

async function followStatus(
  connection: NatsConnection,
  { clock, logger }: Pick<Reports, "logger"> & { readonly clock: Clock },
  listeners: ReadonlySet<() => void>,
): Promise<void> {
  const refused = new Set<string>();
  // Credentials that have expired are refused four times a second until somebody renews them.
  let isLost = false;
  let refusals = new Repeated(clock);
  for await (const status of connection.status()) {
    const why = refusedSubject(status);
    if (why !== undefined && !refused.has(why) && refused.size < refusalsToldMax) {
      refused.add(why);
      logger.error({}, why);
    }
    if (status.type === "disconnect" && !isLost) {
      isLost = true;
      logger.warn({}, "nats connection lost, reconnecting");
    }
    if (status.type === "error" && isRefusal(status.data) && refusals.isNews(String(status.data))) {
      logger.error({ code: status.data }, "nats refuses the credentials, or they have expired");
    }
    if (status.type !== "reconnect") continue;
    isLost = false;
    refusals = new Repeated(clock);
    logger.info({}, "nats connection restored");
    giveUpLostRequests(connection);
    for (const listener of [...listeners]) listener();
  }
}

const refusalCodes: ReadonlySet<unknown> = new Set([
  ErrorCode.AuthorizationViolation,
  ErrorCode.AuthenticationExpired,
  ErrorCode.AuthenticationTimeout,
  ErrorCode.AccountExpired,
]);

function isRefusal(code: unknown): boolean {
  return refusalCodes.has(code);
}

/**
 * Newest message of a subject, or of those that a filter or several match, from the stream's
 * leader; null when there is none. `STREAM.MSG.GET` is answered by the leader alone, unlike a
 * direct get.
 */
export async function newestMessage(
  context: NatsContext,
  stream: string,
  filter: string | readonly string[],
): Promise<StoredMsg | null> {
  let newest: StoredMsg | null = null;
  for (const subject of [filter].flat()) {
    const message = await storedMessage(context, stream, { last_by_subj: subject });
    if (message !== null && message.seq > (newest?.seq ?? 0)) newest = message;
  }
  return newest;
}

/** The message of a sequence from the stream's leader; null when it was purged or never there. */
export async function messageAt(
  context: NatsContext,
  stream: string,
  seq: number,
): Promise<StoredMsg | null> {
  return await storedMessage(context, stream, { seq });
}

/**
 * Oldest message of a subject, from a sequence on, that the stream's leader still holds; null when
 * there is none.
 */
export async function oldestMessage(
  context: NatsContext,
  {
    stream,
    subject,
    from,
  }: { readonly stream: string; readonly subject: string; readonly from: number },
): Promise<StoredMsg | null> {
  // The library's type of the request lacks the subject, which the server takes.
  const request: SeqMsgRequest & { next_by_subj: string } = { seq: from, next_by_subj: subject };
  return await storedMessage(context, stream, request);
}

async function storedMessage(
  context: NatsContext,
  stream: string,
  request: MsgRequest,
): Promise<StoredMsg | null> {
  try {
    return await context.jsm.streams.getMessage(stream, request);
  } catch (thrown) {
    if (apiCode(thrown) === jetStream.messageNotFound) return null;
    throw logError(thrown);
  }
}

export function headerReader(headers: MsgHdrs | undefined): (name: string) => string | undefined {
  return (name) => {
    const value = headers?.get(name);
    return value === undefined || value === "" ? undefined : value;
  };
}
