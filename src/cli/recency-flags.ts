/** `--half-life` and what belongs to it, as the API takes it. */

import { type Command, InvalidArgumentError, Option } from "commander";
import { recencySchema } from "../contract/query.ts";
import { usageError } from "./exit.ts";

export interface RecencyFlags {
  readonly halfLife?: number | undefined;
  readonly recencyWeight?: number | undefined;
  readonly recencyField?: string | undefined;
}

const fields = recencySchema.shape.field.unwrap().options;

export function withRecency(command: Command): Command {
  return command
    .option("--half-life <time>", "newer first: relevance halves each 12h, 30d, 1y …", duration)
    .option("--recency-weight <w>", "how much age may take away, 0 to 1 (default: 0.5)", share)
    .addOption(new Option("--recency-field <field>", "what age is counted from").choices(fields));
}

/** @throws CliError usage */
export function recencyOf({ halfLife, recencyWeight, recencyField }: RecencyFlags) {
  if (halfLife !== undefined) {
    return { half_life_s: halfLife, weight: recencyWeight, field: recencyField };
  }
  if (recencyWeight === undefined && recencyField === undefined) return undefined;
  throw usageError("--recency-weight and --recency-field need --half-life");
}

const unitSeconds = { s: 1, m: 60, h: 3_600, d: 86_400, w: 604_800, y: 31_557_600 } as const;

/** Seconds. */
function duration(value: string): number {
  const parts = /^(\d+(?:\.\d+)?)([smhdwy])$/.exec(value);
  const seconds = Number(parts?.[1]) * unitSeconds[(parts?.[2] ?? "s") as keyof typeof unitSeconds];
  if (seconds > 0) return seconds;
  throw new InvalidArgumentError("a number and one of s, m, h, d, w, y, such as 30d");
}

function share(value: string): number {
  const number = value.trim() === "" ? Number.NaN : Number(value);
  if (number >= 0 && number <= 1) return number;
  throw new InvalidArgumentError("a number from 0 to 1");
}
