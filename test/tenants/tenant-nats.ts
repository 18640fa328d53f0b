/**
 * A nats-server that knows two tenants, as `freshet tenant` describes them, with what an engine has
 * on it: a log, sources, the service that answers, a node that peers ask. All of it under the
 * generated users. Question and peers are answered by a fake service.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Authenticator,
  connect,
  credsAuthenticator,
  type NatsConnection,
  nkeyAuthenticator,
  StorageType,
} from "nats";
import { servePeers } from "../../src/cluster/nats-peers.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import { silentLogger, silentMetrics } from "../../src/contract/observation.ts";
import { createHandler } from "../../src/gateway/handler.ts";
import { startNatsService } from "../../src/gateway/nats-service.ts";
import { NatsSourceStore } from "../../src/ingest/nats-source-store.ts";
import { NatsEndpoints } from "../../src/log/nats/endpoints.ts";
import { connectNatsLog, type NatsLog } from "../../src/log/nats/log.ts";
import { connectReplies } from "../../src/log/nats/replies.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { TenantAccounts } from "../../src/tenants/accounts.ts";
import type { ConfForm } from "../../src/tenants/server-conf.ts";
import { FakeService } from "../gateway/fake-service.ts";
import { type PrivateNats, startPrivateNats } from "../support/private-nats.ts";

export const victim = "victim" as TenantId;
export const attacker = "attacker" as TenantId;

export type Root = "docs" | "query" | "events";

export interface TenantNats {
  readonly form: ConfForm;
  readonly accounts: TenantAccounts;
  readonly nats: PrivateNats;
  readonly log: NatsLog;
  readonly service: FakeService;
  /** How a tenant calls a subject of its own. */
  own(root: Root, tenant: TenantId): string;
  /** The same for what can be asked for beside questions. */
  api(endpoint: string, tenant: TenantId): string;
  connect(tenant: TenantId): Promise<NatsConnection>;
  /** Of Freshet's own users. */
  readonly authenticators: { readonly engine: Authenticator; readonly replies: Authenticator };
  authenticatorOf(tenant: TenantId): Authenticator;
  /** Messages of each subject of each stream. */
  stored(): Promise<ReadonlyMap<string, number>>;
  close(): Promise<void>;
}

const isOperator = (form: ConfForm): boolean => form.startsWith("operator");

export async function openTenantNats(form: ConfForm): Promise<TenantNats> {
  const folder = mkdtempSync(join(tmpdir(), "freshet-tenants-"));
  const accounts = new TenantAccounts({ folder, nowMs: () => Date.now() });
  for (const tenant of [victim, attacker]) await accounts.create(tenant);
  const user = userOf(form, folder);
  const nats = await startPrivateNats({
    accounts: readFileSync(accounts.paths.conf(form), "utf8"),
    authenticator: authenticator(user("creds/engine")),
  });
  const reports = { clock: systemClock, logger: silentLogger, metrics: silentMetrics };
  const access = { servers: nats.url, ...user("creds/engine") };
  const log = await connectNatsLog({ ...access, ...reports, partitions: 8 });
  await createSources(log);
  const replies = await connectReplies({ servers: nats.url }, user("creds/replies"), reports);
  const service = new FakeService();
  const serving = { connection: replies, stopMs: 100, metrics: silentMetrics };
  const handler = createHandler({ service, log: silentLogger, clock: systemClock });
  const micro = await startNatsService({ ...serving, handler, version: "1.2.3" });
  const peers = await servePeers({ ...serving, node: "node", local: service });
  return {
    ...{ form, accounts, nats, log, service },
    own: (root, tenant) => (isOperator(form) ? root : `${root}.${tenant}`),
    api: (endpoint, tenant) => (isOperator(form) ? `api.${endpoint}` : `api.${tenant}.${endpoint}`),
    authenticators: {
      engine: authenticator(user("creds/engine")),
      replies: authenticator(user("creds/replies")),
    },
    authenticatorOf: (tenant) => authenticator(user(`tenants/${tenant}`)),
    connect: (tenant) =>
      connect({
        ...{ servers: nats.url, authenticator: authenticator(user(`tenants/${tenant}`)) },
        ...(form === "one-account" ? { inboxPrefix: `_INBOX.${tenant}` } : {}),
      }),
    stored: () => storedIn(log.connection),
    async close() {
      await Promise.all([micro.close(), peers.close()]);
      await Promise.all([replies.close(), log.close()]);
      await nats[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function userOf(form: ConfForm, folder: string) {
  return (name: string) => {
    const seed = () => readFileSync(join(folder, `${name}.nk`), "utf8").trim();
    return isOperator(form)
      ? { credsFile: join(folder, `${name}.creds`), nkeySeed: undefined }
      : { credsFile: undefined, nkeySeed: seed };
  };
}

function authenticator(user: ReturnType<ReturnType<typeof userOf>>): Authenticator {
  if (user.credsFile !== undefined) return credsAuthenticator(readFileSync(user.credsFile));
  const { nkeySeed: seed } = user;
  return nkeyAuthenticator(() => new TextEncoder().encode(seed?.()));
}

async function createSources({ connection }: NatsLog): Promise<void> {
  const sources = new NatsSourceStore({ connection, replicas: 1 });
  await sources.list();
  await new NatsEndpoints({ connection, replicas: 1 }).all();
  const place = { source: "s", generation: "g", sequence: 1, delivery: undefined };
  await sources.putLetter({ ...place, reason: "x" } as unknown as Parameters<
    NatsSourceStore["putLetter"]
  >[0]);
}

const streams = [
  "KV_freshet_manifests",
  "DOCS",
  "CHUNKS",
  "HEADS",
  "KV_freshet_leases",
  "DLQ",
  "KV_freshet_sources",
  "freshet_source_letters",
  "KV_freshet_webhooks",
];

async function storedIn(connection: NatsConnection): Promise<ReadonlyMap<string, number>> {
  const jsm = await connection.jetstreamManager();
  const found = new Map<string, number>();
  for (const stream of streams) {
    const { state, config } = await jsm.streams.info(stream, { subjects_filter: ">" });
    if (config.storage !== StorageType.File) throw new Error(`${stream} is not the log's`);
    found.set(`${stream} was given in all`, state.last_seq);
    for (const [subject, count] of Object.entries(state.subjects ?? {})) {
      found.set(`${stream} ${subject}`, count);
    }
  }
  return found;
}
