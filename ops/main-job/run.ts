/**
 * `ops/start` and `freshet start`: sets up, starts everything, runs the main job where there is
 * one, stays up, stops in order.
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CommanderError } from "commander";
import { dataFolder, writeRunFile } from "../../src/cli/run-file.ts";
import { readClientConfig } from "../../src/config/config.ts";
import { directLoopback } from "../../src/config/direct-loopback.ts";
import { slipLine } from "../../src/config/slips.ts";
import { startObservation } from "../servers/observe.ts";
import { openSecureFiles, writeEnvironment } from "../servers/secure.ts";
import { missingServers, type Servers, startServers } from "../servers/start-servers.ts";
import type { ServerEnd } from "../servers/supervise.ts";
import { ensureTools } from "../setup/ensure-tools.ts";
import { lineProgress, type Progress } from "../setup/progress.ts";
import { SetupError } from "../setup/setup-error.ts";
import { failureLines } from "./failure.ts";
import { type JobCorpus, loadCorpus } from "./ingest.ts";
import { runJob } from "./job.ts";
import { type JobOptions, readJobOptions, type StartCommand } from "./options.ts";
import {
  type FreshetProcesses,
  replicaSettings,
  requireHttpPort,
  startFreshet,
} from "./processes.ts";
import { prepareReport, writeReport } from "./report.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** What ends the run from outside: Ctrl-C, or a part that died. */
interface Interruption {
  readonly signal: AbortSignal;
  readonly died: (end: ServerEnd) => void;
  reason(): "interrupted" | ServerEnd | undefined;
}

function watchForInterruption(): Interruption {
  const controller = new AbortController();
  let reason: "interrupted" | ServerEnd | undefined;
  const interrupt = (why: "interrupted" | ServerEnd): void => {
    reason ??= why;
    controller.abort(new SetupError(typeof why === "string" ? why : why.message));
  };
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.on(name, () => interrupt("interrupted"));
  }
  return { signal: controller.signal, died: interrupt, reason: () => reason };
}

const wantsNames = (env: NodeJS.ProcessEnv): boolean =>
  env["FRESHET_REDACT_NAMES"] === "model" && (env["FRESHET_NAMES_MODEL_DIR"] ?? "") === "";

async function setUp({
  env,
  progress,
  want,
}: {
  readonly env: NodeJS.ProcessEnv;
  readonly progress: Progress;
  readonly want: { readonly llm: boolean };
}) {
  const sparse = (env["FRESHET_SPARSE"] ?? "off") === "splade-tiny";
  const models = { embedding: true, names: wantsNames(env), sparse };
  const needed = { ...missingServers(env, want), ...models };
  const tools = await ensureTools({ env, progress, want: needed });
  const { embedding } = tools;
  if (embedding === undefined) throw new SetupError("the embedding model is missing");
  return { tools, embedding };
}

/** What a shell needs to reach the servers beside the links themselves. */
const environmentOf = ({ nats, temporal, weaviate }: Servers, dataDir: string) => ({
  FRESHET_NATS_URL: nats.url,
  ...replicaSettings(nats),
  FRESHET_TEMPORAL_ADDRESS: temporal.address,
  FRESHET_TEMPORAL_NAMESPACE: temporal.namespace,
  FRESHET_WEAVIATE_URL: weaviate.url,
  FRESHET_WEAVIATE_GRPC: weaviate.grpc,
  FRESHET_DATA_DIR: dataDir,
});

/** Weaviate without its key where that lies in a file of its own. */
function linksOf({ temporal, weaviate: { url, grpc, apiKey } }: Servers, isSecure: boolean) {
  const { address, namespace } = temporal;
  const key = isSecure ? {} : { api_key: apiKey };
  return { temporal: { address, namespace }, weaviate: { url, grpc, ...key } };
}

