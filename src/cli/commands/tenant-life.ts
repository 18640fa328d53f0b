/** `freshet tenant …`: puts a tenant to sleep, suspends it, erases it or a document of it. */

import { accessSync, constants, existsSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import { eraseMarkerId } from "../../contract/erase.ts";
import { FreshetError } from "../../contract/errors.ts";
import {
  type DocumentId,
  generationName,
  isDocumentId,
  type TenantId,
  type Version,
} from "../../contract/ids.ts";
import { confirmedTo, emptyManifest } from "../../contract/manifest.ts";
import type { SignedReceipt } from "../../contract/receipt.ts";
import { activeLife, checkServed, isErased, type TenantLife } from "../../contract/tenant-life.ts";
import type { AuditLog } from "../../log/audit-port.ts";
import { changeLife } from "../../log/lives.ts";
import type { Log } from "../../log/port.ts";
import { systemClock } from "../../runtime/clock.ts";
import { type Addresses, resolveAddresses } from "../addresses.ts";
import { type Done, writeDown } from "../audit.ts";
import { connectEraser, connectTenants } from "../connect.ts";
import { CliError, usageError } from "../exit.ts";
import { tenantValue, withNats } from "../options.ts";
import { printable } from "../print.ts";
import type { Terminal } from "../terminal.ts";

interface LifeOptions {
  readonly json?: true | undefined;
  readonly nats?: string | undefined;
}

interface EraseOptions extends LifeOptions {
  readonly yes?: true | undefined;
  readonly temporal?: string | undefined;
  readonly receipt?: string | undefined;
}

interface Audited {
  readonly audit: AuditLog;
}

interface Asked {
  readonly options: EraseOptions;
  readonly terminal: Terminal;
}

export type LifeLog = Pick<
  Log,
  "docs" | "chunks" | "manifests" | "lives" | "generations" | "deployment"
>;

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
          const now = await run(log, of);
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
  withErase(tenant.command("erase").description("remove a tenant from every store, for good"), [
    "freshet tenant erase acme",
    "freshet tenant erase acme --yes --receipt acme.json",
  ])
    .argument("<tenant>", "its name, which is never used again", tenantValue)
    .action((of: TenantId, options: EraseOptions) => eraseTenant(of, options, terminal));
  withErase(
    tenant.command("erase-document").description("remove every version of a document, for good"),
    ["freshet tenant erase-document acme invoice-17 --yes --receipt invoice-17.json"],
  )
    .argument("<tenant>", "whose document", tenantValue)
    .argument("<document-id>", "its id", documentValue)
    .action((of: TenantId, id: DocumentId, options: EraseOptions) =>
      eraseDocument({ tenant: of, id }, options, terminal),
    );
}

function withErase(command: Command, examples: readonly string[]): Command {
  return withNats(command, examples)
    .option("--temporal <host:port>", "address of Temporal")
    .option("--receipt <file>", "where the signed receipt goes; a file that is there is kept")
    .option("-y, --yes", "do not ask");
}

function documentValue(value: string): DocumentId {
  if (isDocumentId(value)) return value;
  throw new InvalidArgumentError("an id is 1-512 bytes without control characters");
}

async function withLog<Result>(
  options: LifeOptions,
  terminal: Terminal,
  run: (log: LifeLog & Audited) => Promise<Result>,
): Promise<Result> {
  const log = await connectTenants(resolveAddresses(options, terminal.env));
  try {
    return await run(log);
  } finally {
    await log.close();
  }
}

