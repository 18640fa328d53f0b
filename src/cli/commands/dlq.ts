/** `freshet dlq`: what was refused and why, and publishing it again. */

import { type Command, InvalidArgumentError } from "commander";
import { type ErrorCode, errorTable } from "../../contract/errors.ts";
import type { TenantId, Version } from "../../contract/ids.ts";
import { limits } from "../../contract/limits.ts";
import { pageOf, payloadOf } from "../../log/dead-letter-pages.ts";
import type { DeadLetter } from "../../log/dead-letter-port.ts";
import { type Replayed, replay } from "../../log/dead-letter-replay.ts";
import { resolveAddresses } from "../addresses.ts";
import { writeDown } from "../audit.ts";
import { connectLog, type PublisherConnection } from "../connect.ts";
import { CliError, usageError } from "../exit.ts";
import { type CommonOptions, wholeNumber, withCommon } from "../options.ts";
import { printable, table } from "../print.ts";
import type { Terminal } from "../terminal.ts";

interface DlqOptions extends CommonOptions {
  readonly nats?: string | undefined;
}

interface ListOptions extends DlqOptions {
  readonly token?: string | undefined;
  readonly reason?: ErrorCode | undefined;
  readonly max: number;
  readonly after: number;
}

interface ShowOptions extends DlqOptions {
  readonly token?: string | undefined;
  readonly text?: true | undefined;
}

interface ReplayOptions extends DlqOptions {
  readonly all?: true | undefined;
  readonly reason?: ErrorCode | undefined;
  readonly max: number;
}

const version = wholeNumber(1, Number.MAX_SAFE_INTEGER);
const tokenHelp = "a subject's token that is no tenant, instead of --tenant";

export function addDlq(program: Command, terminal: Terminal): void {
  const dlq = program.command("dlq").description("dead letters: operations that were refused");
  withDlq(dlq.command("list").description("what was refused, oldest first"), [
    "freshet dlq list",
    "freshet dlq list --tenant acme --reason document_failed --json",
    "freshet dlq list --token 'not a tenant'",
  ])
    .option("--token <token>", tokenHelp)
    .option("--reason <code>", "only dead letters with this reason", reasonValue)
    .option(
      "--max <n>",
      "dead letters at most",
      wholeNumber(1, limits.dlqListMax),
      limits.dlqListDefault,
    )
    .option("--after <seq>", "only dead letters of later operations", version, 0)
    .action(async (options: ListOptions) => list(options, terminal));
  withDlq(dlq.command("show").description("one dead letter"), [
    "freshet dlq show 1099511627790",
    "freshet dlq show 1099511627790 --text",
  ])
    .argument("<seq>", "sequence of the operation", version)
    .option("--token <token>", tokenHelp)
    .option("--text", "also what the publisher sent, unredacted, as DOCS holds it")
    .action(async (seq: Version, options: ShowOptions) => show(seq, options, terminal));
  withDlq(dlq.command("replay").description("publish refused operations again"), [
    "freshet dlq replay 1099511627790",
    "freshet dlq replay --reason document_failed --tenant acme",
    "freshet dlq replay --all",
  ])
    .argument("[seq...]", "sequences of the operations", collect)
    .option("--all", "every dead letter of the tenant")
    .option("--reason <code>", "every dead letter with this reason", reasonValue)
    .option(
      "--max <n>",
      "dead letters at most",
      wholeNumber(1, limits.dlqListMax),
      limits.dlqListMax,
    )
    .action(async (seqs: Version[], options: ReplayOptions) => replayAll(seqs, options, terminal));
}

function withDlq(command: Command, examples: readonly string[]): Command {
  return withCommon(command, examples).option("--nats <url>", "address of NATS");
}

function collect(value: string, before: readonly number[] = []): readonly number[] {
  return [...before, version(value)];
}

function reasonValue(value: string): ErrorCode {
  if (Object.hasOwn(errorTable, value)) return value as ErrorCode;
  throw new InvalidArgumentError(
    "a code of the error table (ops/guides/errors.md), such as document_failed",
  );
}

async function connected<Value>(
  options: DlqOptions,
  terminal: Terminal,
  work: (connection: PublisherConnection) => Promise<Value>,
): Promise<Value> {
  const connection = await connectLog(resolveAddresses(options, terminal.env));
  try {
    return await work(connection);
  } finally {
    await connection.close();
  }
}

