/** `freshet plan`: engines, memory and disk for a load, from what a chunk and a question cost. */

import { type Command, InvalidArgumentError, Option } from "commander";
import { GiB } from "../../contract/limits/units.ts";
import { wholeNumber, withJson } from "../options.ts";
import { type Capacity, type Costs, capacityFor, type Load } from "../plan/capacity.ts";
import { measuredCosts } from "../plan/measured-costs.ts";
import { printable } from "../print.ts";
import type { Terminal } from "../terminal.ts";

interface PlanOptions extends Omit<Load, "coresPerEngine" | "replicas"> {
  readonly replicas: "1" | "3" | "5";
  readonly cores: number;
  readonly chunksPerS: number;
  readonly questionMs: number;
  readonly coldQuestionMs: number;
  readonly json?: true;
}

const about = `
Costs are those of ops/guides/capacity.md, measured on two cores. A machine of your own has others:
\`npm run bench -- embed\` says what it embeds, \`npm run bench -- growth\` what documents and questions
cost and what a chunk takes on disk. The largest cost is embedding: give --chunks-per-s what you
measured, or what your GPU or embedding servers do.`;

export function addPlan(program: Command, terminal: Terminal): void {
  const count = wholeNumber(0, 1_000_000_000_000);
  const command = program
    .command("plan")
    .description("engines, memory and disk that a load needs")
    .requiredOption("--documents <n>", "documents of all tenants together", count)
    .option("--documents-per-s <n>", "new and changed ones in a busy hour", amount, 1)
    .option("--questions-per-s <n>", "of all tenants together", amount, 1)
    .option("--chunks-per-document <n>", "some 140 tokens each", amount, 4)
    .option("--document-chars <n>", "characters of a document's text", count, 2_400)
    .option("--resident <share>", "of the chunks, to be answered from memory alone", share, 0)
    .option("--cores <n>", "of a machine that runs one engine", wholeNumber(1, 1_024), 4)
    .addOption(
      new Option("--replicas <n>", "copies of each stream").choices(["1", "3", "5"]).default("1"),
    )
    .option("--chunks-per-s <n>", "that one core embeds", amount, measuredCosts.embedChunksPerCoreS)
    .option(
      "--question-ms <n>",
      "of CPU for a question answered from memory",
      amount,
      measuredCosts.memoryQuestionCpuMs,
    )
    .option(
      "--cold-question-ms <n>",
      "of CPU for a question that asks Weaviate",
      amount,
      measuredCosts.coldQuestionCpuMs,
    );
  withJson(command, [
    "freshet plan --documents 1000000 --documents-per-s 20 --questions-per-s 50",
    "freshet plan --documents 50000 --resident 1 --replicas 3 --json",
  ])
    .addHelpText("after", about)
    .action((options: PlanOptions) => plan(options, terminal));
}

function plan(options: PlanOptions, { out }: Terminal): void {
  const { cores: coresPerEngine, replicas } = options;
  const load: Load = { ...options, replicas: Number(replicas), coresPerEngine };
  const costs: Costs = {
    ...measuredCosts,
    embedChunksPerCoreS: options.chunksPerS,
    memoryQuestionCpuMs: options.questionMs,
    coldQuestionCpuMs: options.coldQuestionMs,
  };
  const capacity = capacityFor(load, costs);
  if (options.json === true) out(`${printable(JSON.stringify({ ...capacity, costs }))}\n`);
  else out(`${linesOf(capacity, coresPerEngine).join("\n")}\n`);
}

function linesOf(capacity: Capacity, cores: number): readonly string[] {
  const { engines, natsServers, reasons } = capacity;
  const gib = (bytes: number): string => `${(bytes / GiB).toFixed(1)} GiB`;
  return [
    `engines   ${engines} with ${cores} cores and ${gib(capacity.memoryBytesPerEngine)} each`,
    natsServers === 1
      ? `NATS      1 server, ${gib(capacity.natsDiskBytes)} of disk`
      : `NATS      ${natsServers} servers, ${gib(capacity.natsDiskBytes)} of disk each`,
    `Weaviate  ${gib(capacity.weaviateMemoryBytes)} of memory, ${gib(capacity.weaviateDiskBytes)} of disk`,
    "",
    ...reasons,
  ];
}

function amount(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && value > 0 && value <= 1_000_000_000) return value;
  throw new InvalidArgumentError("a number above 0");
}

function share(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && value >= 0 && value <= 1) return value;
  throw new InvalidArgumentError("a share from 0 to 1");
}
