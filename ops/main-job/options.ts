/** What `ops/start` and `freshet start` can be told. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { dataFolder } from "../../src/cli/run-file.ts";
import { clusterSize } from "../servers/nats-cluster.ts";
import { weaviatesInCluster } from "../servers/weaviate-cluster.ts";

/** Whose options: `freshet start` has a corpus only where it is given one. */
export type StartCommand = "ops/start" | "freshet start";

export interface JobOptions {
  /** False: servers, engine and worker, and nothing of the main job. */
  readonly hasJob: boolean;
  /** Ends after the answers instead of staying up. */
  readonly once: boolean;
  /** Absolute path of the JSON summary. */
  readonly report: string | undefined;
  /**
   * Absolute path of a folder or file; undefined = the Markdown files of the installed packages.
   */
  readonly corpus: string | undefined;
  /** Engines that share the partitions. */
  readonly nodes: number;
  /** nats-servers: one, or three that keep three copies of everything. */
  readonly nats: 1 | typeof clusterSize;
  /** Weaviates: one, or three that share the tenants. */
  readonly weaviate: 1 | typeof weaviatesInCluster;
  /**
   * Who writes answers where FRESHET_LLM_URL names no endpoint: sentences of the sources, at once,
   * or the small model on this machine, after seconds.
   */
  readonly llm: (typeof writers)[number];
  /** Every link with TLS and keys. */
  readonly secure: boolean;
  /** Starts what is on PATH of Prometheus, Jaeger and Grafana. */
  readonly observe: boolean;
}

const writers = ["extractive", "local"] as const;

/** A machine of eight cores; more engines than the log's partitions would idle. */
const nodesMax = 8;

const firstWords: Readonly<Record<StartCommand, string>> = {
  "ops/start": `Sets everything up (each step is skipped when it is done) and runs the main job: servers,
engine, a corpus into the tenant "demo", one merge, three questions. Then it stays up.`,
  "freshet start": `Sets everything up (each step is skipped when it is done), starts servers, engine and merge worker, and
stays up. With --corpus it ingests that into the tenant "demo", merges once and asks three questions first.`,
};

const about = (command: StartCommand, dataDir: string): string => `${firstWords[command]}

With --nodes N, N engines named node-1 to node-N listen on FRESHET_HTTP_PORT (or 8787) and the next free ports; any of
them takes any request.

With --nats 3, three nats-servers make a cluster and the log has three copies (FRESHET_STREAM_REPLICAS): one of them may
end, and is started again. Its folder is another one than that of a single server.

With --weaviate 3, three Weaviates make a cluster and share the tenants, with one copy of each: while one is away, its
tenants are answered from memory and the others' are not touched. It is started again. It has a folder of its own, too.

Answers are sentences of the sources, at once. --llm local lets a small model on this machine (SmolLM2-135M) write them:
it takes seconds and is often wrong; it shows how a model is used. FRESHET_LLM_URL names a better one and wins.
With --secure a CA, certificates, passwords and keys are made under FRESHET_DATA_DIR/secure, and NATS, Temporal,
Weaviate and HTTP run with TLS and ask for them; source FRESHET_DATA_DIR/secure/environment for freshet beside it.
With --observe each engine also runs the canary (FRESHET_CANARY), the merge worker and Weaviate show their metrics,
and Prometheus has the rules of ops/prometheus; what is not installed is left out.

Servers that already run are used instead of own ones:
  FRESHET_NATS_URL, FRESHET_TEMPORAL_ADDRESS (FRESHET_TEMPORAL_NAMESPACE, FRESHET_TEMPORAL_UI_URL),
  FRESHET_WEAVIATE_URL (FRESHET_WEAVIATE_GRPC), FRESHET_LLM_URL (FRESHET_LLM_MODEL)
Downloads are kept in FRESHET_CACHE_DIR, data in FRESHET_DATA_DIR (default ${dataDir}).

Exit codes: 0 done, 1 failed, 2 usage, 130 interrupted`;

export function readJobOptions(
  argv: readonly string[],
  cwd: string,
  command: StartCommand = "ops/start",
): JobOptions {
  const program = new Command(command)
    .description(about(command, dataFolder({})))
    .option("--once", "end after the answers instead of staying up", false)
    .option("--report <file>", "write a JSON summary of the run")
    .option("--corpus <path>", "folder or file to ingest: .md, .txt, .html, .json, .ndjson")
    .option("--nodes <n>", `engines that share the partitions, 1-${nodesMax}`, nodeCount, 1)
    .option("--nats <n>", `nats-servers, 1 or ${clusterSize}`, natsCount, 1)
    .option("--weaviate <n>", `Weaviates, 1 or ${weaviatesInCluster}`, weaviateCount, 1)
    .addOption(
      new Option("--llm <writer>", "who writes answers without FRESHET_LLM_URL")
        .choices(writers)
        .default("extractive"),
    )
    .option("--secure", "TLS, passwords and keys on every link", false)
    .option("--observe", "start what is on PATH of prometheus, jaeger and grafana beside it", false)
    .allowExcessArguments(false)
    .exitOverride((error) => {
      // Commander's own code for bad usage is 1; ours is 2. Help is no error.
      throw Object.assign(error, { exitCode: error.exitCode === 0 ? 0 : 2 });
    })
    .parse(argv, { from: "user" });
  const { report, corpus, ...plain } = program.opts<{
    once: boolean;
    observe: boolean;
    report?: string;
    corpus?: string;
    nodes: number;
    nats: JobOptions["nats"];
    weaviate: JobOptions["weaviate"];
    llm: JobOptions["llm"];
    secure: boolean;
  }>();
  const absolute = (path: string | undefined) =>
    path === undefined ? undefined : resolve(cwd, path);
  if (corpus !== undefined && !existsSync(resolve(cwd, corpus))) {
    program.error(`error: --corpus: there is no ${corpus}`);
  }
  const hasJob = command === "ops/start" || corpus !== undefined;
  if (!hasJob && (plain.once || report !== undefined)) {
    program.error("error: --once and --report are of the main job: they need --corpus");
  }
  const paths = { report: absolute(report), corpus: absolute(corpus) };
  return { hasJob, ...plain, ...paths };
}

function natsCount(text: string): JobOptions["nats"] {
  const count = ([1, clusterSize] as const).find((one) => String(one) === text);
  if (count !== undefined) return count;
  throw new InvalidArgumentError(`1 or ${clusterSize} is expected: two would stop when one stops.`);
}

function weaviateCount(text: string): JobOptions["weaviate"] {
  const count = ([1, weaviatesInCluster] as const).find((one) => String(one) === text);
  if (count !== undefined) return count;
  throw new InvalidArgumentError(`1 or ${weaviatesInCluster} is expected: of two none may end.`);
}

function nodeCount(text: string): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && count >= 1 && count <= nodesMax) return count;
  throw new InvalidArgumentError(`a whole number from 1 to ${nodesMax} is expected.`);
}
