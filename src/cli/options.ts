/** Options that several commands share, and how their values are checked. */

import { type Command, InvalidArgumentError, Option } from "commander";
import { isTenantId, type TenantId } from "../contract/ids.ts";

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
