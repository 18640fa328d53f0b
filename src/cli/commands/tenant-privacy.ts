/** `freshet tenant privacy`, `rotate-key`, `rewrap-keys`: raw text of a tenant, and its keys. */

import { type Command, InvalidArgumentError, Option } from "commander";
import type { TenantId } from "../../contract/ids.ts";
import { limits } from "../../contract/limits.ts";
import { isErased } from "../../contract/tenant-life.ts";
import {
  currentKey,
  rawMsMin,
  type TenantPrivacy,
  type WrappedKey,
} from "../../contract/tenant-privacy.ts";
import {
  installationKeys,
  newTenantKey,
  type PayloadKey,
  unwrapKey,
  wrapKey,
} from "../../log/guard/payload-seal.ts";
import type { Log } from "../../log/port.ts";
import { changePrivacy } from "../../log/privacy.ts";
import { systemClock } from "../../runtime/clock.ts";
import { resolveAddresses } from "../addresses.ts";
import { type Done, writeDown } from "../audit.ts";
import { connectTenants } from "../connect.ts";
import { CliError, usageError } from "../exit.ts";
import { durationIn, tenantValue, withNats } from "../options.ts";
import type { Terminal } from "../terminal.ts";

interface Options {
  readonly json?: true | undefined;
  readonly nats?: string | undefined;
}

interface PrivacyOptions extends Options {
  readonly rawRetention?: RawWish | undefined;
  readonly encryption?: "off" | "on" | "required" | undefined;
}

/** Undefined inside: the installation's own. */
interface RawWish {
  readonly ms: number | null | undefined;
}

export type PrivacyLog = Pick<Log, "privacy" | "docs" | "lives">;

export function addTenantPrivacy(tenant: Command, terminal: Terminal): void {
  const command = tenant
    .command("privacy")
    .description("how long a tenant's raw text stays in DOCS, and whether it lies there sealed")
    .argument("<tenant>", "its name", tenantValue)
    .option(
      "--raw-retention <time>",
      "0s, a time such as 12h or 7d, forever, or default: the installation's replay window",
      rawValue,
    )
    .addOption(
      new Option("--encryption <how>", "required: plain text is refused").choices([
        ...(["off", "on", "required"] as const),
      ]),
    );
  withNats(command, [
    "freshet tenant privacy acme",
    "freshet tenant privacy acme --raw-retention 0s",
    "FRESHET_PAYLOAD_KEY_FILE=payload.key freshet tenant privacy acme --encryption required",
  ]).action((of: TenantId, options: PrivacyOptions) =>
    withLog(options, terminal, async ({ log, keys, audited }) => {
      const privacy = await setPrivacy({ log, keys }, of, options);
      if (options.rawRetention !== undefined || options.encryption !== undefined)
        await audited({ operation: "tenant_privacy", tenant: of });
      tell(of, privacy, { options, terminal });
    }),
  );
  withNats(
    tenant.command("rotate-key").description("seal what comes with a new key; earlier ones open"),
    ["FRESHET_PAYLOAD_KEY_FILE=payload.key freshet tenant rotate-key acme"],
  )
    .argument("<tenant>", "its name", tenantValue)
    .action((of: TenantId, options: Options) =>
      withLog(options, terminal, async ({ log, keys, audited }) => {
        const privacy = await rotateKey({ log, keys }, of);
        await audited({ operation: "tenant_rotate_key", tenant: of });
        tell(of, privacy, { options, terminal });
      }),
    );
  withNats(
    tenant
      .command("rewrap-keys")
      .description("wrap all tenants' keys with the first secret of FRESHET_PAYLOAD_KEY_FILE"),
    ["FRESHET_PAYLOAD_KEY_FILE=payload.key freshet tenant rewrap-keys"],
  ).action((options: Options) =>
    withLog(options, terminal, async ({ log, keys, audited }) => {
      const rewrapped = await rewrapKeys({ log, keys });
      await audited({ operation: "tenant_rewrap_keys", accepted: rewrapped });
      const json = `${JSON.stringify({ rewrapped })}\n`;
      terminal.out(options.json === true ? json : `${rewrapped} keys are wrapped anew\n`);
    }),
  );
}

function rawValue(value: string): RawWish {
  if (value === "forever") return { ms: null };
  if (value === "default") return { ms: undefined };
  const ms = value === "0s" ? 0 : durationIn(value);
  if (ms !== undefined) return { ms };
  throw new InvalidArgumentError("0s, a time such as 30m, 12h or 7d, forever or default");
}

async function withLog(
  options: Options,
  terminal: Terminal,
  run: (site: Site & { readonly audited: (done: Done) => Promise<void> }) => Promise<void>,
): Promise<void> {
  const addresses = resolveAddresses(options, terminal.env);
  const keys = installationKeys(addresses.payloadKey?.());
  const log = await connectTenants(addresses);
  try {
    const trail = { addresses, terminal, audit: log.audit };
    await run({ log, keys, audited: (done) => writeDown(done, trail) });
  } finally {
    await log.close();
  }
}

interface Site {
  readonly log: PrivacyLog;
  /** Of the installation; the first one wraps. */
  readonly keys: readonly PayloadKey[];
}

