/**
 * Everything that Freshet runs beside itself, present and verified on this machine: servers,
 * embedding model, local language model. Each step is skipped when its result is there.
 */
import { basename, join } from "node:path";
import { ensureBinary } from "./binaries.ts";
import { cacheFolder, type Environment, requireFreeSpace } from "./cache.ts";
import type { SetupContext } from "./context.ts";
import { ensureCuda } from "./cuda.ts";
import { type EncoderFiles, ensureEncoder } from "./encoders.ts";
import { ensureLlama } from "./llama.ts";
import { ensureModelGraph } from "./model-graph.ts";
import { ensureModel } from "./models.ts";
import { graphsFor, precisionFor } from "./precision.ts";
import type { Progress } from "./progress.ts";
import { currentPlatform, pinsForPlatform, readPins } from "./versions.ts";
import { ensureWeaviate } from "./weaviate-build.ts";

/** Only what is wanted is installed: a server that already runs elsewhere needs no binary here. */
export interface WantedTools {
  readonly nats: boolean;
  readonly temporal: boolean;
  readonly weaviate: boolean;
  readonly embedding: boolean;
  readonly llm: boolean;
  /** The model of names and addresses, for redaction; most installations have that lane off. */
  readonly names?: boolean | undefined;
  /** CUDA for onnxruntime, and the graphs of all that a GPU can run. */
  readonly gpu?: boolean | undefined;
  /** The model of the learned-sparse signal, which is off unless `FRESHET_SPARSE` asks for it. */
  readonly sparse?: boolean | undefined;
  /** An embedding model beside the default one, by its name. */
  readonly encoder?: string | undefined;
}

/** Absolute paths; undefined = not wanted (or, for the language model, not to be had). */
export interface Tools {
  readonly natsServer?: string | undefined;
  readonly temporal?: string | undefined;
  readonly weaviate?: string | undefined;
  readonly embedding?: EmbeddingModelFiles | undefined;
  readonly llm?: LlmFiles | undefined;
  readonly names?: NamesModelFiles | undefined;
  readonly sparse?: SparseModelFiles | undefined;
  readonly encoder?: EncoderFiles | undefined;
}

export interface EmbeddingModelFiles {
  /** Holds model.safetensors, tokenizer.json and config.json. */
  readonly modelDir: string;
  readonly tokenizer: string;
  /** In the precision that this machine runs best, or that its user asks for. */
  readonly graph: string;
}

export interface NamesModelFiles {
  /** Holds the published model with its licence, tokenizer.json and config.json. */
  readonly modelDir: string;
  readonly graph: string;
}

export interface SparseModelFiles {
  /** Holds model.safetensors, tokenizer.json and config.json. */
  readonly modelDir: string;
  readonly graph: string;
}

export interface LlmFiles {
  readonly model: string;
  /** File to import node-llama-cpp from. */
  readonly module: string;
  readonly gguf: string;
}

export interface EnsureToolsOptions {
  readonly env: Environment;
  readonly progress: Progress;
  readonly want: WantedTools;
}

/** Room for the downloads and what is unpacked from them; the Weaviate build asks for more. */
const downloadSpaceBytes = 1_000_000_000;

/** @throws SetupError with one line that says what to do. A missing language model only warns. */
export async function ensureTools({ env, progress, want }: EnsureToolsOptions): Promise<Tools> {
  const pins = readPins();
  const platform = pinsForPlatform(pins, currentPlatform());
  const cache = cacheFolder(env);
  requireFreeSpace(cache, downloadSpaceBytes, "FRESHET_CACHE_DIR");
  const context: SetupContext = { env, cache, progress, pins, platform };
  // One after the other: each is bound by the same line or the same cores, and the progress lines
  // stay readable.
  if (want.gpu === true) await ensureGpu(context);
  return {
    natsServer: want.nats ? await ensureBinary(context, "nats-server", platform.nats) : undefined,
    temporal: want.temporal
      ? await ensureBinary(context, "temporal", platform.temporal)
      : undefined,
    weaviate: want.weaviate ? await ensureWeaviate(context) : undefined,
    embedding: want.embedding ? await ensureEmbedding(context) : undefined,
    llm: want.llm ? await ensureLlm(context) : undefined,
    names: want.names === true ? await ensureNames(context) : undefined,
    sparse: want.sparse === true ? await ensureSparse(context) : undefined,
    encoder: want.encoder === undefined ? undefined : await ensureEncoder(context, want.encoder),
  };
}

/** Those that a GPU runs, and the one that it is compared with. */
const gpuGraphs = ["fp32", "fp16", "plain-fp32", "plain-fp16"] as const;

async function ensureGpu(context: SetupContext): Promise<void> {
  const pin = context.pins.models.embedding;
  const modelDir = await ensureEmbeddingModel(context);
  for (const variant of gpuGraphs) await ensureModelGraph(context, { modelDir, pin, variant });
  await ensureCuda(context);
}

function ensureEmbeddingModel(context: SetupContext): Promise<string> {
  const pin = context.pins.models.embedding;
  const folder = join(context.cache, "models", pin.name);
  return ensureModel(context, { step: "embedding-model", pin, folder, size: "84 MB" });
}

async function ensureEmbedding(context: SetupContext): Promise<EmbeddingModelFiles> {
  // First: a wrong setting is said before a download, not after it.
  const [variant, ...others] = graphsFor(context.env);
  const pin = context.pins.models.embedding;
  const modelDir = await ensureEmbeddingModel(context);
  const graph = await ensureModelGraph(context, { modelDir, pin, variant });
  for (const other of others) await ensureModelGraph(context, { modelDir, pin, variant: other });
  return { modelDir, tokenizer: join(modelDir, "tokenizer.json"), graph };
}

/**
 * In float32 on every machine: what one engine takes for a name another must take for one, too, and
 * int8 differs from one kind of CPU to another.
 */
async function ensureNames(context: SetupContext): Promise<NamesModelFiles> {
  const pin = context.pins.models.names;
  const folder = join(context.cache, "models", pin.name);
  const request = { step: "names-model", pin, folder, size: "12 MB" };
  const modelDir = await ensureModel(context, request);
  const graph = await ensureModelGraph(context, { modelDir, pin, variant: "fp32" });
  return { modelDir, graph };
}

/** For the CPU, where it runs beside any embedder (src/compose/sparse.ts). */
async function ensureSparse(context: SetupContext): Promise<SparseModelFiles> {
  const pin = context.pins.models.sparse;
  const folder = join(context.cache, "models", pin.name);
  const request = { step: "sparse-model", pin, folder, size: "17 MB" };
  const modelDir = await ensureModel(context, request);
  const variant = precisionFor({});
  const graph = await ensureModelGraph(context, { modelDir, pin, variant });
  return { modelDir, graph };
}

async function ensureLlm(context: SetupContext): Promise<LlmFiles | undefined> {
  const pin = context.pins.models.llm;
  const folder = join(context.cache, "models");
  try {
    await ensureModel(context, { step: "llm-model", pin, folder, size: "93 MB" });
    const module = await ensureLlama(context);
    return { model: pin.name, module, gguf: join(folder, basename(pin.files[0].path)) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    context.progress.warn("llm", `no local language model, answers are extractive: ${reason}`);
    return undefined;
  }
}
