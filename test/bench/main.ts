/** `npm run bench -- <name>`: measures one thing against its reference and says what it found. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from "commander";
import type { Bench } from "./context.ts";
import { describeMachine, describeVersions } from "./machine.ts";
import { addQueryOptions, type QueryOptions } from "./query-options.ts";
import { reportJson, reportText } from "./report.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Loaded when asked for: one bench should not pay for the native code of another. */
const benches: Readonly<Record<string, () => Promise<Bench>>> = {
  acl: async () => (await import("./acl.ts")).benchAcl,
  embed: async () => (await import("./embed.ts")).benchEmbed,
  hot: async () => (await import("./hot.ts")).benchHot,
  "cold-search": async () => (await import("./cold-search.ts")).benchColdSearch,
  text: async () => (await import("./text.ts")).benchText,
  formats: async () => (await import("./formats.ts")).benchFormats,
  mirror: async () => (await import("./mirror.ts")).benchMirror,
  pipeline: async () => (await import("./pipeline.ts")).benchPipeline,
  freshness: async () => (await import("./freshness.ts")).benchFreshness,
  fairness: async () => (await import("./fairness.ts")).benchFairness,
  tenants: async () => (await import("./tenants.ts")).benchTenants,
  growth: async () => (await import("./growth.ts")).benchGrowth,
  leaks: async () => (await import("./leaks.ts")).benchLeaks,
  heads: async () => (await import("./heads.ts")).benchHeads,
  recovery: async () => (await import("./recovery.ts")).benchRecovery,
  recency: async () => (await import("./recency.ts")).benchRecency,
  mapper: async () => (await import("./mapper.ts")).benchMapper,
  placement: async () => (await import("./placement.ts")).benchPlacement,
  redaction: async () => (await import("./redaction.ts")).benchRedaction,
  residency: async () => (await import("./residency.ts")).benchResidency,
  reembed: async () => (await import("./reembed.ts")).benchReembed,
  quality: async () => (await import("./quality.ts")).benchQuality,
  "quality-placements": async () =>
    (await import("./quality-placements.ts")).benchQualityPlacements,
  query: async () => (await import("./query.ts")).benchQuery,
  surfaces: async () => (await import("./surfaces.ts")).benchSurfaces,
  traces: async () => (await import("./traces.ts")).benchTraces,
};

const about = `Measures one part of Freshet against its reference, both in this run and taking turns.

  acl        searches of hot and cold for readers with up to 500 groups, against the same without labels;
             starts Weaviate where FRESHET_WEAVIATE_URL names none
  embed      the embedding worker and the graphs, against plain onnxruntime loops
  hot        the hot shard, against hnswlib-node: search, recall, writes, filters, memory
  cold-search  a search of the cold shard, against Weaviate's client asked for ids and distances alone,
             filters against none; starts Weaviate where FRESHET_WEAVIATE_URL names none
  text       preparing documents: the worst of thousands of texts made to cost, against prose
  formats    10,000 files with damage, of every kind: none may stay without a document or a reason
  mirror     a folder of files, changed at random, its mirror killed: the log against the folder; 2,000 of them,
             or as many as --files says
  pipeline   documents from JetStream to visible, against embedding alone; starts servers and an engine
  freshness  publish to visible, idle and under load, and questions beside a full ingest; starts the same
  fairness   a tenant's questions beside another's flood of them, against its own idle ones; starts the same
  tenants    floods of one tenant on each surface beside another, costs of a document and a question from 1
             to 1,000 tenants, an idle engine with as many; starts the same; --files 100 stops at 100 tenants
  growth     costs of a document and a question, and bytes on disk, by chunks in cold; cost of a document by
             engines; starts the same; --chunks 1k,10k,100k,1000k names the sizes
  leaks      values that were to be redacted, planted in 10,000 documents (--files says another number),
             their files and questions: found in what an engine says, and in all files of all servers
  heads      memory of heads, and bytes of them that a merge writes for each change, 10k to 1M documents
  recovery   replay after kill -9 against ingest, and merges against bare writes; starts the same
  recency    "what is the latest on ...": hit@1 with recency against without, on dated changelogs
  mapper     events of change streams to operations in a mapper's thread, against parsing their JSON
  placement  questions whose ranking a merge changes, in many scripts; with Weaviate where it is configured
  redaction  what redaction finds of generated values in ten locales, what it takes from documents that hold
             none, and its time against embedding; the same of the model of names; --dataset adds a
             collection, --mail real mail
  reembed    a tenant embedded by another model beside questions, cut over and rolled back: their p99 against
             that before, replies that are mixed or fail; starts the same; 20,000 chunks, or as many as --files says
  residency  memory as a cache of 50 tenants with room for 20: replies against a twin that holds everything,
             hits against an ideal LRU
  surfaces   a question over HTTP, NATS, OpenAI's and MCP's shapes and Dify's, against the handler behind
             them, and the first word of a streamed answer; in one process, over a model without delay
  traces     an engine with traces off, and with one in ten sampled, against one without (a checkout that
             FRESHET_BENCH_BASELINE names): time of a core and of the clock for a document and a question
  query      questions over NATS and HTTP, from memory and from cold, against the raw embedding lane and
             index and Weaviate alone; the options --chunks ... --profile are its own
  quality    nDCG@10 of dense (fp32, int8), BM25, fused ranking and each mode of the engine; which questions it
             would decline, of those that have an answer and of those that have none; needs --dataset
  quality-placements  a collection through the engine: nDCG@10 with half of it in cold, all of it, and all of
             it in memory too; starts servers and an engine; needs --dataset

A ratio is the row's value over its reference, in the direction of the row's name. A target applies to the
ratio, and to the value where there is no reference. A missed target is marked and is no failure.
Exit codes: 0 measured, 1 could not measure, 2 usage, 130 interrupted.`;

