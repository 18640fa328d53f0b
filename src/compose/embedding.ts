/**
 * The part of the composition root that knows what computes vectors: a graph in this process or an
 * endpoint, and which model that is.
 */

import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { availableParallelism, homedir } from "node:os";
import { basename, dirname, join } from "node:path";
import type { Config } from "../config/config.ts";
import { FreshetError } from "../contract/errors.ts";
import { isModelName } from "../contract/generation.ts";
import { limits } from "../contract/limits.ts";
import type { ModelProbe, Prefixes } from "../contract/model-probe.ts";
import { type Logger, type Metrics, silentMetrics } from "../contract/observation.ts";
import { type BatchSize, batchSizeOf } from "../embedding/batch-size.ts";
import { checkSameModel, probeText } from "../embedding/model-probe.ts";
import { prefixesIn } from "../embedding/model-recipe.ts";
import { type ModelShape, modelShapeOf } from "../embedding/model-shape.ts";
import { createOnnxEmbedder } from "../embedding/onnx.ts";
import { deviceRuntime } from "../embedding/onnx-cuda.ts";
import type { Embedder } from "../embedding/port.ts";
import {
  choosePrecision,
  cpuFlagsOf,
  type EmbedProvider,
  type GraphVariant,
  graphVariantOf,
} from "../embedding/precision.ts";
import { prefixed, prefixTokens } from "../embedding/prefixed.ts";
import { createNatsEmbedder, createRemoteEmbedder } from "../embedding/remote.ts";
import { type Discovery, discoverOnNats } from "../embedding/remote-nats.ts";
import { retokenized } from "../embedding/retokenized.ts";
import { openConnection } from "../log/nats/connection.ts";
import type { Log } from "../log/port.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Tokenizer } from "../text/port.ts";
import { loadTokenizer } from "../text/tokenizer.ts";

/** What `ops/setup` installs. */
const defaultModel = "all-MiniLM-L6-v2";

export interface EmbeddingParts {
  readonly embedder: Embedder;
  readonly tokenizer: Tokenizer;
  /** What the embedder puts before texts. */
  readonly prefixes: Prefixes;
  /** Where the tokenizer was loaded from. */
  readonly modelDir: string;
  readonly batchSize: BatchSize;
}

type ClaimingParts = Pick<EmbeddingParts, "embedder" | "tokenizer"> &
  Partial<Pick<EmbeddingParts, "prefixes">>;

interface EmbeddingContext {
  readonly config: Config;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics?: Metrics | undefined;
}

/**
 * The same for engine and merge worker, which must agree on the dimensions. @throws FreshetError
 * embedding_unavailable
 */
export function readModelShape(config: Config): ModelShape {
  const { remote, dimensions } = config.embedding;
  const dir = modelDir(config);
  const name = remote?.model ?? basename(dir);
  return modelShapeOf({
    name,
    modelDir: dir,
    dimensions,
    configJson: readText(join(dir, "config.json")),
  });
}

/**
 * @param options.bare nothing is put before texts: for a server whose callers, engines, do that
 * @throws FreshetError with one line that says which setting is wrong, or what is missing
 */
export async function openEmbedding(
  context: EmbeddingContext,
  shape: ModelShape,
  { bare = false }: { readonly bare?: boolean } = {},
): Promise<EmbeddingParts> {
  // Also for an endpoint: chunks are cut by tokens, before anything is embedded.
  const dir = modelDir(context.config);
  const tokenizer = await loadTokenizer(dir);
  const prefixes = prefixesIn(readText(join(dir, "freshet.json")), dir);
  const before = { prefixes, tokenizer };
  const taken = { ...shape, maxTokens: shape.maxTokens + prefixTokens(before) };
  const { embedder: plain, backend } = await openEmbedder(context, taken);
  const embedder = bare ? plain : prefixed(plain, before);
  const batchSize = batchSizeOf(backend, serversOf(context.config.embedding));
  return { embedder, tokenizer, prefixes, modelDir: dir, batchSize };
}

function serversOf({ remote }: Config["embedding"]): number {
  if (remote?.url !== undefined) return remote.url.split(",").length;
  return remote === undefined ? 1 : limits.embedNatsServersExpected;
}

interface OpenedEmbedder {
  readonly embedder: Embedder;
  readonly backend: EmbedProvider | "remote";
}