async function list(options: ListOptions, terminal: Terminal): Promise<void> {
  const { token, reason, max, json } = options;
  const tenant = token ?? options.tenant;
  const after = options.after as Version;
  const { letters, next } = await connected(options, terminal, ({ deadLetters }) =>
    pageOf(deadLetters, { tenant, reason, max, after }),
  );
  if (json === true) {
    terminal.out(`${JSON.stringify({ letters: letters.map(shown), next: next ?? null })}\n`);
    return;
  }
  const lines = letters.length === 0 ? ["no dead letters"] : table(letters.map(row));
  terminal.out(`${lines.map(printable).join("\n")}\n`);
  if (next !== undefined) terminal.note(`there are more: --after ${next}\n`);
}

async function show(seq: Version, options: ShowOptions, terminal: Terminal): Promise<void> {
  const tenant = options.token ?? options.tenant;
  const { letter, sent } = await connected(options, terminal, async ({ deadLetters, docs }) => {
    const found = await deadLetters.get(tenant, seq);
    if (found === null) {
      throw new CliError(`${printable(tenant)} has no dead letter ${seq}: freshet dlq list`);
    }
    // A token that is no tenant has no subject to be read from by name.
    const readable = options.text === true && options.token === undefined;
    return { letter: found, sent: readable ? await sentAs(docs, options.tenant, seq) : undefined };
  });
  if (options.json === true) {
    terminal.out(
      `${JSON.stringify({ ...shown(letter), ...(sent === undefined ? {} : { sent }) })}\n`,
    );
    return;
  }
  const lines = Object.entries(shown(letter)).map(([name, value]) => `${name}: ${String(value)}`);
  terminal.out(`${lines.map(printable).join("\n")}\n`);
  if (options.text === true) {
    terminal.out(`\n${printable(sent ?? "DOCS does not hold what was sent any more")}\n`);
  }
}

async function sentAs(
  docs: PublisherConnection["docs"],
  tenant: TenantId,
  seq: Version,
): Promise<string | undefined> {
  const payload = await payloadOf(docs, tenant, seq);
  return payload === undefined ? undefined : new TextDecoder().decode(payload);
}

async function replayAll(
  seqs: readonly Version[] | undefined,
  options: ReplayOptions,
  terminal: Terminal,
): Promise<void> {
  const { tenant, reason, max, all, json } = options;
  const named = seqs ?? [];
  const selects = [named.length > 0, all === true, reason !== undefined].filter(Boolean).length;
  if (selects !== 1) throw usageError("name sequences, or --reason <code>, or --all");
  const { results, next } = await connected(options, terminal, async (connection) => {
    const page =
      named.length > 0
        ? { letters: await lettersOf(connection, tenant, named), next: undefined }
        : await pageOf(connection.deadLetters, { tenant, reason, max, after: 0 as Version });
    const results = await replay(connection, tenant, page.letters);
    const accepted = results.filter(({ kind }) => kind === "published").length;
    const counts = { accepted, refused: results.length - accepted };
    const addresses = resolveAddresses(options, terminal.env);
    const trail = { addresses, terminal, audit: connection.audit };
    await writeDown({ operation: "dlq_replay", tenant, ...counts }, trail);
    return { results, next: page.next };
  });
  if (json === true) terminal.out(`${JSON.stringify({ results })}\n`);
  else terminal.out(`${summaryLines(results).map(printable).join("\n")}\n`);
  if (next !== undefined) terminal.note(`only the first ${max} were looked at: --max\n`);
  // Of all of them some are void by nature; of those that were named each was wanted.
  const skipped = results.filter(({ kind }) => kind === "skipped").length;
  if (named.length > 0 && skipped > 0) throw new CliError(`${skipped} were not published again`);
}

async function lettersOf(
  { deadLetters }: PublisherConnection,
  tenant: TenantId,
  seqs: readonly Version[],
): Promise<readonly DeadLetter[]> {
  const letters: DeadLetter[] = [];
  for (const seq of new Set(seqs)) {
    const letter = await deadLetters.get(tenant, seq);
    if (letter === null)
      throw new CliError(`${tenant} has no dead letter ${seq}: freshet dlq list`);
    letters.push(letter);
  }
  return letters;
}

function shown({ tenant, version: seq, documentId, reason, message, atMs }: DeadLetter) {
  const at = new Date(atMs).toISOString();
  return { tenant, seq, id: documentId, reason, message, at };
}

function row(letter: DeadLetter): Readonly<Record<string, string>> {
  const { seq, id, reason, message, at } = shown(letter);
  return { seq: String(seq), at, reason, id: id ?? "-", message };
}

function summaryLines(results: readonly Replayed[]): readonly string[] {
  if (results.length === 0) return ["no dead letters"];
  return results.map((result) =>
    result.kind === "published"
      ? `${result.seq}: published again as ${result.as}`
      : `${result.seq}: not published: ${result.why}`,
  );
}
