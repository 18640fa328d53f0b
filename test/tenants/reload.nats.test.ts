/** A server without pushed accounts: what `freshet tenant` writes comes into effect by a reload. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Authenticator,
  connect,
  credsAuthenticator,
  type NatsConnection,
  nkeyAuthenticator,
} from "nats";
import { afterEach, expect, it } from "vitest";
import { isJetStreamReady } from "../../ops/servers/nats.ts";
import { freePort } from "../../ops/servers/ports.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import { TenantAccounts } from "../../src/tenants/accounts.ts";
import { natsProgram } from "../support/private-nats.ts";
import { eventually } from "../support/promises.ts";

const [stays, goes, comes] = ["stays", "goes", "comes"] as TenantId[] as [
  TenantId,
  TenantId,
  TenantId,
];
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

type Form = "operator-memory" | "accounts" | "one-account";

function authenticator(form: Form, path: string): Authenticator {
  if (form === "operator-memory") return credsAuthenticator(readFileSync(`${path}.creds`));
  const seed = readFileSync(`${path}.nk`, "utf8").trim();
  return nkeyAuthenticator(new TextEncoder().encode(seed));
}

async function startServer(form: Form, accounts: TenantAccounts, folder: string) {
  const port = await freePort();
  const configFile = join(folder, "nats.conf");
  const write = () => {
    const lines = readFileSync(accounts.paths.conf(form), "utf8");
    const js = `jetstream { store_dir: ${JSON.stringify(folder)} }`;
    writeFileSync(configFile, `listen: "127.0.0.1:${port}"\n${js}\n${lines}`);
  };
  write();
  const server: ChildProcess = spawn(await natsProgram(), ["-c", configFile], { stdio: "ignore" });
  closing.push(async () => {
    server.kill();
    if (server.exitCode === null) await once(server, "exit");
  });
  const url = `nats://127.0.0.1:${port}`;
  const engine = authenticator(form, join(accounts.paths.store, "creds/engine"));
  await eventually(
    async () => void expect(await isJetStreamReady(url, { authenticator: engine })).toBe(true),
  );
  const reload = () => {
    write();
    server.kill("SIGHUP");
  };
  return { url, reload, engine };
}

it.each(["operator-memory", "accounts", "one-account"] as const)(
  "as %s: a created tenant connects, a revoked one is cut off, others keep their connections",
  async (form) => {
    const folder = mkdtempSync(join(tmpdir(), "freshet-reload-"));
    closing.push(() => rmSync(folder, { recursive: true, force: true }));
    const accounts = new TenantAccounts({ folder: join(folder, "store"), nowMs: Date.now });
    await accounts.create(stays);
    await accounts.create(goes);
    const { url, reload, engine } = await startServer(form, accounts, folder);
    const open = async (who: Authenticator): Promise<NatsConnection> => {
      const connection = await connect({ servers: url, authenticator: who, reconnect: false });
      closing.push(() => connection.close());
      return connection;
    };
    const of = (tenant: TenantId) =>
      authenticator(form, join(accounts.paths.store, "tenants", tenant));
    const keys = { stays: of(stays), goes: of(goes) };
    const [log, staying, going] = [
      await open(engine),
      await open(keys.stays),
      await open(keys.goes),
    ];
    await accounts.revoke(goes);
    await accounts.create(comes);
    const gone = going.closed();
    reload();
    await gone;
    await expect(open(keys.goes)).rejects.toThrow(/authorization/i);
    await eventually(async () => void (await open(of(comes))));
    await Promise.all([log.rtt(), staying.rtt()]);
    expect([log.isClosed(), staying.isClosed()]).toEqual([false, false]);
  },
);
