/**
 * What both processes stand on: configuration, clock, logs, metrics, and the two stores. Only files
 * of this room know which vendor stands behind which port.
 */

import { randomUUID } from "node:crypto";
import type { ColdShard } from "../cold/port.ts";
import type { Config } from "../config/config.ts";
import { slipLine } from "../config/slips.ts";
import { limits } from "../contract/limits.ts";
import type { Logger } from "../contract/observation.ts";
import type { Embedder } from "../embedding/port.ts";
import { guardedLog } from "../log/guard/guarded-log.ts";
import { LogIdentityMonitor } from "../log/guard/identity-monitor.ts";
import { installationKeys } from "../log/guard/payload-seal.ts";
import { KeyVault } from "../log/guard/payload-vault.ts";
import { closeConnection } from "../log/nats/connection.ts";
import { connectNatsLog } from "../log/nats/log.ts";
import { connectReplies } from "../log/nats/replies.ts";
import { createLogger } from "../observe/logs.ts";
import { createMetrics, type PromMetrics } from "../observe/metrics.ts";
import { type Clock, systemClock } from "../runtime/clock.ts";
import type { Stack } from "./stack.ts";

/** A running process part that can be stopped cleanly, once. */
export interface Running {
  /** Resolves when it has ended by itself or by `stop`; rejects when it could not continue. */
  readonly ended: Promise<void>;
  /** `left`: all that is ours has ended, and something that cannot be ended keeps the process. */
  stop(): Promise<"left" | "ended" | void>;
}

export interface Foundation {
  readonly config: Config;
  readonly seams: Start;
  /**
   * This process, in leases and between peers: the node's name and a random part. Two processes
   * that were given one name must not take each other's lease for their own, and a restarted one
   * must not speak for its predecessor.
   */
  readonly identity: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: PromMetrics;
  readonly version: string;
}

export type NatsLog = Awaited<ReturnType<typeof connectNatsLog>>;

/** How a process is started, beside its configuration. */
export interface Start extends Seams {
  /** Aborted when it is to stop before it has begun: it waits for no server any more. */
  readonly stopping?: AbortSignal | undefined;
}

/** What may stand between a process and its stores. Only a test harness puts something there. */
export interface Seams {
  readonly log?: ((log: NatsLog) => NatsLog) | undefined;
  readonly cold?: ((cold: ColdShard) => ColdShard) | undefined;
  readonly clock?: Clock | undefined;
  readonly embedder?: ((embedder: Embedder) => Embedder) | undefined;
  /** The program that is started for isolated documents, when it is not the engine's own. */
  readonly isolated?: URL | undefined;
}

export function foundation(config: Config, version: string, seams: Start): Foundation {
  const { level, format } = config.log;
  const metrics = createMetrics();
  const logger = createLogger({ level, format, node: config.node });
  for (const slip of config.slips) logger.warn({}, slipLine(slip));
  metrics.set("build_info", 1, { version, runtime: process.versions.node });
  return {
    config,
    seams,
    identity: `${config.node}~${randomUUID().slice(0, 8)}`,
    clock: seams.clock ?? systemClock,
    logger,
    metrics,
    version,
  };
}

/** The log, and the guard that it is used through for as long as the process runs. */
export async function connectLog(
  base: Foundation,
  stack: Stack,
  role: string,
): Promise<{ readonly log: NatsLog; readonly trust: LogIdentityMonitor }> {
  const { config, clock, logger, metrics } = base;
  const keys = installationKeys(config.payloadKey?.());
  const log = await connectNatsLog({
    ...config.nats,
    servers: config.nats.url,
    partitions: config.partitions,
    stopping: base.seams.stopping,
    name: `freshet-${role}-${config.node}`,
    clock,
    logger,
    metrics,
    vault: (store) => new KeyVault({ store, keys, clock, metrics }),
  });
  const seen = stack.push("log", base.seams.log?.(log) ?? log, (part) => part.close());
  const { onReconnect } = seen;
  const everyMs = limits.identityEveryMs;
  const trust = stack.push(
    "log guard",
    new LogIdentityMonitor({ log: seen, onReconnect, clock, everyMs, logger, metrics }),
    (part) => part.stop(),
  );
  return { log: guardedLog(seen, trust), trust };
}

/** Where requests of tenants and peers come in and are answered. */
export async function openReplies(
  { config, seams, clock, logger, metrics }: Foundation,
  { connection }: NatsLog,
  stack: Stack,
): Promise<NatsLog["connection"]> {
  const { replies, url, ...link } = config.nats;
  if (replies === undefined) return connection;
  const access = { ...link, servers: url, name: `freshet-replies-${config.node}` };
  const { stopping } = seams;
  const opened = await connectReplies({ ...access, stopping }, replies, { clock, logger, metrics });
  return stack.push("replies", opened, (part) => closeConnection(part, clock));
}
