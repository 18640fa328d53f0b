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

/** Undefined for what is no time above zero. */
export function durationIn(value: string): number | undefined {
  const [, count, unit = ""] = /^(\d{1,5})([mhd])$/.exec(value) ?? [];
  const ms = Number(count) * (unitMs[unit] ?? 0);
  return ms > 0 ? ms : undefined;
}

export function durationMs(value: string): number {
  const ms = durationIn(value);
  if (ms !== undefined) return ms;
  throw new InvalidArgumentError("a time such as 30m, 12h or 90d");
}

/** The option `--json`, and examples below the help. */
export function withJson(command: Command, examples: readonly string[]): Command {
  return command
    .option("--json", "print JSON for programs")
    .addHelpText("after", `\nExamples:\n${examples.map((line) => `  $ ${line}`).join("\n")}`);
}

/** For what needs NATS and no engine. */
export function withNats(command: Command, examples: readonly string[]): Command {
  return withJson(command.option("--nats <url>", "address of NATS"), examples);
}

export function withCommon(command: Command, examples: readonly string[]): Command {
  command.addOption(
    new Option("-t, --tenant <tenant>", "whose documents")
      .argParser(tenantValue)
      .default("demo", "demo"),
  );
  return withJson(command, examples);
}

export function withEngine(command: Command): Command {
  return command.option("--url <url>", "address of the engine's HTTP API");
}
