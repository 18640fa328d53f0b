/** `freshet key`: API keys of the key store, made, listed, rotated and revoked. */

import { randomBytes } from "node:crypto";
import { type Command, InvalidArgumentError, Option } from "commander";
import {
  type ApiKey,
  apiKeyIdOf,
  hasKeyExpired,
  makeApiKey,
  type Role,
  roles,
} from "../../contract/api-key.ts";
import { aclLabelSchema } from "../../contract/document.ts";
import type { TenantId } from "../../contract/ids.ts";
import { dayMs } from "../../contract/limits/units.ts";
import { limits } from "../../contract/limits.ts";
import { systemClock } from "../../runtime/clock.ts";
import { writeDownOfFiles } from "../audit.ts";
import { CliError, usageError } from "../exit.ts";
import { changeKeyStore, readKeyStore } from "../key-store.ts";
import { durationMs, tenantValue, withJson } from "../options.ts";
import { printable, table } from "../print.ts";
import { quotaLeftBehind } from "../quota-of-key.ts";
import type { Terminal } from "../terminal.ts";

interface KeyOptions {
  readonly store?: string | undefined;
  readonly json?: true | undefined;
}

interface CreateOptions extends KeyOptions {
  readonly tenant: TenantId;
  readonly role: readonly Role[];
  readonly group?: readonly string[] | undefined;
  /** False: `--no-groups`. */
  readonly groups: boolean;
  readonly expiresIn?: number | undefined;
  readonly note?: string | undefined;
}

interface RotateOptions extends KeyOptions {
  readonly overlap: number;
}

export function addKey(program: Command, terminal: Terminal): void {
  const key = program
    .command("key")
    .description("API keys with roles and expiry, in the file of FRESHET_KEY_STORE");
  addCreate(key, terminal);
  withStore(key.command("list").description("every key, without its secret"), [
    "freshet key list",
    "freshet key list --json",
  ]).action((options: KeyOptions) => list(options, terminal));
  withStore(
    key.command("rotate").description("a second key with the same rights; the old one ends"),
    ["freshet key rotate 5f0c2a9b77e1 --overlap 2d"],
  )
    .argument("<id>", "of the old key")
    .addOption(
      new Option("--overlap <time>", "how long both keys work")
        .argParser(durationMs)
        .default(dayMs, "1d"),
    )
    .action(async (id: string, options: RotateOptions) => rotate(id, options, terminal));
  withStore(key.command("revoke").description("the key opens nothing any more"), [
    "freshet key revoke 5f0c2a9b77e1",
  ])
    .argument("<id>", "of the key")
    .action(async (id: string, options: KeyOptions) => revoke(id, options, terminal));
}

function addCreate(key: Command, terminal: Terminal): void {
  withStore(key.command("create").description("make a key; it is shown once"), [
    "freshet key create --tenant acme --role query --expires-in 90d",
    "freshet key create --tenant acme --role ingest --role query --note 'nightly import'",
    "freshet key create --tenant acme --role query --group sales --group 'team:ops'",
  ])
    .addOption(
      new Option("-t, --tenant <tenant>", "whose documents")
        .argParser(tenantValue)
        .makeOptionMandatory(),
    )
    .addOption(
      new Option("-r, --role <role>", `${roles.join(", ")}; several with several options`)
        .argParser(roleValues)
        .makeOptionMandatory(),
    )
    .addOption(
      new Option(
        "-g, --group <label>",
        "sees only documents whose acl names one of its groups; several with several options; none: sees all",
      ).argParser(groupValues),
    )
    .option("--no-groups", "sees only documents that have no acl")
    .addOption(
      new Option("--expires-in <time>", "such as 90d, 12h; none: never").argParser(durationMs),
    )
    .addOption(
      new Option("--note <text>", "what it is for").argParser((value) => {
        if (value.length <= limits.apiKeyNoteCharsMax) return value;
        throw new InvalidArgumentError(`at most ${limits.apiKeyNoteCharsMax} characters`);
      }),
    )
    .action(async (options: CreateOptions) => create(options, terminal));
}

function withStore(command: Command, examples: readonly string[]): Command {
  command.option("--store <file>", "the key store, in place of FRESHET_KEY_STORE");
  return withJson(command, examples);
}

function roleValues(value: string, before: readonly Role[] = []): readonly Role[] {
  const role = roles.find((name) => name === value);
  if (role === undefined) throw new InvalidArgumentError(`one of ${roles.join(", ")}`);
  return [...new Set([...before, role])];
}

function groupValues(value: string, before: readonly string[] = []): readonly string[] {
  const parsed = aclLabelSchema.safeParse(value);
  if (!parsed.success)
    throw new InvalidArgumentError(parsed.error.issues[0]?.message ?? "no label");
  const groups = [...new Set([...before, value])];
  if (groups.length <= limits.accessGroupsMax) return groups;
  throw new InvalidArgumentError(`at most ${limits.accessGroupsMax} groups`);
}

/** Undefined: the key sees everything of its tenant. */
function groupsOf({ group, groups }: CreateOptions): readonly string[] | undefined {
  if (groups) return group;
  if (group !== undefined) throw usageError("--no-groups and --group: give one of them");
  return [];
}

function storeOf({ store }: KeyOptions, { env }: Terminal): string {
  const path = store ?? env["FRESHET_KEY_STORE"];
  if (path === undefined || path === "") {
    throw usageError("name the key store: --store <file>, or FRESHET_KEY_STORE");
  }
  return path;
}