interface Options extends QueryOptions {
  readonly json?: string;
  readonly dataset?: string;
  readonly mail?: string;
  readonly files?: number;
  readonly parts?: readonly string[];
}

function program(): Command {
  const command = new Command("npm run bench --")
    .description(about)
    .addArgument(new Argument("<bench>", "what to measure").choices(Object.keys(benches)))
    .option("--json <file>", "write the result as JSON too")
    .option(
      "--dataset <folder>",
      "texts from a collection in BEIR form (corpus.jsonl, queries.jsonl, qrels/test.tsv), or a folder of such; default: Markdown of the installed packages",
    )
    .option("--mail <folder>", "redaction: mail of one's own, one message a file")
    .addOption(
      new Option(
        "--files <count>",
        "mirror: how many files the folder begins with; tenants: how many; leaks: documents",
      ).argParser((value) => {
        const count = Number(value);
        if (Number.isSafeInteger(count) && count > 0) return count;
        throw new InvalidArgumentError("It is no whole number above zero.");
      }),
    );
  command.option(
    "--parts <list>",
    "tenants: of floods, costs, idle; all of them are a quarter of an hour",
    (value) => {
      const parts = value.split(",").map((part) => part.trim());
      if (parts.every((part) => ["floods", "costs", "idle", "cold", "nodes"].includes(part)))
        return parts;
      throw new InvalidArgumentError("It is a list of floods, costs and idle.");
    },
  );
  return addQueryOptions(command)
    .allowExcessArguments(false)
    .exitOverride((error) => {
      // Commander's own code for bad usage is 1; ours is 2. Help is no error.
      throw Object.assign(error, { exitCode: error.exitCode === 0 ? 0 : 2 });
    })
    .action(run);
}

async function run(name: string, options: Options): Promise<void> {
  const bench = await benches[name]?.();
  if (bench === undefined) throw new Error(`no bench ${name}; this is a bug`);
  const scratch = mkdtempSync(join(tmpdir(), "freshet-bench-"));
  const removeScratch = (): void => rmSync(scratch, { recursive: true, force: true });
  // Servers of an interrupted run end with this process by themselves (ops/servers/watch.sh).
  process.once("exit", removeScratch);
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => process.exit(130));
  const machine = describeMachine();
  try {
    const dataset = options.dataset === undefined ? undefined : resolve(options.dataset);
    const say = (line: string): void => void process.stderr.write(`[bench] ${line}\n`);
    const { files, parts, mail: mailFolder } = options;
    const mail = mailFolder === undefined ? undefined : resolve(mailFolder);
    const result = await bench({
      ...{ env: process.env, scratch, dataset, mail, files, parts, root, say },
      query: options,
    });
    const report = { bench: name, machine, versions: describeVersions(root), ...result };
    process.stdout.write(reportText(report));
    if (options.json !== undefined) writeFileSync(options.json, reportJson(report));
  } finally {
    removeScratch();
  }
}

try {
  await program().parseAsync();
} catch (thrown) {
  if (thrown instanceof CommanderError) process.exitCode = thrown.exitCode;
  else {
    process.stderr.write(`bench: ${thrown instanceof Error ? thrown.message : String(thrown)}\n`);
    process.exitCode = 1;
  }
}