async function openEmbedder(context: EmbeddingContext, model: ModelShape): Promise<OpenedEmbedder> {
  const { config, clock, logger, metrics = silentMetrics } = context;
  const { remote, link, provider, fallback } = config.embedding;
  const shared = { model, clock, logger, metrics, random: Math.random };
  if (remote?.url !== undefined) {
    const { model: requestModel, url } = remote;
    const options = { ...shared, ...link, url, requestModel };
    return { embedder: await createRemoteEmbedder(options), backend: "remote" };
  }
  if (remote?.subject !== undefined) {
    const discovery = await findServers({ ...context, metrics }, remote, model);
    return { embedder: await createNatsEmbedder({ ...shared, discovery }), backend: "remote" };
  }
  try {
    const embedder = await openGraph(context, model, provider);
    metrics.set("embed_fallback", 0);
    return { embedder, backend: provider };
  } catch (thrown) {
    const mayStandIn = fallback === "cpu" && provider !== "cpu";
    if (!mayStandIn || !(thrown instanceof FreshetError)) throw thrown;
    const embedder = await openGraph(context, model, "cpu");
    metrics.set("embed_fallback", 1);
    logger.warn({ provider, error: thrown.message }, "the CPU embeds in its place");
    return { embedder, backend: "cpu" };
  }
}

function openGraph(
  { config, clock, logger }: EmbeddingContext,
  model: ModelShape,
  provider: EmbedProvider,
): Promise<Embedder> {
  return createOnnxEmbedder({
    graphFile: graphFile(config, provider),
    provider,
    model,
    clock,
    logger,
    ingestThreads: ingestThreads(config),
    queryThreads: 1,
    device: deviceRuntime(provider, cacheDir(config)),
  });
}

/** Over a connection of its own, which no flood of records delays. */
async function findServers(
  { config, clock, logger, metrics }: EmbeddingContext & { readonly metrics: Metrics },
  {
    subject = "",
    model,
  }: { readonly subject?: string | undefined; readonly model?: string | undefined },
  { dimensions }: ModelShape,
): Promise<Discovery> {
  const { url: servers, replies: _, replicas: __, ...link } = config.nats;
  const access = { ...link, servers, name: `freshet-embed-client-${config.node}` };
  const { connection } = await openConnection(access, { clock, logger, metrics });
  const close = () => connection.close();
  return discoverOnNats({ connection, subject, model, dimensions, clock, close });
}

/** Of one run of bulk work on the CPU. */
export function ingestThreads({ embedding: { threads } }: Config): number {
  return threads ?? Math.min(limits.embedThreadsMax, availableParallelism());
}

/**
 * Makes sure that this engine's vectors may stand beside those of the log: the first engine's model
 * stays.
 * @throws FreshetError model_mismatch, log_unavailable, log_identity; what the embedder throws
 */
export async function claimModel(
  log: Pick<Log, "claimModel">,
  parts: ClaimingParts,
): Promise<void> {
  const own = await probeOf(parts, probeText);
  const stored = await log.claimModel(own);
  // An engine of another version may have chosen another sentence.
  checkSameModel(stored, stored.text === own.text ? own : await probeOf(parts, stored.text));
}

async function probeOf(
  { embedder, tokenizer, prefixes }: ClaimingParts,
  text: string,
): Promise<ModelProbe> {
  const { name, maxTokens } = embedder.model;
  const input = { text, tokens: tokenizer.encode(text, maxTokens) };
  const [vector] = await embedder.embed([input], { lane: "query" });
  if (vector === undefined) throw new FreshetError("internal", "a text came without a vector");
  const hasAny = prefixes !== undefined && prefixes.query + prefixes.passage !== "";
  return { text, vector, name, ...(hasAny ? { prefixes } : {}) };
}

/**
 * The model of a generation: one that `ops/setup` installed, computed in this process or by servers
 * of its own. Its tokenizer and prefixes are needed here in either case.
 */
export interface GenerationEncoder {
  readonly embedder: Embedder;
  readonly tokenizer: Tokenizer;
  /** What it makes of a sentence. */
  readonly probe: ModelProbe;
}

/**
 * @param expected what the generation was built with
 * @throws FreshetError invalid_request (it is not installed), embedding_unavailable, model_mismatch
 */