async function create(options: CreateOptions, terminal: Terminal): Promise<void> {
  const { tenant, role, expiresIn, note } = options;
  const groups = groupsOf(options);
  const made = makeApiKey(
    {
      tenant,
      roles: [...role],
      ...(groups === undefined ? {} : { groups: [...groups] }),
      created_at: stampIn(0),
      ...(expiresIn === undefined ? {} : { expires_at: stampIn(expiresIn) }),
      ...(note === undefined ? {} : { note }),
    },
    randomBytes,
  );
  await changeKeyStore(storeOf(options, terminal), ({ keys }) => ({
    format: 1,
    keys: [...keys, made.entry],
  }));
  show(made, options, terminal);
  await writeDownOfFiles({ operation: "key_create", tenant }, terminal);
}

async function rotate(given: string, options: RotateOptions, terminal: Terminal): Promise<void> {
  const id = idIn(given);
  const path = storeOf(options, terminal);
  let made: ReturnType<typeof makeApiKey> | undefined;
  await changeKeyStore(path, ({ keys }) => {
    const { sha256: _, id: __, created_at: ___, expires_at: ____, ...grant } = found(keys, id);
    const old = found(keys, id);
    // The new one lives as long as the old one would have from its making.
    const livesMs =
      old.expires_at === undefined
        ? undefined
        : Date.parse(old.expires_at) - Date.parse(old.created_at);
    const lasts = livesMs === undefined ? {} : { expires_at: stampIn(livesMs) };
    made = makeApiKey({ ...grant, created_at: stampIn(0), ...lasts }, randomBytes);
    const ends = stampIn(options.overlap);
    const ended = keys.map((key) =>
      key.id === id && (key.expires_at === undefined || key.expires_at > ends)
        ? { ...key, expires_at: ends }
        : key,
    );
    return { format: 1, keys: [...ended, made.entry] };
  });
  if (made === undefined) return;
  show(made, options, terminal);
  const moved = { old: id, next: made.entry.id };
  const told = quotaLeftBehind(terminal.env["FRESHET_QUOTAS_FILE"], moved);
  if (told !== undefined) terminal.note(told);
  await writeDownOfFiles({ operation: "key_rotate", tenant: made.entry.tenant }, terminal);
}

async function revoke(given: string, options: KeyOptions, terminal: Terminal): Promise<void> {
  const id = idIn(given);
  let tenant: TenantId | undefined;
  await changeKeyStore(storeOf(options, terminal), ({ keys }) => {
    tenant = found(keys, id).tenant;
    return { format: 1, keys: keys.filter((key) => key.id !== id) };
  });
  terminal.out(options.json === true ? `${JSON.stringify({ revoked: id })}\n` : `revoked ${id}\n`);
  if (tenant !== undefined) await writeDownOfFiles({ operation: "key_revoke", tenant }, terminal);
}

function list(options: KeyOptions, terminal: Terminal): void {
  const { keys } = readKeyStore(storeOf(options, terminal));
  if (options.json === true) {
    const shown = keys.map(({ sha256: _, ...key }) => key);
    return terminal.out(`${JSON.stringify({ keys: shown })}\n`);
  }
  const nowMs = systemClock.nowMs();
  const lines =
    keys.length === 0 ? ["no keys yet: freshet key create"] : table(keys.map(rowOf(nowMs)));
  terminal.out(`${lines.map(printable).join("\n")}\n`);
}

const rowOf =
  (nowMs: number) =>
  (key: ApiKey): Readonly<Record<string, string>> => ({
    id: key.id,
    tenant: key.tenant,
    roles: key.roles.join(","),
    groups: groupsText(key),
    created: key.created_at.slice(0, 10),
    expires: hasKeyExpired(key, nowMs) ? "expired" : (key.expires_at ?? "never"),
    note: key.note ?? "",
  });

/** More than a few would push the other columns off the screen; `--json` has them all. */
function groupsText({ groups }: ApiKey): string {
  if (groups === undefined) return "all";
  if (groups.length <= 3) return groups.join(",") || "none";
  return `${groups.slice(0, 2).join(",")} +${groups.length - 2}`;
}

/** @throws CliError */
/** Who has the key and not its id gives that; a message must not show it again. */
function idIn(given: string): string {
  const id = apiKeyIdOf(given) ?? given;
  if (/^[0-9a-f]{12}$/.test(id)) return id;
  throw new CliError("an id is the 12 letters and digits behind frk_: freshet key list shows them");
}

function found(keys: readonly ApiKey[], id: string): ApiKey {
  const key = keys.find((one) => one.id === id);
  if (key === undefined) throw new CliError(`no key ${id}: freshet key list shows them`);
  return key;
}

/** The key alone on standard output, so that a script can take it; what it is, beside it. */
function show(
  { key, entry }: ReturnType<typeof makeApiKey>,
  { json }: KeyOptions,
  terminal: Terminal,
): void {
  const { sha256: _, ...shown } = entry;
  if (json === true) return terminal.out(`${JSON.stringify({ key, ...shown })}\n`);
  terminal.out(`${key}\n`);
  const until = entry.expires_at === undefined ? "" : `, until ${entry.expires_at}`;
  const sees = entry.groups === undefined ? "" : `, groups: ${groupsText(entry)}`;
  const does = entry.roles.join(" and ") + sees;
  terminal.note(`key ${entry.id} of ${entry.tenant}, ${does}${until}; it is not shown again\n`);
}

function stampIn(ms: number): string {
  return new Date(systemClock.nowMs() + ms).toISOString();
}
