/** `freshet tenant erase…`: removes a tenant, or documents of it, for good. */

import { accessSync, constants, existsSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import { type DocumentId, isDocumentId, type TenantId } from "../../contract/ids.ts";
import { limits } from "../../contract/limits.ts";
import type { SignedReceipt } from "../../contract/receipt.ts";
import { checkServed } from "../../contract/tenant-life.ts";
import type { Log } from "../../log/port.ts";
import { type Addresses, resolveAddresses } from "../addresses.ts";
import { connectEraser } from "../connect.ts";
import { eraseBy, eraseInParts } from "../erase-request.ts";
import { CliError, usageError } from "../exit.ts";
import { tenantValue, withNats } from "../options.ts";
import { printable } from "../print.ts";
import type { Terminal } from "../terminal.ts";
import { readIds } from "./erase-list.ts";
import {
  type Asked,
  type Audited,
  audited,
  isKnown,
  type LifeOptions,
  withLog,
} from "./tenant-life.ts";

interface EraseOptions extends LifeOptions {
  readonly yes?: true | undefined;
  readonly temporal?: string | undefined;
  readonly receipt?: string | undefined;
}

interface ListOptions extends EraseOptions {
  readonly file: string;
}

type Erasing = Asked & { readonly options: EraseOptions };
type Eraser = Awaited<ReturnType<typeof connectEraser>>;

/** Adds its sub-commands to the command `tenant`. */
export function addTenantErase(tenant: Command, terminal: Terminal): void {
  withErase(tenant.command("erase").description("remove a tenant from every store, for good"), [
    "freshet tenant erase acme",
    "freshet tenant erase acme --yes --receipt acme.json",
  ])
    .argument("<tenant>", "its name, which is never used again", tenantValue)
    .action((of: TenantId, options: EraseOptions) => eraseTenant(of, { options, terminal }));
  withErase(
    tenant.command("erase-document").description("remove every version of a document, for good"),
    ["freshet tenant erase-document acme invoice-17 --yes --receipt invoice-17.json"],
  )
    .argument("<tenant>", "whose document", tenantValue)
    .argument("<document-id>", "its id", documentValue)
    .action((of: TenantId, id: DocumentId, options: EraseOptions) =>
      eraseDocument({ tenant: of, id }, { options, terminal }),
    );
  withErase(tenant.command("erase-documents").description("remove a list of documents, for good"), [
    "freshet tenant erase-documents acme --file ids.txt --receipt receipts.ndjson",
    "freshet tenant erase-documents acme --file - --yes --json < ids.ndjson",
  ])
    .argument("<tenant>", "whose documents", tenantValue)
    .requiredOption(
      "--file <file>",
      `their ids, one a line, or JSON ({"id": …}) a line; - for stdin; at most ${limits.eraseListMax}`,
    )
    .action((of: TenantId, options: ListOptions) => eraseList(of, options, terminal));
}

function withErase(command: Command, examples: readonly string[]): Command {
  return withNats(command, examples)
    .option("--temporal <host:port>", "address of Temporal")
    .option("--receipt <file>", "where signed receipts go; a file that is there is kept")
    .option("-y, --yes", "do not ask");
}

function documentValue(value: string): DocumentId {
  if (isDocumentId(value)) return value;
  throw new InvalidArgumentError("an id is 1-512 bytes without control characters");
}

async function eraseTenant(tenant: TenantId, { options, terminal }: Erasing): Promise<void> {
  checkFile(options);
  await withLog(options, terminal, async (log) => {
    const { life } = await log.lives.get(tenant);
    if (!(await isKnown(log, tenant))) {
      throw new CliError(`nothing is known of a tenant ${tenant}; its name would be used up`);
    }
    const asked = { options, terminal };
    const what = `everything of tenant ${tenant}, for good. Its name is never used again`;
    if (life.state !== "erased") await confirm(what, tenant, asked);
    await audited({ operation: "tenant_erase", tenant, outcome: "begun" }, { log, ...asked });
    const signed = await withEraser(log, asked, (eraser) => eraser.eraseTenant(tenant));
    report(signed, asked);
  });
}

async function eraseDocument(
  { tenant, id }: { readonly tenant: TenantId; readonly id: DocumentId },
  asked: Erasing,
): Promise<void> {
  checkFile(asked.options);
  await withLog(asked.options, asked.terminal, async (log) => {
    await begin(log, asked, { tenant, what: `document ${printable(id)}`, count: 1 });
    const signed = await withEraser(log, asked, (eraser) =>
      eraseBy(log, { tenant, ids: [id] }, (deletes) => eraser.eraseDocuments(tenant, deletes)),
    );
    report(signed, asked);
  });
}

/** Asks, and writes down that it begins. */
async function begin(
  log: Log & Audited,
  asked: Erasing,
  of: { readonly tenant: TenantId; readonly what: string; readonly count: number },
): Promise<void> {
  const { tenant, count } = of;
  checkServed((await log.lives.get(tenant)).life);
  const what =
    `every version of ${of.what} of tenant ${tenant}, for good. What the log ` +
    `holds of the tenant's other documents for replays goes with it`;
  await confirm(what, tenant, asked);
  const done = { operation: "document_erase", tenant, outcome: "begun" } as const;
  await audited({ ...done, ...(count === 1 ? {} : { accepted: count }) }, { log, ...asked });
}

// --- a list ------------------------------------------------------------------------------------

/** In parts, several at once; each has its receipt, a line of JSON. */
async function eraseList(tenant: TenantId, options: ListOptions, terminal: Terminal) {
  checkFile(options);
  const ids = await readIds(options.file, terminal);
  const asked = { options, terminal };
  if (options.file === "-" && options.yes !== true) {
    throw usageError("ids from stdin leave nobody to ask: --yes answers");
  }
  await withLog(options, terminal, async (log) => {
    await begin(log, asked, { tenant, what: `${ids.length} documents`, count: ids.length });
    let done = 0;
    await withEraser(log, asked, (eraser) =>
      eraseInParts(
        log,
        { tenant, ids, signal: terminal.signal },
        {
          run: (deletes) => eraser.eraseDocuments(tenant, deletes),
          ended: (signed, documents) => {
            done += documents;
            writeLine(signed, asked);
            terminal.note(`erased ${done} of ${ids.length} documents\n`);
          },
        },
      ),
    ).finally(() => {
      if (terminal.signal.aborted) terminal.note(cutOff(done, ids.length));
    });
    if (options.json !== true && options.receipt !== undefined) {
      terminal.out(`erased: ${done} documents; nothing is left\nreceipts: ${options.receipt}\n`);
    }
  });
}

/** Of a list that takes hours, what waits for its turn is in this process alone. */
const cutOff = (done: number, all: number): string =>
  `interrupted after ${done} of ${all} documents: what has begun goes on, the rest is not erased; ` +
  "erase the same list again\n";

/** As each comes: what has ended is not lost with what has not. */
function writeLine(signed: SignedReceipt, { options, terminal }: Erasing): void {
  const line = `${JSON.stringify(signed)}\n`;
  if (options.receipt !== undefined) writeFileSync(options.receipt, line, { flag: "a" });
  if (options.json === true || options.receipt === undefined) terminal.out(line);
}

// --- all of them -------------------------------------------------------------------------------

async function withEraser<Result>(
  { deployment }: Pick<Log, "deployment">,
  { options, terminal }: Erasing,
  run: (eraser: Eraser) => Promise<Result>,
): Promise<Result> {
  const addresses: Addresses = resolveAddresses(options, terminal.env);
  const eraser = await connectEraser(addresses, deployment);
  try {
    terminal.note(
      "erasing; this takes two minutes at least, and what has begun goes on if this command ends\n",
    );
    return await Promise.race([run(eraser), interrupted(terminal.signal)]);
  } finally {
    await eraser.close();
  }
}

function report(signed: SignedReceipt, { options, terminal }: Erasing): void {
  const { json, receipt: file } = options;
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

async function confirm(what: string, tenant: TenantId, { options, terminal }: Erasing) {
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
