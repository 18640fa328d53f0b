/** Options that several commands share, and how their values are checked. */

import { type Command, InvalidArgumentError, Option } from "commander";
import { isTenantId, type TenantId } from "../contract/ids.ts";
import { dayMs, hourMs, minuteMs } from "../contract/limits/units.ts";

export interface CommonOptions {
  readonly tenant: TenantId;
  readonly json?: true | undefined;
}

export function tenantValue(value: string): TenantId {
  if (isTenantId(value)) return value;
  throw new InvalidArgumentError("a tenant is 1-64 letters, digits, _ or -");
}

export function wholeNumber(min: number, max: number) {
  return (value: string): number => {
    const number = Number(value);
    if (/^\d+$/.test(value) && number >= min && number <= max) return number;
    throw new InvalidArgumentError(`a whole number from ${min} to ${max}`);
  };
}

const unitMs: Readonly<Record<string, number>> = { m: minuteMs, h: hourMs, d: dayMs };

export function durationMs(value: string): number {
  const [, count, unit = ""] = /^(\d{1,5})([mhd])$/.exec(value) ?? [];
  const ms = Number(count) * (unitMs[unit] ?? 0);
  if (ms > 0) return ms;
  throw new InvalidArgumentError("a time such as 30m, 12h or 90d");
}

export function withCommon(command: Command, examples: readonly string[]): Command {
  return command
    .addOption(
      new Option("-t, --tenant <tenant>", "whose documents")
        .argParser(tenantValue)
        .default("demo", "demo"),
    )
    .option("--json", "print JSON for programs")
    .addHelpText("after", `\nExamples:\n${examples.map((line) => `  $ ${line}`).join("\n")}`);
}

export function withEngine(command: Command): Command {
  return command.option("--url <url>", "address of the engine's HTTP API");
}