/** To the command line, by the run file. */
function tellWhere(
  servers: Servers,
  http: string,
  { dataDir, isSecure }: { readonly dataDir: string; readonly isSecure: boolean },
) {
  const urls = { http, nats: servers.nats.url, temporal_ui: servers.temporal.uiUrl };
  writeRunFile(dataDir, { urls, ...linksOf(servers, isSecure) });
  return urls;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/**
 * Before the minutes of a first set-up and of the job: what it could not begin with, or not end
 * with. Of settings the processes would say the same at their start.
 */
async function checkWhatItNeeds(
  options: JobOptions,
  env: NodeJS.ProcessEnv,
): Promise<JobCorpus | undefined> {
  const { slips } = readClientConfig(env);
  for (const slip of slips) process.stderr.write(`freshet: ${slipLine(slip)}\n`);
  if (options.report !== undefined) prepareReport(options.report);
  await requireHttpPort(env);
  return options.hasJob ? loadCorpus(options.corpus, join(root, "node_modules")) : undefined;
}

async function run(options: JobOptions, interruption: Interruption): Promise<void> {
  const corpus = await checkWhatItNeeds(options, process.env);
  const dataDir = dataFolder(process.env);
  const progress = lineProgress(
    (line) => process.stderr.write(line),
    () => performance.now(),
  );
  // What FRESHET_LLM_URL names is used either way.
  const want = { llm: options.llm === "local" };
  const { tools, embedding } = await setUp({ env: process.env, progress, want });
  interruption.signal.throwIfAborted();
  const secure = options.secure ? await openSecureFiles(dataDir) : undefined;
  const observed = options.observe
    ? await startObservation({ dataDir, env: process.env, say })
    : undefined;
  const env = observed?.env ?? process.env;
  let servers: Servers | undefined;
  let freshet: FreshetProcesses | undefined;
  try {
    const onDeath = interruption.died;
    const own = { env, tools, secure, natsServers: options.nats, weaviates: options.weaviate };
    servers = await startServers({ dataDir, progress, want, onDeath, ...own });
    interruption.signal.throwIfAborted();
    const { nodes } = options;
    say(`starting ${nodes === 1 ? "the engine" : `${nodes} engines`} and the merge worker`);
    freshet = await startFreshet({
      servers,
      model: embedding,
      names: tools.names,
      dataDir,
      env,
      nodes,
      secure,
      onDeath,
    });
    await observed?.watch(freshet.nodes.map(({ httpUrl }) => httpUrl));
    const isSecure = secure !== undefined;
    const urls = tellWhere(servers, freshet.httpUrl, { dataDir, isSecure });
    if (secure !== undefined) writeEnvironment(secure, environmentOf(servers, dataDir));
    const { signal } = interruption;
    const job = { env: freshet.env, nodes: freshet.nodes, urls, signal, say };
    const report = corpus === undefined ? undefined : await runJob({ ...job, corpus });
    if (options.report !== undefined && report !== undefined) writeReport(options.report, report);
    say("");
    say(`HTTP API     ${urls.http}   (OpenAPI: ${urls.http}/openapi.json)`);
    for (const { name, http, partitions } of report?.nodes.slice(nodes === 1 ? 1 : 0) ?? []) {
      say(`${name.padEnd(12)} ${http}   (${partitions.owned} of ${partitions.total} partitions)`);
    }
    say(`console      ${urls.http}/`);
    say(`metrics      ${urls.http}/metrics`);
    if (urls.temporal_ui !== "") say(`Temporal UI  ${urls.temporal_ui}`);
    say(`NATS         ${urls.nats}`);
    if (!options.hasJob) say(`data         ${dataDir}`);
    if (secure !== undefined) say(`commands     source ${secure.environmentFile}`);
    for (const [name, url] of observed?.shown ?? []) say(`${name.padEnd(12)} ${url}`);
    if (options.once) return;
    say("");
    say("running; Ctrl-C stops everything");
    await aborted(signal);
    const reason = interruption.reason();
    if (reason !== undefined && reason !== "interrupted") throw new SetupError(reason.message);
  } finally {
    if (freshet !== undefined || servers !== undefined) say("stopping");
    await freshet?.stop();
    await servers?.stop();
    await observed?.stop();
  }
}

/** @returns the exit code */
export async function runStart(command: StartCommand): Promise<number> {
  let options: JobOptions;
  try {
    options = readJobOptions(process.argv.slice(2), process.cwd(), command);
  } catch (thrown) {
    if (thrown instanceof CommanderError) return thrown.exitCode;
    throw thrown;
  }
  // Its children have it from here.
  Object.assign(process.env, directLoopback(process.env));
  const interruption = watchForInterruption();
  try {
    await run(options, interruption);
    return 0;
  } catch (thrown) {
    const reason = interruption.reason();
    if (reason === "interrupted") return 130;
    const lines = reason === undefined ? failureLines(thrown) : [`freshet: ${reason.message}`];
    for (const line of lines) process.stderr.write(`${line}\n`);
    return 1;
  }
}