/** What is not named stays. @throws CliError, FreshetError */
export async function setPrivacy(
  { log, keys }: Site,
  tenant: TenantId,
  { rawRetention, encryption }: Pick<PrivacyOptions, "rawRetention" | "encryption">,
): Promise<TenantPrivacy> {
  if (rawRetention === undefined && encryption === undefined)
    return (await log.privacy.get(tenant)).privacy;
  await checkThere(log, tenant);
  const by = encryption === undefined || encryption === "off" ? undefined : wrapping(keys);
  // What was published before it is required may lie there in plain text.
  const plainTo = encryption === "required" ? await log.docs.lastSequence() : undefined;
  return changePrivacy(log.privacy, tenant, (now) => {
    const { rawMs: ownRawMs, encryption: ownEncryption, plainTo: ownPlainTo, ...others } = now;
    const rawMs = rawRetention === undefined ? ownRawMs : rawRetention.ms;
    const wanted = encryption ?? ownEncryption;
    const added = by !== undefined && currentKey(now) === undefined ? [newKey(by, tenant)] : [];
    const plain = ownEncryption === "required" ? ownPlainTo : plainTo;
    return {
      ...others,
      ...(rawMs === undefined ? {} : { rawMs }),
      ...(wanted === undefined || wanted === "off" ? {} : { encryption: wanted }),
      ...(wanted === "required" && plain !== undefined ? { plainTo: plain } : {}),
      ...(added.length === 0 ? {} : { keys: added }),
    };
  });
}

/** @throws CliError, FreshetError */
export async function rotateKey({ log, keys }: Site, tenant: TenantId): Promise<TenantPrivacy> {
  const by = wrapping(keys);
  await checkThere(log, tenant);
  return changePrivacy(log.privacy, tenant, (now) => {
    const own = now.keys ?? [];
    if (own.length === 0)
      throw new CliError(`${tenant} has no key: freshet tenant privacy ${tenant} --encryption on`);
    if (own.length >= limits.payloadKeysMax)
      throw new CliError(`${tenant} has ${own.length} keys, and may have no more`);
    return { ...now, keys: [...own, newKey(by, tenant)] };
  });
}

/** How many were wrapped by another one. @throws CliError where one cannot be opened */
export async function rewrapKeys({ log, keys }: Site): Promise<number> {
  const by = wrapping(keys);
  let rewrapped = 0;
  for await (const { tenant } of log.privacy.all()) {
    let old = 0;
    await changePrivacy(log.privacy, tenant, (now) => {
      old = (now.keys ?? []).filter((key) => key.by !== by.id).length;
      if (old === 0) return undefined;
      return { ...now, keys: now.keys?.map((key) => wrappedAnew(key, { by, keys, tenant })) };
    });
    rewrapped += old;
  }
  return rewrapped;
}

function wrappedAnew(
  key: WrappedKey,
  { by, keys, tenant }: { readonly by: PayloadKey; readonly tenant: TenantId } & Pick<Site, "keys">,
): WrappedKey {
  if (key.by === by.id) return key;
  const old = keys.find(({ id }) => id === key.by);
  const opened = old && unwrapKey(old, key, tenant);
  if (opened === undefined) {
    const lacks = `no secret of FRESHET_PAYLOAD_KEY_FILE opens key ${key.id} of ${tenant}`;
    throw new CliError(`${lacks}: put the old secret on a line below the new one`);
  }
  return { ...key, by: by.id, wrapped: wrapKey(by, opened, tenant) };
}

function newKey(by: PayloadKey, tenant: TenantId): WrappedKey {
  const key = newTenantKey();
  return { id: key.id, by: by.id, wrapped: wrapKey(by, key, tenant), atMs: systemClock.nowMs() };
}

function wrapping([first]: readonly PayloadKey[]): PayloadKey {
  if (first !== undefined) return first;
  const way = "openssl rand -hex 32 > payload.key, the same file on every node";
  throw usageError(`set FRESHET_PAYLOAD_KEY_FILE first (${way})`);
}

async function checkThere({ lives }: PrivacyLog, tenant: TenantId): Promise<void> {
  const { life } = await lives.get(tenant);
  if (isErased(life)) throw new CliError(`${tenant} was erased`);
}

function tell(
  tenant: TenantId,
  privacy: TenantPrivacy,
  { options, terminal }: { readonly options: Options; readonly terminal: Terminal },
): void {
  const keys = (privacy.keys ?? []).map(({ id, by, atMs }) => ({ id, by, atMs }));
  const json = {
    tenant,
    raw_retention_ms: privacy.rawMs === undefined ? "default" : privacy.rawMs,
    encryption: privacy.encryption ?? "off",
    keys: keys.map(({ id, by, atMs }) => ({ id, by, at: new Date(atMs).toISOString() })),
  };
  if (options.json === true) return terminal.out(`${JSON.stringify(json)}\n`);
  const sealed = keys.length === 0 ? "" : `, ${keys.length} keys, the newest ${keys.at(-1)?.id}`;
  terminal.out(
    `${tenant}: raw text is kept ${keptFor(privacy)}; encryption ${json.encryption}${sealed}\n`,
  );
}

export function keptFor({ rawMs }: TenantPrivacy): string {
  if (rawMs === undefined) return "for the replay window";
  if (rawMs === null) return "for ever";
  if (rawMs > rawMsMin) return `for ${rawMs / 60_000} minutes`;
  return `for ${Math.ceil(rawMsMin / 60_000)} minutes after it is processed, the least there is`;
}
