/** `freshet audit`: who did what, and whether the trail of it is whole. */

import { readFileSync } from "node:fs";
import { type Command, InvalidArgumentError, Option } from "commander";
import { z } from "zod";
import type { AuditEntry } from "../../contract/audit.ts";
import { documentDigest, openBlock } from "../../contract/audit-chain.ts";
import { isDocumentId, type TenantId } from "../../contract/ids.ts";
import { limits } from "../../contract/limits.ts";
import { AuditCheck, type AuditHead, type AuditReport } from "../../log/audit-check.ts";
import type { AuditHoldings, AuditLog } from "../../log/audit-port.ts";
import { systemClock } from "../../runtime/clock.ts";
import { resolveAddresses } from "../addresses.ts";
import { connectAudit } from "../connect.ts";
import { CliError, usageError } from "../exit.ts";
import { durationIn, tenantValue, wholeNumber, withNats } from "../options.ts";
import { printable, table } from "../print.ts";
import type { Terminal } from "../terminal.ts";

interface AuditOptions {
  readonly nats?: string | undefined;
  readonly json?: true | undefined;
}

interface VerifyOptions extends AuditOptions {
  readonly heads?: string | undefined;
}

interface ListOptions extends AuditOptions {
  readonly tenant?: TenantId | undefined;
  readonly credential?: string | undefined;
  readonly document?: string | undefined;
  readonly since?: number | undefined;
  readonly max: number;
}

export function addAudit(program: Command, terminal: Terminal): void {
  const audit = program.command("audit").description("who did what, in a chain that shows changes");
  withNats(audit.command("verify").description("walk the trail: is anything edited or gone?"), [
    "freshet audit verify",
    "freshet audit verify --json > heads.json",
    "freshet audit verify --heads heads.json",
  ])
    .option("--heads <file>", "what an earlier verify --json said: its blocks must still be there")
    .action(async (options: VerifyOptions) => verify(options, terminal));
  withNats(audit.command("list").description("what was done, the newest entries"), [
    "freshet audit list --tenant acme --since 2h",
    "freshet audit list --credential 5f0c2a9b77e1 --json",
    "freshet audit list --tenant acme --document manual-7",
  ])
    .addOption(new Option("-t, --tenant <tenant>", "only of this tenant").argParser(tenantValue))
    .option("--credential <name>", "only of this key's id, `token:…`, or `env`")
    .option("--document <id>", "only of this document; takes FRESHET_AUDIT_KEY and --tenant")
    .addOption(
      new Option(
        "--since <time>",
        "a time such as 2026-11-29T08:00:00Z, or how long ago: 30m, 2h, 7d",
      ).argParser(sinceMs),
    )
    .option("--max <n>", "entries at most", wholeNumber(1, limits.auditListMax), 1_000)
    .action(async (options: ListOptions) => list(options, terminal));
}

function sinceMs(value: string): number {
  const agoMs = durationIn(value);
  if (agoMs !== undefined) return systemClock.nowMs() - agoMs;
  const at = /^\d{4}-\d{2}-\d{2}/.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isFinite(at)) return at;
  throw new InvalidArgumentError("a time such as 2026-11-29T08:00:00Z, or 30m, 2h, 7d");
}

interface Trail {
  readonly audit: AuditLog;
  readonly holdings: AuditHoldings;
  readonly key: string | undefined;
}

/** @throws CliError where there is no trail */
async function withTrail<Value>(
  options: AuditOptions,
  terminal: Terminal,
  work: (trail: Trail) => Promise<Value>,
): Promise<Value> {
  const addresses = resolveAddresses(options, terminal.env);
  const connection = await connectAudit(addresses);
  try {
    const { audit } = connection;
    const holdings = await audit.holdings();
    if (holdings === null) {
      throw new CliError("there is no audit trail: engines write one with FRESHET_AUDIT=stream");
    }
    return await work({ audit, holdings, key: addresses.audit?.key?.() });
  } finally {
    await connection.close();
  }
}

async function verify(options: VerifyOptions, terminal: Terminal): Promise<void> {
  const expected = options.heads === undefined ? undefined : headsIn(options.heads);
  const report = await withTrail(options, terminal, ({ audit, holdings, key }) =>
    checked(audit, { holdings, key, expected }),
  );
  if (options.json === true) terminal.out(`${JSON.stringify(report)}\n`);
  else terminal.out(`${reportLines(report).map(printable).join("\n")}\n`);
  if (!report.ok) throw new CliError("the audit trail is not what was written");
}

