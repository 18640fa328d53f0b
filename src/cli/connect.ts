/**
 * The command line's own composition root: the only file of it that picks adapters. They are loaded
 * when they are needed, because `freshet ask` should not wait for Temporal's client.
 */

import { randomUUID } from "node:crypto";
import type { AuditEvent } from "../contract/audit.ts";
import type { Endpoints } from "../contract/endpoint.ts";
import { limits } from "../contract/limits.ts";
import { silentLogger, silentMetrics } from "../contract/observation.ts";
import type { SourceStore, SourceStreams } from "../ingest/sources/port.ts";
import type { AuditLog } from "../log/audit-port.ts";
import type { DeadLetterLog } from "../log/dead-letter-port.ts";
import type { EndpointAdminParts } from "../log/endpoint-admin.ts";
import type { LifeStore } from "../log/life-port.ts";
import type { ChunksLog, DocsLog, Log, ManifestStore } from "../log/port.ts";
import type { EraseClient, MergeClient, WorkerVersions } from "../merges/port.ts";
import { systemClock } from "../runtime/clock.ts";
import type { PushedAccount } from "../tenants/accounts.ts";
import type { Addresses } from "./addresses.ts";
import type { Inspectors } from "./doctor/servers.ts";
import { CliError } from "./exit.ts";
import { eventFeed, type IngestLog } from "./ingest/feed.ts";
import { startCommand } from "./run-file.ts";

export interface PublisherConnection {
  readonly log: IngestLog;
  /** For those who count what became of a tenant's documents. */
  readonly chunks: Pick<ChunksLog, "first" | "last" | "headers" | "read">;
  /** For those who look at what was refused, and publish it again. */
  readonly docs: Pick<DocsLog, "publish" | "readTenant" | "open">;
  readonly manifests: Pick<ManifestStore, "get">;
  /** What the tenant is at, for those who do not ask an engine. */
  readonly lives: Pick<LifeStore, "get">;
  readonly deadLetters: Pick<DeadLetterLog, "list" | "get">;
  readonly audit: AuditLog;
  close(): Promise<void>;
}

/** Creates nothing. @throws CliError when NATS does not answer, or has no log */
export async function connectLog(addresses: Addresses): Promise<PublisherConnection> {
  const log = await openLog(addresses);
  const events = eventFeed(log.connection);
  return {
    log: { ...partsOf(log), events },
    chunks: log.chunks,
    docs: log.docs,
    manifests: log.manifests,
    lives: log.lives,
    deadLetters: log.deadLetters,
    audit: log.audit,
    close: () => log.close(),
  };
}

async function openLog(addresses: Addresses, connectMs: number = limits.cliConnectMs) {
  const [{ connectNatsLog }, { installationKeys }, { KeyVault }] = await Promise.all([
    import("../log/nats/log.ts"),
    import("../log/guard/payload-seal.ts"),
    import("../log/guard/payload-vault.ts"),
  ]);
  const keys = installationKeys(addresses.payloadKey?.());
  const around = { keys, clock: systemClock, metrics: silentMetrics };
  try {
    return await connectNatsLog({
      ...addresses.links?.nats,
      servers: addresses.nats,
      name: "freshet-cli",
      connectMs,
      partitions: addresses.partitions,
      // A log is begun by an engine, with its partitions and its replicas, which stay for good.
      creates: false,
      clock: systemClock,
      vault: (store) => new KeyVault({ store, ...around }),
    });
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "log_unavailable") {
      const isAway = cause.message.includes(" does not answer: ");
      const away = `no NATS answers at ${addresses.nats}: start it with ${startCommand}`;
      throw new CliError(isAway ? away : cause.message, { cause });
    }
    if (cause instanceof Error && "code" in cause && cause.code === "not_ready") {
      throw new CliError(`${cause.message} (${addresses.nats}; ${startCommand} starts one)`, {
        cause,
      });
    }
    throw cause;
  }
}

/** For a command that needs the log for nothing but its audit trail. */
export async function connectAudit(
  addresses: Addresses,
  connectMs?: number,
): Promise<{ readonly audit: AuditLog; close(): Promise<void> }> {
  const log = await openLog(addresses, connectMs);
  return { audit: log.audit, close: () => log.close() };
}

