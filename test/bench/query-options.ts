/** What the bench `query` may be told on the command line. */

import { type Command, InvalidArgumentError } from "commander";

export const stateNames = ["hot", "half", "cold", "resident"] as const;
export type StateName = (typeof stateNames)[number];

export interface QueryOptions {
  /** Sizes of a tenant, ascending. The rows with targets are of the one nearest to 20,000. */
  readonly chunks: readonly number[];
  readonly states: readonly StateName[];
  /** Of each closed loop, in each round. */
  readonly seconds: number;
  /** Questions a second of the open loop. */
  readonly rate: number;
  /** Length of the open loop; 0 leaves it out. */
  readonly openSeconds: number;
  /** How long the mock model thinks; 0 leaves it out. */
  readonly modelMs: number;
  /** Where the profile of the engine's main thread goes. */
  readonly profile?: string;
}

export function addQueryOptions(command: Command): Command {
  return command
    .option(
      "--chunks <list>",
      "query: sizes of a tenant, such as 1k,20k,100k",
      sizes,
      [1_000, 20_000],
    )
    .option("--states <list>", `query: of ${stateNames.join(", ")}`, states, [...stateNames])
    .option("--seconds <number>", "query: of each closed loop in each round", positive, 2)
    .option("--rate <number>", "query: questions a second of the open loop", positive, 500)
    .option("--open-seconds <number>", "query: of the open loop, 0 for none", number, 60)
    .option("--model-ms <number>", "query: delay of the mock model, 0 for none", number, 50)
    .option("--profile <file>", "query: CPU profile of the engine's main thread (.cpuprofile)");
}

/** As `--chunks` takes it. */
export const sizeName = (chunks: number): string =>
  chunks % 1_000 === 0 ? `${chunks / 1_000}k` : String(chunks);

function sizes(text: string): readonly number[] {
  const found = text.split(",").map((part) => {
    const [, digits, thousands] = /^(\d{1,6})(k?)$/.exec(part.trim()) ?? [];
    const count = Number(digits) * (thousands === "k" ? 1_000 : 1);
    if (!(count >= 100 && count <= 1_000_000)) {
      throw new InvalidArgumentError("sizes are 100 to 1000k, with commas between");
    }
    return count;
  });
  return [...new Set(found)].toSorted((left, right) => left - right);
}

function states(text: string): readonly StateName[] {
  const wanted = text.split(",").map((part) => part.trim());
  const unknown = wanted.find((name) => !stateNames.some((known) => known === name));
  if (unknown !== undefined) {
    throw new InvalidArgumentError(`${unknown} is none of ${stateNames.join(", ")}`);
  }
  return stateNames.filter((name) => wanted.includes(name));
}

function number(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !(value >= 0 && value <= 100_000)) {
    throw new InvalidArgumentError("a number from 0");
  }
  return value;
}

function positive(text: string): number {
  const value = number(text);
  if (value === 0) throw new InvalidArgumentError("a number above 0");
  return value;
}
