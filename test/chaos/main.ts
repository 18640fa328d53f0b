/** `npm run chaos`: proves, or disproves, that nothing is lost, doubled or stale while everything fails. */

import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Command, CommanderError, InvalidArgumentError } from "commander";
import { ensureTools } from "../../ops/setup/ensure-tools.ts";
import { lineProgress } from "../../ops/setup/progress.ts";
import type { ChaosOptions } from "./chaos-options.ts";
import { type PlannedFault, type PlannedKind, planFaults } from "./faults.ts";
import { plantedText, runPlanted } from "./planted.ts";
import type { Random } from "./random.ts";
import { resultText } from "./result.ts";
import { runChaos } from "./run.ts";
import { shrink } from "./shrink.ts";

const about = `Runs engines, a merge worker and their servers, lets publishers and readers work on them, and makes
everything fail: kill -9 and SIGSTOP at named points and at random, delays, resets and partitions of connections, a
full disk. All replies and the whole log are compared with an oracle, all the time and at rest.

Exit codes: 0 no violation, 1 violations or could not run, 2 usage.`;

const root = fileURLToPath(new URL("../..", import.meta.url));

interface Options {
  readonly minutes: number;
  readonly nodes: number;
  readonly nats: 1 | 3;
  readonly weaviate: 1 | 3;
  readonly tenants: number;
  readonly generations?: true;
  readonly observe?: true;
  readonly seed: number;
  readonly every: number;
  readonly publishers: number;
  readonly readers: number;
  readonly json?: string;
  readonly shrink: number;
  readonly only?: readonly number[];
  readonly planted?: true;
  readonly control?: true;
  readonly bug?: string;
}

function positive(value: string): number {
  const number = Number(value);
  if (!(number > 0)) throw new InvalidArgumentError("a number above zero");
  return number;
}

function oneOrThree(value: string): 1 | 3 {
  if (value === "1") return 1;
  if (value === "3") return 3;
  throw new InvalidArgumentError("1 or 3");
}

function whole(value: string): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 0) throw new InvalidArgumentError("a whole number");
  return number;
}

function numbers(value: string): readonly number[] {
  return value.split(",").map(whole);
}

function program(): Command {
  return new Command("npm run chaos --")
    .description(about)
    .option("--minutes <m>", "how long, storms and rests together", positive, 2)
    .option("--nodes <n>", "engines", positive, 2)
    .option("--nats <n>", "nats-servers: 1, or 3 as a cluster with three copies", oneOrThree, 1)
    .option("--weaviate <n>", "Weaviates: 1, or 3 as a cluster with one copy", oneOrThree, 1)
    .option("--tenants <n>", "tenants", positive, 4)
    .option(
      "--generations",
      "re-embed the first tenant: builds, cut-overs, rollbacks, under all of it",
    )
    .option(
      "--observe",
      "Prometheus (on PATH) looks on; its burn-rate alerts must fire when users saw it burn",
    )
    .option("--seed <s>", "the choices of publishers, readers and nemesis", positive, 1)
    .option("--every <s>", "mean seconds between two faults", positive, 1.7)
    .option("--publishers <n>", "publishers, each five times a second", whole, 20)
    .option("--readers <n>", "readers, each asking all the time", whole, 6)
    .option("--json <file>", "write the result as JSON too")
    .option("--shrink <n>", "after a violation, at most so many runs with fewer faults", whole, 0)
    .option("--only <n,n>", "only these faults of the seed's plan, by number", numbers)
    .option("--planted", "prove the checker: each planted bug must be caught; takes some minutes")
    .option(
      "--control",
      "with --planted: the same faults also without the bug, where nothing may be caught",
    )
    .option("--bug <words>", "with --planted: only bugs whose name has these words")
    .allowExcessArguments(false)
    .exitOverride((error) => {
      throw Object.assign(error, { exitCode: error.exitCode === 0 ? 0 : 2 });
    })
    .action(run);
}