/**
 * One entry of a command, on the chain of the command line.
 * @returns `none` where the installation has no trail; `missing`: it is not written
 */
export async function appendToAudit(
  audit: AuditLog,
  { event, key }: { readonly event: AuditEvent; readonly key: string | undefined },
): Promise<"stored" | "none" | "missing"> {
  if (!(await audit.ensure())) return "none";
  const { newest } = await audit.tail(auditChain);
  // A block without the key after one with it would look like a forgery.
  if (newest?.block.sealed === true && key === undefined) return "missing";
  const { AuditWriter } = await import("../log/guard/audit-writer.ts");
  const reports = { logger: silentLogger, metrics: silentMetrics, clock: systemClock };
  const writer = new AuditWriter({
    ...{ log: audit, chain: auditChain, writer: randomUUID(), key, marksEnds: false },
    ...reports,
  });
  writer.record(event);
  return (await writer.close()) ? "stored" : "missing";
}

const auditChain = "cli";

function partsOf({ docs, chunks, manifests, generations, deployment, documentTextBytesMax }: Log) {
  return { docs, chunks, manifests, generations, deployment, documentTextBytesMax };
}

export interface SourcesConnection {
  readonly lives: Pick<LifeStore, "get">;
  readonly store: SourceStore;
  readonly streams: SourceStreams;
  readonly audit: AuditLog;
  readonly documentTextBytesMax: number;
  close(): Promise<void>;
}

/** @throws CliError when NATS does not answer, or has no log */
export async function connectSources(addresses: Addresses): Promise<SourcesConnection> {
  const [log, { NatsSourceStore }, { NatsSourceStreams }] = await Promise.all([
    openLog(addresses),
    import("../ingest/nats-source-store.ts"),
    import("../ingest/nats-source-streams.ts"),
  ]);
  // An engine that ran before has created what sources need, with its replicas.
  const nats = { connection: log.connection, replicas: 1 };
  return {
    lives: log.lives,
    store: new NatsSourceStore(nats),
    streams: new NatsSourceStreams(nats),
    audit: log.audit,
    documentTextBytesMax: log.documentTextBytesMax,
    close: () => log.close(),
  };
}

export interface EndpointsConnection {
  readonly lives: Pick<LifeStore, "get">;
  readonly endpoints: Endpoints;
  readonly audit: AuditLog;
  close(): Promise<void>;
}

/** Without Temporal a change is stored all the same: a worker finds it later. @throws CliError */
export async function connectEndpoints(
  addresses: Addresses,
  { nowMs, random }: Pick<EndpointAdminParts, "nowMs" | "random">,
): Promise<EndpointsConnection> {
  const [log, { NatsEndpoints }, { createEndpoints }, { createEndpointClient }] = await Promise.all(
    [
      openLog(addresses),
      import("../log/nats/endpoints.ts"),
      import("../log/endpoint-admin.ts"),
      import("../merges/remote/endpoints.ts"),
    ],
  );
  // Not loaded by a command that changes nothing.
  const connectDeliveries = async () => {
    const { connectTemporal } = await import("../merges/temporal/client.ts");
    return connectTemporal({
      ...addresses.links?.temporal,
      ...addresses.temporal,
      ...{ deployment: log.deployment, clock: systemClock },
    });
  };
  let temporal: ReturnType<typeof connectDeliveries> | undefined;
  const client = createEndpointClient({ networks: addresses.webhookNetworks });
  const endpoints = createEndpoints({
    // An engine that ran before has created the bucket, with its replicas.
    store: new NatsEndpoints({ connection: log.connection, replicas: 1 }),
    ...{ post: client.post, refusal: client.refusal, nowMs, random },
    lastVersion: (tenant) => log.docs.lastVersion(tenant),
    lastSequence: () => log.docs.lastSequence(),
    async changed(tenant, id) {
      temporal ??= connectDeliveries();
      await (await temporal).deliveryChanged(tenant, id);
    },
  });
  const close = async (): Promise<void> => {
    await Promise.all([client.close(), temporal?.then((opened) => opened.close())]);
    await log.close();
  };
  return { endpoints, lives: log.lives, audit: log.audit, close };
}

