/** `freshet tenant create|rotate|revoke|list|push|engine|permissions`: tenants on NATS. */

import { join } from "node:path";
import { type Command, InvalidArgumentError, Option } from "commander";
import type { TenantId } from "../../contract/ids.ts";
import { systemClock } from "../../runtime/clock.ts";
import type { Change, TenantAccounts, UserOptions } from "../../tenants/accounts.ts";
import { livingUsers, type TenantAccount } from "../../tenants/accounts-file.ts";
import { type ConfForm, confForms } from "../../tenants/server-conf.ts";
import { resolveAddresses } from "../addresses.ts";
import { writeDownOfFiles } from "../audit.ts";
import { connectClaims } from "../connect.ts";
import { CliError } from "../exit.ts";
import { durationMs, tenantValue, withJson } from "../options.ts";
import { printable, table } from "../print.ts";
import { dataFolder } from "../run-file.ts";
import type { Terminal } from "../terminal.ts";

interface StoreOptions {
  readonly store?: string | undefined;
  readonly json?: true | undefined;
}

interface ChangeOptions extends StoreOptions {
  readonly server?: string | undefined;
}

interface MakeOptions extends ChangeOptions {
  readonly expiresIn?: number | undefined;
  readonly keepOld?: true | undefined;
}

export function addTenantAccounts(tenant: Command, terminal: Terminal): void {
  addMaking(tenant, terminal);
  withServer(tenant.command("revoke"), "its credentials open nothing any more", [
    "freshet tenant revoke acme --server nats://127.0.0.1:4222",
    "freshet tenant revoke acme --user UABC…",
  ])
    .argument("<tenant>", "whose credentials", tenantValue)
    .option("--user <key>", "only this user of it (freshet tenant list)")
    .action((id: TenantId, options: ChangeOptions & { readonly user?: string }) =>
      revoke(id, options, terminal),
    );
  withStore(tenant.command("list"), "tenants and their users on NATS", [
    "freshet tenant list --json",
  ]).action((options: StoreOptions) => list(options, terminal));
  addServing(tenant, terminal);
}

const lives = () =>
  new Option("--expires-in <time>", "such as 90d, 12h; none: never").argParser(durationMs);

function addMaking(tenant: Command, terminal: Terminal): void {
  withServer(tenant.command("create"), "an account on NATS and credentials for it", [
    "freshet tenant create acme",
    "freshet tenant create acme --server nats://127.0.0.1:4222 --expires-in 90d",
  ])
    .argument("<tenant>", "its name", tenantValue)
    .addOption(lives())
    .action((id: TenantId, options: MakeOptions) =>
      make(id, {
        ...{ options, terminal, operation: "account_create" },
        how: (accounts, user) => accounts.create(id, user),
      }),
    );
  withServer(tenant.command("rotate"), "new credentials; the old ones end", [
    "freshet tenant rotate acme --keep-old",
    "freshet tenant revoke acme --user UABC…",
  ])
    .argument("<tenant>", "whose credentials", tenantValue)
    .addOption(lives())
    .option("--keep-old", "the old ones stay good until they are revoked")
    .action((id: TenantId, options: MakeOptions) =>
      make(id, {
        ...{ options, terminal, operation: "account_rotate" },
        how: (accounts, user) => accounts.rotate(id, user),
      }),
    );
}

function addServing(tenant: Command, terminal: Terminal): void {
  withStore(tenant.command("push"), "tell running servers all accounts", [
    "freshet tenant push --server nats://127.0.0.1:4222",
  ])
    .requiredOption("--server <url>", "a NATS server that takes pushed accounts")
    .action((options: StoreOptions & { readonly server: string }) => push(options, terminal));
  withServer(tenant.command("engine"), "new credentials for engines; the old ones end", [
    "freshet tenant engine --source-stream orders",
  ])
    .option("--source-stream <name>", "a stream that sources read; several with several", streams)
    .action((options: ChangeOptions & { readonly sourceStream?: readonly string[] }) =>
      engine(options, terminal),
    );
  tenant
    .command("permissions")
    .description("what a nats-server of one's own includes, on standard output")
    .option("--store <folder>", "in place of FRESHET_TENANT_STORE")
    .addOption(
      new Option("--format <form>", "see ops/guides/access.md")
        .choices(confForms)
        .default("accounts"),
    )
    .addHelpText("after", "\nExample:\n  $ freshet tenant permissions > /etc/nats/freshet.conf")
    .action(async (options: StoreOptions & { readonly format: ConfForm }) => {
      terminal.out(await (await open(options, terminal)).conf(options.format));
    });
}

function withStore(command: Command, says: string, examples: readonly string[]): Command {
  command
    .description(says)
    .option("--store <folder>", "seeds and accounts, in place of FRESHET_TENANT_STORE");
  return withJson(command, examples);
}

function withServer(command: Command, says: string, examples: readonly string[]): Command {
  return withStore(command, says, examples).option(
    "--server <url>",
    "a NATS server that takes the change at once; without it reload yours",
  );
}

function streams(value: string, before: readonly string[] = []): readonly string[] {
  if (/^[^\s.*>/\\]{1,255}$/.test(value)) return [...before, value];
  throw new InvalidArgumentError("the name of a stream");
}