async function run(options: Options): Promise<void> {
  const { minutes, nodes, nats: natsServers, tenants, seed, every, json } = options;
  const { weaviate: weaviates } = options;
  const { publishers, readers } = options;
  const say = (line: string): void => void process.stderr.write(`[chaos] ${line}\n`);
  const progress = lineProgress(
    (line) => process.stderr.write(line),
    () => performance.now(),
  );
  const want = { nats: true, temporal: true, weaviate: true, embedding: true, llm: false };
  const tools = await ensureTools({ env: process.env, progress, want });
  const directory = mkdtempSync(join(tmpdir(), "freshet-chaos-"));
  say(`seed ${seed}; files of this run: ${directory}`);
  const generations = options.generations === true;
  const load = { publishers, publishEveryMs: 200, readers, generations };
  if (options.planted === true) {
    const control = options.control === true;
    const only = options.bug;
    const shared = {
      seed,
      nodes,
      natsServers,
      weaviates,
      tenants,
      directory,
      tools,
      say,
      root,
      control,
      only,
    };
    const results = await runPlanted({ ...load, ...shared });
    process.stdout.write(`${plantedText(results)}\n`);
    if (json !== undefined) writeFileSync(json, `${JSON.stringify(results, null, 2)}\n`);
    const proved = results.every(
      ({ caughtBy, falseAlarms }) => caughtBy !== undefined && falseAlarms.length === 0,
    );
    if (!proved) process.exitCode = 1;
    return;
  }
  const durationMs = minutes * 60_000;
  const chaos = {
    ...load,
    seed,
    nodes,
    natsServers,
    weaviates,
    tenants,
    durationMs,
    tools,
    say,
    stormMs: 45_000,
    observe: options.observe === true,
  };
  const planned = (kinds: readonly PlannedKind[], random: Random): readonly PlannedFault[] =>
    planFaults(random, {
      ...{ stormMs: durationMs, everyMs: every * 1000, kinds },
      ...{ nodes, natsServers, weaviates },
    });
  const numbered = (picked: readonly number[] | undefined): ChaosOptions["plan"] =>
    picked === undefined
      ? planned
      : (kinds, random) => planned(kinds, random).filter((_, at) => picked.includes(at + 1));
  const result = await runChaos({ ...chaos, directory, plan: numbered(options.only) });
  process.stdout.write(`${resultText(result)}\n`);
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(result, null, 2)}\n`);
  if (result.violations.length === 0) return;
  process.exitCode = 1;
  process.stdout.write(`once more: npm run chaos -- ${again(options, undefined)}\n`);
  if (options.shrink === 0) return;
  const all = options.only ?? Array.from({ length: result.faultsBegun }, (_, at) => at + 1);
  const { items } = await shrink(all, options.shrink, async (fewer) => {
    say(`shrinking: ${fewer.length} of ${all.length} faults`);
    const place = mkdtempSync(join(tmpdir(), "freshet-chaos-"));
    const { violations } = await runChaos({ ...chaos, directory: place, plan: numbered(fewer) });
    return violations.length > 0;
  });
  process.stdout.write(`with fewer faults: npm run chaos -- ${again(options, items)}\n`);
}

function again(options: Options, only: readonly number[] | undefined): string {
  const { minutes, nodes, nats, weaviate, tenants, seed, every, publishers, readers } = options;
  const servers = `--nats ${nats} --weaviate ${weaviate}`;
  const load = `--publishers ${publishers} --readers ${readers}`;
  const also = `${options.generations === true ? " --generations" : ""}${
    options.observe === true ? " --observe" : ""
  }`;
  const picked = `${also}${only === undefined ? "" : ` --only ${only.join(",")}`}`;
  return `--minutes ${minutes} --nodes ${nodes} ${servers} --tenants ${tenants} --seed ${seed} --every ${every} ${load}${picked}`;
}

for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));

try {
  await program().parseAsync();
} catch (thrown) {
  if (thrown instanceof CommanderError) process.exitCode = thrown.exitCode;
  else {
    process.stderr.write(`chaos: ${thrown instanceof Error ? thrown.stack : String(thrown)}\n`);
    process.exitCode = 1;
  }
}