/** The log, for those who change what a tenant is at. @throws CliError as `connectLog` */
export function connectTenants(
  addresses: Addresses,
  connectMs?: number,
): Promise<Log & { readonly audit: AuditLog }> {
  return openLog(addresses, connectMs);
}

/** @throws CliError when Temporal does not answer */
export function connectEraser(
  addresses: Addresses,
  deployment: string,
): Promise<EraseClient & Pick<MergeClient, "close">> {
  return openTemporal(addresses, { deployment });
}

/** @throws CliError when Temporal does not answer */
export function connectReembeds(
  addresses: Addresses,
  deployment: string,
): Promise<Pick<Awaited<ReturnType<typeof openTemporal>>, "reembeds" | "close">> {
  return openTemporal(addresses, { deployment });
}

/** Running servers take accounts from whoever speaks for the system account. */
export async function connectClaims(
  addresses: Addresses,
  credsFile: string,
): Promise<{
  readonly push: (accounts: readonly PushedAccount[]) => Promise<void>;
  readonly close: () => Promise<void>;
}> {
  const [{ openConnection }, { pushAccounts }] = await Promise.all([
    import("../log/nats/connection.ts"),
    import("../tenants/nats-claims.ts"),
  ]);
  const {
    user: _,
    password: __,
    token: ___,
    nkeySeed: ____,
    ...link
  } = addresses.links?.nats ?? {};
  const access = { ...link, credsFile, servers: addresses.nats, name: "freshet-cli" };
  const connectMs = limits.cliConnectMs;
  const { connection } = await openConnection(
    { ...access, connectMs },
    { clock: systemClock, logger: silentLogger, metrics: silentMetrics },
  );
  return {
    push: (accounts) => pushAccounts(connection, accounts),
    close: () => connection.close(),
  };
}

export async function connectMerges(
  addresses: Addresses,
  settings: { readonly confirmMs?: number | undefined } = {},
): Promise<MergeClient> {
  return openTemporal(addresses, settings);
}

async function openTemporal(
  addresses: Addresses,
  settings: { readonly confirmMs?: number | undefined; readonly deployment?: string | undefined },
) {
  const { connectTemporal } = await import("../merges/temporal/client.ts");
  const client = connectTemporal({
    ...addresses.links?.temporal,
    ...addresses.temporal,
    ...settings,
    clock: systemClock,
  });
  try {
    await client.ping();
    return client;
  } catch (cause) {
    await client.close();
    const { address } = addresses.temporal;
    if (cause instanceof Error && cause.message.startsWith("temporal at")) {
      throw new CliError(cause.message, { cause });
    }
    throw new CliError(`no Temporal answers at ${address}: start it with ${startCommand}`, {
      cause,
    });
  }
}

/** @throws CliError when Temporal does not answer */
export async function connectWorkerVersions(addresses: Addresses): Promise<WorkerVersions> {
  const { connectVersions } = await import("../merges/temporal/versions.ts");
  const access = { ...addresses.links?.temporal, ...addresses.temporal };
  try {
    return await connectVersions({ ...access, clock: systemClock });
  } catch (cause) {
    const { address } = addresses.temporal;
    throw new CliError(`no Temporal answers at ${address}: start it with ${startCommand}`, {
      cause,
    });
  }
}

/** What servers say of themselves, for `freshet doctor`. */
export function inspectors(timeoutMs: number): Inspectors {
  return {
    nats: async ({ nats: servers, links, partitions }) => {
      const { inspectNats } = await import("../log/nats/inspect.ts");
      const named = { name: "freshet-doctor", connectMs: timeoutMs, clock: systemClock };
      return inspectNats({ ...links?.nats, servers, partitions, ...named });
    },
    temporal: async ({ temporal, links }) => {
      const { inspectTemporal } = await import("../merges/temporal/inspect.ts");
      return inspectTemporal({ ...links?.temporal, ...temporal }, timeoutMs);
    },
  };
}
