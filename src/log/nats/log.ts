/**
 * The log on NATS JetStream.
 *
 * Owns: one connection and the streams of one log. Never: consumes with broker acks, deletes what
 * it did not write, or answers from a log that it cannot prove to be its own. The server must run
 * with `sync_interval: always`: by default it acks up to two minutes before it fsyncs.
 */

import type { NatsConnection } from "nats";
import { FreshetError } from "../../contract/errors.ts";
import { limits } from "../../contract/limits.ts";
import {
  type Logger,
  type Metrics,
  silentLogger,
  silentMetrics,
} from "../../contract/observation.ts";
import type { Clock } from "../../runtime/clock.ts";
import { Deadline } from "../../runtime/deadline.ts";
import type { AuditLog } from "../audit-port.ts";
import type { PayloadVault } from "../payload-port.ts";
import type { EventSink, Log } from "../port.ts";
import type { PrivacyStore } from "../privacy-port.ts";
import { deploymentOf, type LogIdentity } from "../wire/identity.ts";
import { eventsSubject } from "../wire/subjects.ts";
import type { NatsAccess } from "./access.ts";
import { NatsAttempts } from "./attempts.ts";
import { NatsAuditLog } from "./audit.ts";
import { NatsChunks } from "./chunks.ts";
import { claimModel, claimRedaction } from "./claims.ts";
import { closeConnection, type NatsContext, openConnection } from "./connection.ts";
import { NatsDeadLetters } from "./dead-letters.ts";
import { NatsDocs } from "./docs.ts";
import { NatsErasure } from "./erasure.ts";
import { isLasting } from "./errors.ts";
import { NatsFeedback } from "./feedback.ts";
import { NatsGenerations } from "./generations.ts";
import { type Deployment, ensureLog } from "./identity.ts";
import { LogIntegrity } from "./integrity.ts";
import { NatsLeases } from "./leases.ts";
import { NatsLives } from "./lives.ts";
import { openingPauseMs } from "./pauses.ts";
import { checkedTextBytesMax } from "./payload-room.ts";
import { NatsPrivacy } from "./privacy.ts";
import { NatsTokens } from "./tokens.ts";

export interface NatsLogOptions extends NatsAccess {
  /** Of DOCS; fixed when the log is created. */
  readonly partitions: number;
  readonly clock: Clock;
  readonly logger?: Logger | undefined;
  /** Copies of each stream on a cluster: 1, 3 or 5. */
  readonly replicas?: number | undefined;
  readonly leaseMs?: number | undefined;
  readonly metrics?: Metrics | undefined;
  /** False for a process that only reads: a NATS without a log stays as it is. */
  readonly creates?: boolean | undefined;
  /** Undefined: what a tenant wants sealed can be neither published nor read here. */
  readonly vault?: ((store: PrivacyStore) => PayloadVault) | undefined;
}

export type NatsLog = Log & {
  readonly connection: NatsConnection;
  /**
   * Called after every reconnect, when the log may be another one; returns the function that ends
   * it.
   */
  readonly onReconnect: (listener: () => void) => () => void;
  /** No part of what documents rest on: it is there or not, whatever becomes of the log. */
  readonly audit: AuditLog;
};

/**
 * Connects, creates what a new log needs, and checks an old one.
 * @throws FreshetError log_unavailable, log_identity, overloaded (no room for the streams),
 * not_ready (no log is there)
 */
export async function connectNatsLog(options: NatsLogOptions): Promise<NatsLog> {
  const {
    clock,
    logger = silentLogger,
    metrics = silentMetrics,
    connectMs = limits.natsConnectMs,
  } = options;
  const deadline = new Deadline(clock, connectMs);
  try {
    const context = await openConnection(options, { clock, logger, metrics });
    return await openLog(context, options, deadline);
  } finally {
    // Also where no server was found: its timer would keep the process alive.
    deadline.clear();
  }
}

async function openLog(
  context: NatsContext,
  options: NatsLogOptions,
  deadline: Deadline,
): Promise<NatsLog> {
  const { partitions, replicas = 1, leaseMs = limits.leaseMs, creates = true } = options;
  const deployment = { partitions, replicas, leaseMs, creates };
  try {
    const { identity, integrity } = await openWithin(context, deployment, deadline);
    const { connection, logger } = context;
    const textBytesMax = checkedTextBytesMax(connection.info?.max_payload ?? 0, logger);
    const privacy = new NatsPrivacy(context);
    const vault = options.vault?.(privacy) ?? plainVault;
    return assemble(context, integrity, { ...deployment, identity, privacy, vault, textBytesMax });
  } catch (thrown) {
    await context.connection.close();
    throw thrown;
  }
}

