/** What `freshet backup` works on: the log, its streams, and the cold shard. */

import { type ObjectCopies, objectCopies } from "../cold/object-copies.ts";
import { connectWeaviate } from "../cold/weaviate.ts";
import type { Config } from "../config/config.ts";
import { FreshetError } from "../contract/errors.ts";
import { limits } from "../contract/limits.ts";
import { silentLogger, silentMetrics } from "../contract/observation.ts";
import type { AuditLog } from "../log/audit-port.ts";
import type { StreamCopies } from "../log/backup-port.ts";
import { NatsAuditLog } from "../log/nats/audit.ts";
import { type NatsContext, openConnection } from "../log/nats/connection.ts";
import { connectNatsLog, type NatsLog } from "../log/nats/log.ts";
import { NatsStreamCopies } from "../log/nats/stream-copies.ts";
import { systemClock } from "../runtime/clock.ts";

export interface BackupSite {
  readonly links: {
    readonly nats: Config["nats"] | undefined;
    readonly weaviate: Config["weaviate"] | undefined;
  };
  /** Where NATS is, as it was typed or found. */
  readonly nats: string;
  readonly partitions: number;
}

export type { ObjectCopies };

const reports = { logger: silentLogger, metrics: silentMetrics };
const name = "freshet-backup";

/** Creates nothing. @throws FreshetError log_unavailable, log_identity, not_ready */
export function openBackedUpLog({ links, nats, partitions }: BackupSite): Promise<NatsLog> {
  return connectNatsLog({
    ...{ ...links.nats, servers: nats, name, partitions, creates: false },
    ...{ connectMs: limits.cliConnectMs, clock: systemClock },
  });
}

/**
 * The streams of a log, also of one that is not whole yet; the trail ends with the copies.
 * @throws FreshetError log_unavailable
 */
export async function openStreams({
  links,
  nats,
}: BackupSite): Promise<{ readonly copies: StreamCopies; readonly audit: AuditLog }> {
  const access = { ...links.nats, servers: nats, name, connectMs: limits.cliConnectMs };
  const context: NatsContext = await openConnection(access, { ...reports, clock: systemClock });
  const audit = new NatsAuditLog(context, { creates: false, replicas: 1 });
  return { copies: new NatsStreamCopies(context), audit };
}

export interface ColdOf {
  readonly deployment: string;
  /** Of the vectors that will be written; any where none are. */
  readonly dimensions: number;
}

export function openObjects({ links }: Pick<BackupSite, "links">, of: ColdOf): ObjectCopies {
  const { deployment } = of;
  const dimensions = Math.max(1, of.dimensions);
  const clock = systemClock;
  const { weaviate } = links;
  if (weaviate === undefined)
    throw new FreshetError("invalid_request", "no Weaviate is configured");
  const options = { ...weaviate, deployment, dimensions, clock, logger: silentLogger };
  return objectCopies(connectWeaviate(options));
}
