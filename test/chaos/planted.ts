/** `npm run chaos -- --planted`: every planted bug must be caught, and nothing must be "caught" in the code as it is. */

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { ChaosOptions } from "./chaos-options.ts";
import type { Violation } from "./history.ts";
import { type PlantedBug, plant, plantedBugs } from "./planted-bugs.ts";
import { runChaos } from "./run.ts";

export interface PlantedResult {
  readonly name: string;
  /** The first violation of a kind that shows the bug; undefined = it was not caught. */
  readonly caughtBy: Violation | undefined;
  /** Violations of the same kinds, under the same faults, without the bug: there must be none. */
  readonly falseAlarms: readonly Violation[];
  readonly seconds: number;
}

export type PlantedOptions = Omit<
  ChaosOptions,
  "durationMs" | "stormMs" | "plan" | "repository"
> & {
  readonly root: string;
  /** Runs the faults of each bug also without it. */
  readonly control: boolean;
  readonly only?: string | undefined;
};

const stormMs = 55_000;

export async function runPlanted(options: PlantedOptions): Promise<readonly PlantedResult[]> {
  const results: PlantedResult[] = [];
  for (const [index, bug] of plantedBugs.entries()) {
    if (options.only !== undefined && !bug.name.includes(options.only)) continue;
    options.say(`planted: ${bug.name}`);
    const directory = join(options.directory, `bug-${index + 1}`);
    const begun = performance.now();
    const copy = join(directory, "repository");
    mkdirSync(copy, { recursive: true });
    plant(bug.patches, options.root, copy);
    const [caughtBy] = await violationsOf(options, bug, { directory, repository: copy });
    const falseAlarms = options.control
      ? await violationsOf(options, bug, { directory: join(directory, "control") })
      : [];
    const seconds = Math.round((performance.now() - begun) / 1000);
    options.say(`  ${caughtBy === undefined ? "NOT CAUGHT" : `caught: ${caughtBy.detail}`}`);
    for (const { detail } of falseAlarms) options.say(`  FALSE ALARM: ${detail}`);
    results.push({ name: bug.name, caughtBy, falseAlarms, seconds });
  }
  return results;
}

async function violationsOf(
  options: PlantedOptions,
  { faults, shows }: PlantedBug,
  place: { readonly directory: string; readonly repository?: string },
): Promise<readonly Violation[]> {
  const durationMs = stormMs;
  const plan = () => faults;
  const { violations } = await runChaos({ ...options, ...place, durationMs, stormMs, plan });
  return violations.filter(({ kind }) => shows.includes(kind));
}

export function plantedText(results: readonly PlantedResult[]): string {
  return results
    .map(({ name, caughtBy, falseAlarms, seconds }) => {
      const verdict = caughtBy === undefined ? "NOT CAUGHT" : `caught by ${caughtBy.kind}`;
      const alarms = falseAlarms.length === 0 ? "" : `, ${falseAlarms.length} false alarms`;
      return `${name}: ${verdict}${alarms} (${seconds} s)${caughtBy === undefined ? "" : `\n  ${caughtBy.detail}`}`;
    })
    .join("\n");
}