async function checked(
  audit: AuditLog,
  {
    holdings,
    key,
    expected,
  }: Pick<Trail, "holdings" | "key"> & { readonly expected: readonly AuditHead[] | undefined },
): Promise<AuditReport> {
  const check = new AuditCheck({ key, expected, nowMs: systemClock.nowMs() });
  for await (const message of audit.read()) check.add(message, holdings);
  // What was written meanwhile may have been read, or not.
  return check.end(holdings);
}

const headsSchema = z.object({
  chains: z.array(z.object({ chain: z.string(), number: z.int(), hash: z.string() })),
});

/** @throws CliError usage */
function headsIn(path: string): readonly AuditHead[] {
  try {
    return headsSchema.parse(JSON.parse(readFileSync(path, "utf8"))).chains;
  } catch {
    throw usageError(`${path} is no output of freshet audit verify --json`);
  }
}

export function reportLines({
  ok,
  chains,
  problems,
  moreProblems,
}: AuditReport): readonly string[] {
  const found = problems.map(({ kind, chain, seq, message }) => {
    const where = chain === undefined ? `sequence ${seq}` : `${chain}, sequence ${seq}`;
    return `${kind}: ${where}: ${message}`;
  });
  const rows = chains.map((chain) => ({
    chain: chain.chain,
    blocks: `${chain.first}-${chain.number}`,
    entries: String(chain.entries),
    lost: String(chain.lost),
    cuts: String(chain.cuts),
    unsealed: String(chain.unsealed),
    unproved: String(chain.unproved),
    head: chain.hash.slice(0, 16),
  }));
  const more = moreProblems > 0 ? [`and ${moreProblems} more`] : [];
  const verdict = ok ? "the trail is whole" : "the trail is NOT whole:";
  return [...(rows.length === 0 ? ["no entries yet"] : table(rows)), verdict, ...found, ...more];
}

async function list(options: ListOptions, terminal: Terminal): Promise<void> {
  const { entries, more } = await withTrail(options, terminal, (trail) =>
    entriesOf(trail, options),
  );
  if (options.json === true) {
    terminal.out(`${JSON.stringify({ entries, more })}\n`);
    return;
  }
  const lines = entries.length === 0 ? ["no entries"] : table(entries.map(row));
  terminal.out(`${lines.map(printable).join("\n")}\n`);
  if (more > 0) terminal.note(`${more} older ones are not shown: --max\n`);
}

type Listed = AuditEntry & { readonly node: string };

/**
 * The newest that fit, in bounded memory. What a block says is shown; whether it is true, verify
 * says.
 */
export async function entriesOf(
  { audit, key }: Pick<Trail, "audit" | "key">,
  options: Omit<ListOptions, "json" | "nats">,
): Promise<{ readonly entries: readonly Listed[]; readonly more: number }> {
  const fits = filterOf(options, key);
  let entries: Listed[] = [];
  let count = 0;
  for await (const { data } of audit.read()) {
    const opened = openBlock(data, undefined);
    if (opened.kind !== "block") continue;
    for (const entry of opened.block.entries.filter(fits)) {
      entries.push({ ...entry, node: opened.block.chain });
      count += 1;
    }
    if (entries.length > 2 * options.max) entries = entries.slice(-options.max);
  }
  const newest = entries.sort((one, other) => one.at - other.at).slice(-options.max);
  return { entries: newest, more: count - newest.length };
}

/** @throws CliError usage */
function filterOf(
  { tenant, credential, document, since }: ListOptions,
  key: string | undefined,
): (entry: AuditEntry) => boolean {
  let digest: string | undefined;
  if (document !== undefined) {
    if (key === undefined || tenant === undefined || !isDocumentId(document)) {
      throw usageError("--document takes --tenant, and the FRESHET_AUDIT_KEY of the engines");
    }
    digest = documentDigest(key, tenant, document);
  }
  return (entry) =>
    (tenant === undefined || entry.tenant === tenant) &&
    (credential === undefined || entry.credential === credential) &&
    (digest === undefined || entry.document === digest) &&
    (since === undefined || (entry.until ?? entry.at) >= since);
}

function row(entry: Listed): Readonly<Record<string, string>> {
  const { at, times, tenant, credential, surface, operation, outcome, accepted, refused } = entry;
  const documents = accepted === undefined ? "" : `${accepted} taken, ${refused ?? 0} refused`;
  return {
    at: new Date(at).toISOString(),
    ...{ tenant: tenant ?? "-", credential, surface, operation, outcome },
    ...{ times: String(times), documents, node: entry.node },
  };
}