/** What signs accounts is loaded here: no other command needs it. */
async function open({ store }: StoreOptions, { env }: Terminal): Promise<TenantAccounts> {
  const { TenantAccounts } = await import("../../tenants/accounts.ts");
  const given = store ?? env["FRESHET_TENANT_STORE"] ?? "";
  const folder = given === "" ? join(dataFolder(env), "tenants") : given;
  return new TenantAccounts({ folder, nowMs: () => systemClock.nowMs() });
}

interface Making {
  readonly options: MakeOptions;
  readonly terminal: Terminal;
  readonly operation: "account_create" | "account_rotate";
  readonly how: (accounts: TenantAccounts, user: UserOptions) => Promise<Change>;
}

/** The path of the credentials alone on standard output, so that a script can take it. */
async function make(
  tenant: TenantId,
  { options, terminal, operation, how }: Making,
): Promise<void> {
  const accounts = await open(options, terminal);
  const user = { livesMs: options.expiresIn, keepsOld: options.keepOld };
  const { pushed, users } = await how(accounts, user);
  await writeDownOfFiles({ operation, tenant }, terminal);
  const { paths } = accounts;
  const creds = paths.tenantCreds(tenant);
  const isPushed = await tell(accounts, pushed, { options, terminal });
  if (options.json === true) {
    const account = pushed[0]?.account;
    const files = { creds, nkey: paths.tenantSeed(tenant) };
    return json({ tenant, account, ...files, users, pushed: isPushed }, terminal);
  }
  terminal.out(`${creds}\n`);
  const other = users.length > 1 ? `; ${users.length - 1} older still open it` : "";
  terminal.note(`credentials of ${tenant}${other}; ${next(accounts, isPushed)}\n`);
}

async function revoke(
  tenant: TenantId,
  options: ChangeOptions & { readonly user?: string },
  terminal: Terminal,
): Promise<void> {
  const accounts = await open(options, terminal);
  const { pushed, users } = await accounts.revoke(tenant, options.user);
  await writeDownOfFiles({ operation: "account_revoke", tenant }, terminal);
  const isPushed = await tell(accounts, pushed, { options, terminal });
  const what = options.user ?? tenant;
  if (options.json === true) return json({ revoked: what, users, pushed: isPushed }, terminal);
  terminal.out(`revoked ${what}\n`);
  terminal.note(`${next(accounts, isPushed)}\n`);
}

async function engine(
  options: ChangeOptions & { readonly sourceStream?: readonly string[] },
  terminal: Terminal,
): Promise<void> {
  const accounts = await open(options, terminal);
  const { pushed } = await accounts.renewEngine(options.sourceStream ?? []);
  await writeDownOfFiles({ operation: "account_engine" }, terminal);
  const isPushed = await tell(accounts, pushed, { options, terminal });
  const { engineCreds, repliesCreds } = accounts.paths;
  if (options.json === true) {
    return json({ creds: engineCreds, replies: repliesCreds, pushed: isPushed }, terminal);
  }
  terminal.out(`${engineCreds}\n${repliesCreds}\n`);
  terminal.note(`FRESHET_NATS_CREDS_FILE and _REPLY_CREDS_FILE; ${next(accounts, isPushed)}\n`);
}

async function push(
  options: StoreOptions & { readonly server: string },
  terminal: Terminal,
): Promise<void> {
  const accounts = await open(options, terminal);
  const all = await accounts.all();
  await tell(accounts, all, { options, terminal });
  if (options.json === true) return json({ pushed: all.length }, terminal);
  terminal.out(`pushed ${all.length} accounts\n`);
}

/** False where no server was named. What the folder says holds in any case. */
async function tell(
  accounts: TenantAccounts,
  pushed: Change["pushed"],
  { options, terminal }: { readonly options: ChangeOptions; readonly terminal: Terminal },
): Promise<boolean> {
  if (options.server === undefined) return false;
  try {
    const addresses = resolveAddresses({ nats: options.server }, terminal.env);
    const server = await connectClaims(addresses, accounts.paths.pushCreds);
    try {
      await server.push(pushed);
    } finally {
      await server.close();
    }
    return true;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const again = `freshet tenant push --server ${options.server}`;
    throw new CliError(`saved, and not in effect yet: ${why}; then ${again}`, { cause });
  }
}

const next = ({ paths }: TenantAccounts, isPushed: boolean): string =>
  isPushed
    ? "in effect"
    : `in effect when the server has it: --server <url>, or reload with ${paths.conf("*")}`;

async function list(options: StoreOptions, terminal: Terminal): Promise<void> {
  const { tenants } = (await open(options, terminal)).list();
  if (options.json === true) return json({ tenants }, terminal);
  const lines = tenants.length === 0 ? ["no tenants yet"] : table(tenants.flatMap(rowsOf));
  terminal.out(`${lines.map(printable).join("\n")}\n`);
}

function rowsOf(account: TenantAccount): readonly Readonly<Record<string, string>>[] {
  const { tenant, ended_at } = account;
  if (ended_at !== undefined) {
    return [{ tenant, user: "", created: "", ends: `revoked ${ended_at.slice(0, 10)}` }];
  }
  const users = livingUsers(account);
  if (users.length === 0) return [{ tenant, user: "none", created: "", ends: "" }];
  return users.map(({ key, created_at, expires_at }) => ({
    ...{ tenant, user: key, created: created_at.slice(0, 10), ends: expires_at ?? "never" },
  }));
}

function json(value: unknown, terminal: Terminal): void {
  terminal.out(`${JSON.stringify(value)}\n`);
}