export async function openGenerationEncoder(
  context: EmbeddingContext,
  name: string,
  expected?: ModelProbe,
): Promise<GenerationEncoder> {
  const { config } = context;
  const dir = join(modelsDir(config), name);
  if (!isModelName(name) || !existsSync(dir)) {
    const way = "install it: ops/node node ops/setup/main.ts --model <name>";
    throw new FreshetError("invalid_request", `no model ${name} in ${dirname(dir)}; ${way}`);
  }
  // What is set up of the engines' own model does not hold for this one.
  const none = { graph: undefined, dimensions: undefined };
  const remote = remoteOf(config, name);
  const embedding = { ...config.embedding, ...none, remote, modelDir: dir };
  const own = { ...context, config: { ...config, embedding } };
  const opened = await openEmbedding(own, readModelShape(own.config));
  try {
    const probe = await probeOf(opened, expected?.text ?? probeText);
    if (expected !== undefined) checkSameModel(expected, probe);
    const { tokenizer } = opened;
    return { embedder: retokenized(opened.embedder, tokenizer), tokenizer, probe };
  } catch (thrown) {
    await opened.embedder.close();
    throw thrown;
  }
}

function remoteOf({ embedding }: Config, model: string): Config["embedding"]["remote"] {
  const servers = embedding.generations.get(model);
  return servers && { url: servers.url, subject: servers.subject, model };
}

/** Models that a generation may have here: installed, with a graph or servers to compute them. */
export function installedModels(config: Config): readonly string[] {
  const root = modelsDir(config);
  return filesOf(root)
    .filter((name) => isModelName(name) && canCompute(config, join(root, name)))
    .slice(0, limits.announcedModelsMax);
}

function canCompute(config: Config, modelDir: string): boolean {
  if (config.embedding.generations.has(basename(modelDir))) return true;
  const embedding = { ...config.embedding, graph: undefined, modelDir };
  try {
    return existsSync(graphFile({ ...config, embedding }));
  } catch {
    return false;
  }
}

function cacheDir(config: Config): string {
  return config.cacheDir ?? join(homedir(), ".cache", "freshet");
}

function modelDir(config: Config): string {
  return config.embedding.modelDir ?? join(modelsDir(config), defaultModel);
}

/** Where the set-up puts models. */
export function modelsDir(config: Config): string {
  return join(cacheDir(config), "models");
}

/**
 * @param provider that of the configuration, or what stands in for it: then in the precision that
 * is best there, since the configured one was meant for the other
 * @throws FreshetError embedding_unavailable when nothing compiled is in the model's folder
 */
export function graphFile(
  config: Config,
  provider: EmbedProvider = config.embedding.provider,
): string {
  const { graph, precision, provider: configured } = config.embedding;
  if (graph !== undefined) return graph;
  const cpuFlags = ownCpuFlags();
  const wanted = provider === configured ? precision : "auto";
  const chosen = choosePrecision({ wanted, provider, cpuFlags });
  const variant = graphVariantOf(chosen, provider);
  if (variant !== undefined) {
    const wayOut = "run ops/start once, or set FRESHET_MODEL_GRAPH or FRESHET_EMBED_PRECISION";
    return newestGraph(modelDir(config), variant, wayOut);
  }
  throw new FreshetError(
    "embedding_unavailable",
    `${provider} runs no ${chosen} graph: set FRESHET_EMBED_PRECISION to fp16 or fp32`,
  );
}

let flagsRead: ReadonlySet<string> | undefined;

/** Read once: they stay, and each node looks every few seconds which models it could compute. */
export function ownCpuFlags(): ReadonlySet<string> {
  flagsRead ??= cpuFlagsOf(readText("/proc/cpuinfo") ?? "");
  return flagsRead;
}

/** @throws FreshetError embedding_unavailable when there is none */
export function newestGraph(dir: string, variant: GraphVariant, wayOut: string): string {
  const prefix = `graph-${variant}-`;
  const graphs = filesOf(dir).filter((name) => name.startsWith(prefix) && name.endsWith(".onnx"));
  // An older compiler's graph may lie beside that of this one.
  const age = (name: string): number => statSync(join(dir, name)).mtimeMs;
  const newest = graphs.toSorted((left, right) => age(right) - age(left))[0];
  if (newest !== undefined) return join(dir, newest);
  throw new FreshetError("embedding_unavailable", `no ${variant} graph in ${dir}: ${wayOut}`);
}

function filesOf(dir: string): string[] {
  try {
    return readdirSync(dir).sort();
  } catch {
    return [];
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
