/** `freshet tenant …`: puts a tenant to sleep, wakes it, suspends it, serves it again. */

import type { Command } from "commander";
import { FreshetError } from "../../contract/errors.ts";
import { generationName, type TenantId } from "../../contract/ids.ts";
import { confirmedTo, emptyManifest } from "../../contract/manifest.ts";
import { activeLife, checkServed, isErased, type TenantLife } from "../../contract/tenant-life.ts";
import type { AuditLog } from "../../log/audit-port.ts";
import { changeLife } from "../../log/lives.ts";
import type { Log } from "../../log/port.ts";
import { systemClock } from "../../runtime/clock.ts";
import { resolveAddresses } from "../addresses.ts";
import { type Done, writeDown } from "../audit.ts";
import { connectTenants } from "../connect.ts";
import { CliError } from "../exit.ts";
import { tenantValue, withNats } from "../options.ts";
import type { Terminal } from "../terminal.ts";

export interface LifeOptions {
  readonly json?: true | undefined;
  readonly nats?: string | undefined;
}

export interface Audited {
  readonly audit: AuditLog;
}

export interface Asked {
  readonly options: LifeOptions;
  readonly terminal: Terminal;
}

type LifeLog = Pick<Log, "docs" | "chunks" | "manifests" | "lives" | "generations">;

/** Adds its sub-commands to the command `tenant`. */
export function addTenantLife(tenant: Command, terminal: Terminal): void {
  const change = (
    name: "suspend" | "resume" | "sleep" | "wake",
    what: string,
    run: (log: LifeLog, of: TenantId) => Promise<string>,
  ) =>
    withNats(tenant.command(name).description(what), [`freshet tenant ${name} acme`])
      .argument("<tenant>", "its name", tenantValue)
      .action(async (of: TenantId, options: LifeOptions) => {
        const state = await withLog(options, terminal, async (log) => {
          const isNew = !(await isKnown(log, of));
          const now = await run(log, of);
          if (isNew)
            terminal.note(`nothing is known of a tenant ${of} so far: is that its name?\n`);
          await audited({ operation: `tenant_${name}`, tenant: of }, { log, options, terminal });
          return now;
        });
        const json = `${JSON.stringify({ tenant: of, state })}\n`;
        terminal.out(options.json === true ? json : `${of} is ${state}\n`);
      });
  change("suspend", "refuse what is published and asked; the data stays", suspend);
  change("resume", "serve a suspended tenant again", resume);
  change("sleep", "give up a merged tenant's memory now, until it is used again", putToSleep);
  change("wake", "start a tenant that sleeps", wake);
}

/** Whether anything was ever published by it or done with it: names are typed by people. */
export async function isKnown(log: LifeLog, tenant: TenantId): Promise<boolean> {
  const { life } = await log.lives.get(tenant);
  return (
    life.state !== "active" ||
    (await log.docs.lastVersion(tenant)) > 0 ||
    (await log.chunks.last(tenant).catch(() => "unreadable")) !== null
  );
}

export async function withLog<Result>(
  options: LifeOptions,
  terminal: Terminal,
  run: (log: Log & Audited) => Promise<Result>,
): Promise<Result> {
  const log = await connectTenants(resolveAddresses(options, terminal.env));
  try {
    return await run(log);
  } finally {
    await log.close();
  }
}

export function audited(
  done: Done,
  { log, options, terminal }: Asked & { readonly log: Audited },
): Promise<void> {
  const addresses = resolveAddresses(options, terminal.env);
  return writeDown(done, { addresses, terminal, audit: log.audit });
}

// --- sleep, suspend ----------------------------------------------------------------------------

type State = TenantLife["state"];

async function suspend({ lives }: LifeLog, tenant: TenantId): Promise<State> {
  const { life } = await changeLife(lives, tenant, (now) =>
    now.state === "suspended" ? undefined : { state: "suspended", atMs: systemClock.nowMs() },
  );
  return life.state;
}

async function resume({ lives }: LifeLog, tenant: TenantId): Promise<State> {
  const { life } = await changeLife(lives, tenant, (now) => {
    if (isErased(now)) throw new FreshetError("tenant_erased");
    return now.state === "suspended" ? activeLife : undefined;
  });
  return life.state;
}

async function wake({ lives }: LifeLog, tenant: TenantId): Promise<State> {
  const { life } = await changeLife(lives, tenant, (now) =>
    now.state === "asleep" ? activeLife : undefined,
  );
  checkServed(life);
  return life.state;
}

/** As the owner does it, and under the same condition. */
export async function putToSleep(log: LifeLog, tenant: TenantId): Promise<State> {
  // Before what is said about merges, which would be in vain.
  checkServed((await log.lives.get(tenant)).life);
  const { generations } = await log.generations.get(tenant);
  if (generations.state !== "single") {
    throw new CliError(`${tenant} is being re-embedded: freshet reembed finish, or abandon, first`);
  }
  const name = generationName(tenant, generations.active.number);
  const last = await log.chunks.last(name);
  const manifest = (await log.manifests.get(name))?.manifest ?? emptyManifest;
  const version = last?.version ?? manifest.version;
  const newest = await log.docs.lastVersion(tenant);
  if (version > manifest.version || newest > version || confirmedTo(manifest) < manifest.to) {
    const way = `freshet merge ${tenant}, and again when the merge is confirmed (90 s later)`;
    throw new CliError(`not all documents of ${tenant} are merged for good: ${way}`);
  }
  const { life } = await changeLife(log.lives, tenant, (now) => {
    checkServed(now);
    if (now.state === "asleep") return undefined;
    return { state: "asleep", atMs: systemClock.nowMs(), version, to: manifest.to };
  });
  return life.state;
}
