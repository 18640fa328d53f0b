/** `freshet tenant show`: what a tenant uses, and what its quotas leave. */

import type { Command } from "commander";
import type { QuotaName, TenantUsage } from "../../contract/quota.ts";
import { resolveAddresses } from "../addresses.ts";
import { connectEngine } from "../http-client.ts";
import { tenantValue, withEngine } from "../options.ts";
import { mebibytes, printable, table } from "../print.ts";
import type { Terminal } from "../terminal.ts";
import { keptFor } from "./tenant-privacy.ts";

interface ShowOptions {
  readonly url?: string;
  readonly json?: true;
}

export function addTenantShow(tenant: Command, terminal: Terminal): void {
  const command = tenant
    .command("show")
    .description("what a tenant uses, and what its quotas leave")
    .argument("<tenant>", "whose use; with keys, that of the key", tenantValue)
    .option("--json", "print JSON for programs")
    .addHelpText(
      "after",
      `
Examples:
  $ freshet tenant show acme
  $ FRESHET_API_KEY_FILE=key.txt freshet tenant show acme --json

The key needs the role query. Quotas: ops/guides/quotas.md.`,
    );
  withEngine(command).action(async (name: string, options: ShowOptions) => {
    const engine = connectEngine(resolveAddresses(options, terminal.env), name);
    const usage = await engine.usage(terminal.signal);
    const lines = options.json === true ? [JSON.stringify(usage)] : usageLines(usage);
    terminal.out(`${lines.map(printable).join("\n")}\n`);
  });
}

export function usageLines(usage: TenantUsage): readonly string[] {
  const { last_minute: minute } = usage;
  const behind = usage.operations_behind;
  return [
    `tenant ${usage.tenant}: ${usage.documents} documents, ${usage.stored_chunks} chunks, ${mebibytes(usage.hot_bytes)} in memory`,
    `last minute: ${minute.documents} operations, ${mebibytes(minute.bytes)}, ${minute.questions} questions`,
    `today: ${usage.model_tokens_today} tokens of language models${secondsOf(usage)}`,
    ...(behind === 0 ? [] : [`${behind} operations wait in the log`]),
    ...rawLines(usage),
    ...quotaLines(usage),
  ];
}

function rawLines({ raw_retention_ms: rawMs, encryption }: TenantUsage): readonly string[] {
  if (rawMs === undefined && encryption === undefined) return [];
  const kept = keptFor(rawMs === undefined ? {} : { rawMs });
  return [`raw text is kept ${kept}; encryption ${encryption ?? "off"}`];
}

function secondsOf({ model_seconds_today: seconds }: TenantUsage): string {
  return seconds === undefined ? "" : `, ${Math.round(seconds)} s of their time`;
}

function quotaLines({ quota, left }: TenantUsage): readonly string[] {
  const names = (Object.keys(quota) as (keyof typeof quota)[]).filter(isQuota);
  if (names.length === 0) return ["no quotas"];
  return table(
    names.map((name) => ({
      quota: name,
      limit: String(quota[name]),
      left: String(Math.floor((left[name] ?? 0) * 10) / 10),
    })),
  );
}

const isQuota = (name: string): name is QuotaName => name !== "burst_seconds";