interface Opened {
  readonly identity: LogIdentity;
  readonly integrity: LogIntegrity;
}

/** Servers that just started have no leaders of streams yet, also when they take connections. */
async function openWithin(
  context: NatsContext,
  deployment: Deployment,
  deadline: Deadline,
): Promise<Opened> {
  const startedMs = context.clock.monotonicMs();
  for (let attempt = 1; ; attempt += 1) {
    try {
      const mayShrink = context.clock.monotonicMs() - startedMs >= limits.roomKnownMs;
      const identity = await ensureLog(context, { ...deployment, mayShrink });
      const integrity = await LogIntegrity.open(context, deployment, identity);
      await integrity.check();
      return { identity, integrity };
    } catch (thrown) {
      if (!isPassing(thrown) || deadline.isOver) throw thrown;
      // An operator who sees nothing for half a minute takes the process for hung.
      if (attempt === attemptsUntold) {
        context.logger.warn({ cause: thrown.message }, "the log is not there yet, trying again");
      }
    }
    await context.clock.sleep(openingPauseMs(attempt), deadline.signal);
  }
}

/** A second or two, which servers take that start together with this process. */
const attemptsUntold = 8;

function isPassing(thrown: unknown): thrown is FreshetError {
  if (!(thrown instanceof FreshetError) || thrown.code !== "log_unavailable") return false;
  return !isLasting(thrown);
}

interface Assembled extends Deployment {
  readonly identity: LogIdentity;
  readonly privacy: PrivacyStore;
  readonly vault: PayloadVault;
  readonly textBytesMax: number;
}

/** Of a process that was given no keys and publishes for no tenant that wants any. */
const plainVault: PayloadVault = {
  seal: async ({ payload }) => ({ payload }),
  async open({ payload, sealed }) {
    if (sealed !== undefined) throw new FreshetError("payload_key_unavailable");
    return payload;
  },
};

function assemble(
  context: NatsContext,
  integrity: LogIntegrity,
  { partitions, leaseMs, identity, privacy, vault, textBytesMax, ...streams }: Assembled,
): NatsLog {
  return {
    connection: context.connection,
    onReconnect: context.onReconnect,
    partitions,
    deployment: deploymentOf(identity),
    documentTextBytesMax: textBytesMax,
    docs: new NatsDocs({ context, verified: integrity.docs, partitions, vault }),
    chunks: new NatsChunks(context, integrity.chunks, partitions),
    manifests: integrity.manifests,
    leases: new NatsLeases(context, leaseMs),
    deadLetters: new NatsDeadLetters(context),
    attempts: new NatsAttempts(context),
    tokens: new NatsTokens(context),
    lives: new NatsLives(context),
    generations: new NatsGenerations(context),
    privacy,
    erasure: new NatsErasure({
      ...{ context, partitions },
      verified: [integrity.docs, integrity.chunks],
    }),
    feedback: new NatsFeedback(context, streams),
    audit: new NatsAuditLog(context, streams),
    events: eventSink(context),
    checkIdentity: () => integrity.check(),
    usage: () => integrity.usage(),
    quarantined: () => context.quarantine.list(),
    nowMs: () => integrity.nowMs(),
    claimModel: (probe) => claimModel(context, probe),
    claimRedaction: (secret) => claimRedaction(context, secret),
    async close() {
      await closeConnection(context.connection, context.clock);
    },
  };
}

function eventSink(context: NatsContext): EventSink {
  return {
    publish(tenant, event) {
      try {
        context.connection.publish(eventsSubject(tenant), JSON.stringify(event));
      } catch (thrown) {
        // Events are best effort; a client that needs to know asks for the document.
        const reason = thrown instanceof Error ? thrown.message : "unknown";
        context.logger.debug({ reason }, "an event was not sent");
      }
    },
    listen(tenant, onEvent) {
      const subscription = context.connection.subscribe(eventsSubject(tenant), {
        callback: (error, message) => {
          if (error === null) onEvent(seqIn(message.data));
        },
      });
      return () => subscription.unsubscribe();
    },
  };
}

/** 0 for what no engine sent: such a message wakes a listener, and does no more. */
function seqIn(data: Uint8Array): number {
  try {
    const event: unknown = JSON.parse(new TextDecoder().decode(data));
    if (typeof event !== "object" || event === null || !("seq" in event)) return 0;
    return typeof event.seq === "number" ? event.seq : 0;
  } catch {
    return 0;
  }
}
