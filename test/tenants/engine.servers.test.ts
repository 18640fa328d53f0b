/**
 * The whole engine on a NATS with an operator: engine and merge worker under the generated user,
 * tenants in accounts of their own, clients that know NATS and nothing of Freshet.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, credsAuthenticator, type NatsConnection } from "nats";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { TenantId } from "../../src/contract/ids.ts";
import {
  type FreshetProcess,
  freshTenant,
  openSite,
  type Site,
} from "../support/engine-process.ts";
import { httpClient } from "../support/http-service.ts";
import { eventually } from "../support/promises.ts";
import { runHere } from "../support/run-cli.ts";

const store = mkdtempSync(join(tmpdir(), "freshet-tenants-"));
const first = freshTenant("first");
const second = freshTenant("second");
let site: Site;
let engine: FreshetProcess;
const open: NatsConnection[] = [];

async function tenant(...args: readonly string[]): Promise<string> {
  const env = { FRESHET_TENANT_STORE: store };
  const { code, out, err } = await runHere(["tenant", ...args], { env });
  if (code !== 0) throw new Error(`freshet tenant ${args.join(" ")}: ${err}`);
  return out;
}

async function client(creds: string): Promise<NatsConnection> {
  const authenticator = credsAuthenticator(readFileSync(creds));
  const connection = await connect({ servers: site.nats.url, authenticator, reconnect: false });
  open.push(connection);
  return connection;
}
const credsOf = (name: TenantId) => join(store, "tenants", `${name}.creds`);

interface Heard {
  readonly seq: number;
  readonly status: string;
}

/** Publishes as any client would, and waits for the event of it. */
async function publish(connection: NatsConnection, document: object): Promise<number> {
  const events = connection.subscribe("events");
  await connection.flush();
  const { seq } = await connection.jetstream().publish("docs", JSON.stringify(document));
  for await (const message of events) {
    const event = message.json<Heard>();
    if (event.seq !== seq) continue;
    expect(event.status).toBe("visible");
    break;
  }
  return seq;
}

async function ask(connection: NatsConnection, query: string, min_seq: number) {
  const body = JSON.stringify({ query, min_seq, wait_ms: 10_000, mode: "search" });
  const reply = await connection.request("query", body, { timeout: 30_000 });
  return reply.json<{ sources?: { id: string }[]; error?: { code: string } }>();
}

beforeAll(async () => {
  await tenant("create", first);
  const creds = (name: string) => join(store, "creds", `${name}.creds`);
  const settings = {
    FRESHET_NATS_CREDS_FILE: creds("engine"),
    FRESHET_NATS_REPLY_CREDS_FILE: creds("replies"),
    FRESHET_MERGE_SIZE_CHUNKS: "1",
  };
  const accounts = readFileSync(join(store, "nats", "operator.conf"), "utf8");
  site = await openSite(settings, { accounts, credsFile: creds("engine") });
  engine = await site.startEngine();
  await site.startMergeWorker();
});

afterAll(async () => {
  await Promise.all(open.map((connection) => connection.close()));
  await site.close();
  rmSync(store, { recursive: true, force: true });
});

it("a tenant publishes, hears what became of it, and asks, by its own account's three subjects", async () => {
  const connection = await client(credsOf(first));
  const text = "The ferry to Marken leaves at seven.";
  const seq = await publish(connection, { id: "ferry", text });
  const answer = await ask(connection, "when does the ferry leave", seq);
  expect(answer.sources).toMatchObject([{ id: "ferry" }]);
  const over = httpClient(engine.url);
  expect((await over.search(first, "when does the ferry leave", seq)).sources).toHaveLength(1);
});

it("its documents are merged under the same user", async () => {
  await eventually(async () => {
    const state = await site.log.manifests.get(first);
    expect(state).not.toBeNull();
  });
});

it("a tenant that is created while everything runs connects at once, and sees nothing of the other", async () => {
  await tenant("create", second, "--server", site.nats.url);
  const connection = await client(credsOf(second));
  const seq = await publish(connection, { id: "bakery", text: "The bakery opens at six." });
  const answer = await ask(connection, "when does the ferry leave", seq);
  expect(answer.sources?.map(({ id }) => id)).not.toContain("ferry");
});

it("new credentials work at once and end the old ones, whose connection is cut", async () => {
  const old = await client(credsOf(first));
  const closed = old.closed();
  await tenant("rotate", first, "--server", site.nats.url);
  await closed;
  const renewed = await client(credsOf(first));
  const seq = await publish(renewed, { id: "tram", text: "The tram runs until midnight." });
  expect((await ask(renewed, "until when does the tram run", seq)).sources).toMatchObject([
    { id: "tram" },
    { id: "ferry" },
  ]);
});

it("a revoked tenant is cut off and refused from then on; others keep working", async () => {
  const copy = readFileSync(credsOf(first));
  const before = await client(credsOf(first));
  const closed = before.closed();
  await tenant("revoke", first, "--server", site.nats.url);
  await closed;
  const authenticator = credsAuthenticator(copy);
  await expect(
    connect({ servers: site.nats.url, authenticator, reconnect: false }),
  ).rejects.toThrow(/authorization/i);
  const other = await client(credsOf(second));
  const seq = await publish(other, { id: "bakery", text: "The bakery opens at five." });
  expect((await ask(other, "when does the bakery open", seq)).sources).toMatchObject([
    { id: "bakery" },
  ]);
});

it("engines take new credentials without a restart", async () => {
  await tenant("engine", "--server", site.nats.url);
  const other = await client(credsOf(second));
  await eventually(async () => {
    const seq = await publish(other, { id: "pier", text: "The pier is closed in winter." });
    expect((await ask(other, "is the pier open in winter", seq)).sources?.[0]?.id).toBe("pier");
  });
  const log = readFileSync(engine.logFile, "utf8");
  expect(log).toContain("nats connection restored");
});