function audited(
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
async function putToSleep(log: LifeLog, tenant: TenantId): Promise<State> {
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

// --- erase -------------------------------------------------------------------------------------

async function eraseTenant(
  tenant: TenantId,
  options: EraseOptions,
  terminal: Terminal,
): Promise<void> {
  checkFile(options);
  await withLog(options, terminal, async (log) => {
    const { life } = await log.lives.get(tenant);
    const isKnown =
      life.state !== "active" ||
      (await log.docs.lastVersion(tenant)) > 0 ||
      (await log.chunks.last(tenant).catch(() => "unreadable")) !== null;
    if (!isKnown) {
      throw new CliError(`nothing is known of a tenant ${tenant}; its name would be used up`);
    }
    const what = `everything of tenant ${tenant}, for good. Its name is never used again`;
    if (life.state !== "erased") await confirm(what, tenant, { options, terminal });
    const asked = { options, terminal };
    await audited({ operation: "tenant_erase", tenant, outcome: "begun" }, { log, ...asked });
    await runErase(log, asked, (eraser) => eraser.eraseTenant(tenant));
  });
}

async function eraseDocument(
  { tenant, id }: { readonly tenant: TenantId; readonly id: DocumentId },
  options: EraseOptions,
  terminal: Terminal,
): Promise<void> {
  checkFile(options);
  await withLog(options, terminal, async (log) => {
    checkServed((await log.lives.get(tenant)).life);
    const what =
      `every version of document ${printable(id)} of tenant ${tenant}, for good. What the log ` +
      `holds of the tenant's other documents for replays goes with it`;
    await confirm(what, tenant, { options, terminal });
    const versions = await publishDelete(log, tenant, id);
    const asked = { options, terminal };
    await audited({ operation: "document_erase", tenant, outcome: "begun" }, { log, ...asked });
    await runErase(log, asked, (eraser) => eraser.eraseDocument(tenant, versions));
  });
}

/** The second operation takes the end of the chain, which is never removed. */
export async function publishDelete(
  { docs }: Pick<Log, "docs">,
  tenant: TenantId,
  id: DocumentId,
): Promise<{ readonly version: Version; readonly through: Version }> {
  const send = (documentId: string) => {
    const text = JSON.stringify({ id: documentId, op: "delete" });
    return docs.publish({ tenant, payload: new TextEncoder().encode(text) });
  };
  const { seq: version } = await send(id);
  const { seq: through } = await send(eraseMarkerId);
  return { version, through };
}

async function runErase(
  { deployment }: LifeLog,
  { options, terminal }: Asked,
  run: (eraser: Awaited<ReturnType<typeof connectEraser>>) => Promise<SignedReceipt>,
): Promise<void> {
  const addresses: Addresses = resolveAddresses(options, terminal.env);
  const eraser = await connectEraser(addresses, deployment);
  try {
    terminal.note("erasing; this takes two minutes at least, and goes on if this command ends\n");
    const signed = await Promise.race([run(eraser), interrupted(terminal.signal)]);
    report(signed, options, terminal);
  } finally {
    await eraser.close();
  }
}

function report(signed: SignedReceipt, { json, receipt: file }: EraseOptions, terminal: Terminal) {
  const text = `${JSON.stringify(signed, undefined, 2)}\n`;
  if (file !== undefined) writeFileSync(file, text, { flag: "wx", mode: 0o644 });
  if (json === true || file === undefined) return terminal.out(text);
  const { found, kind } = signed.receipt;
  const removed = `${found.operations} operations, ${found.records} records, ${found.letters} dead letters`;
  const cold = kind === "tenant" ? "its cold shard" : `${found.cold} objects of the cold shard`;
  terminal.out(`erased: ${removed}, ${cold}; nothing is left\nreceipt: ${file}\n`);
}

/** Before anything is removed: a receipt that cannot be written is found too late. */
function checkFile({ receipt }: EraseOptions): void {
  if (receipt === undefined) return;
  if (existsSync(receipt)) throw usageError(`${receipt} is there already`);
  const folder = dirname(resolve(receipt));
  try {
    accessSync(`${folder}/`, constants.W_OK);
  } catch {
    throw usageError(`${folder} is no folder that can be written to`);
  }
}

async function confirm(what: string, tenant: TenantId, { options, terminal }: Asked) {
  if (options.yes === true) return;
  if (!terminal.terminal) throw usageError("an erase asks first: --yes answers for a program");
  terminal.note(`This removes ${what}.\nType the tenant's name to erase: `);
  let typed = "";
  for await (const part of terminal.stdin) {
    typed += part.toString();
    if (typed.includes("\n")) break;
  }
  if (typed.trim() !== tenant) throw new CliError("nothing was erased");
}

/** Ctrl-C leaves the erase running: it is the workflow's, not the terminal's. */
function interrupted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const left = () => reject(new CliError("interrupted; the erase goes on"));
    signal.addEventListener("abort", left, { once: true });
  });
}
