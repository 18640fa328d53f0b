/**
 * One connection to NATS and the calls that every part of the adapter makes through it.
 *
 * Owns: the connection. Never: gives up on a server that was reached once, or waits without a
 * bound.
 *
 *   NC1  the first connection is made within `natsConnectMs` or fails with a message that names the
 *        server;
 *   NC2  afterwards it reconnects for ever; calls meanwhile fail with log_unavailable within their
 *        time-out.
 */

import { readFileSync } from "node:fs";
import {
  type ConnectionOptions,
  connect,
  credsAuthenticator,
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
import type { Logger, Metrics } from "../../observe/port.ts";
import type { Clock } from "../../runtime/clock.ts";
import { Deadline } from "../../runtime/deadline.ts";
import { Quarantine } from "../quarantine.ts";
import { apiCode, jetStream, logError } from "./errors.ts";
import { openingPauseMs } from "./pauses.ts";

export interface NatsAccess {
  /** One URL or several, separated by commas. */
  readonly servers: string;
  readonly name?: string | undefined;
  readonly user?: string | undefined;
  readonly pass?: string | undefined;
  readonly token?: string | undefined;
  /** Path of a credentials file (JWT and seed). */
  readonly creds?: string | undefined;
  readonly connectMs?: number | undefined;
}

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

/** @throws FreshetError log_unavailable */
export async function openConnection(
  access: NatsAccess,
  { clock, logger, metrics }: Reports & { readonly clock: Clock },
): Promise<NatsContext> {
  const connection = await firstConnection(access, clock);
  const listeners = new Set<() => void>();
  void followStatus(connection, logger, listeners);
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
  const options = connectionOptions(access);
  const deadline = new Deadline(clock, access.connectMs ?? limits.natsConnectMs);
  try {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await connect(options);
      } catch (cause) {
        const refused =
          cause instanceof NatsError && (cause.isAuthError() || cause.isPermissionError());
        if (refused || deadline.isOver) {
          const why = refused ? "refuses the credentials" : "does not answer";
          const message = `nats at ${shown(access.servers)} ${why}`;
          throw new FreshetError("log_unavailable", message, { cause });
        }
      }
      await clock.sleep(openingPauseMs(attempt), deadline.signal);
    }
  } finally {
    deadline.clear();
  }
}

function connectionOptions(access: NatsAccess): ConnectionOptions {
  const { user, pass, token, creds } = access;
  return {
    servers: access.servers.split(",").map((server) => server.trim()),
    name: access.name ?? "freshet",
    timeout: limits.publishAckMs,
    // The first connection is bounded by our own loop; after it the client never gives up.
    waitOnFirstConnect: false,
    reconnect: true,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 250,
    pingInterval: limits.natsPingMs,
    maxPingOut: 2,
    // Two stack traces a request, made before anything has gone wrong; our errors say what failed.
    noAsyncTraces: true,
    ...(user === undefined ? {} : { user }),
    ...(pass === undefined ? {} : { pass }),
    ...(token === undefined ? {} : { token }),
    ...(creds === undefined ? {} : { authenticator: credsAuthenticator(readFileSync(creds)) }),
  };
}

/** Passwords in a URL do not belong into a message. */
function shown(servers: string): string {
  return servers.replaceAll(/\/\/[^@/,]*@/g, "//");
}

async function followStatus(
  connection: NatsConnection,
  logger: Logger,
  listeners: ReadonlySet<() => void>,
): Promise<void> {
  for await (const status of connection.status()) {
    if (status.type === "disconnect") logger.warn({}, "nats connection lost, reconnecting");
    if (status.type !== "reconnect") continue;
    logger.info({}, "nats connection restored");
    for (const listener of [...listeners]) listener();
  }
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
