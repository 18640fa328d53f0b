/**
 * The embedder that runs our compiled graph with onnxruntime: on a CPU in one worker thread per
 * lane, on any other device in one process for both.
 *
 * Two threads that run WebGPU at once crash the process (onnxruntime issue 32561), a second session
 * would hold the model twice on any GPU, and a process finds CUDA's libraries by an environment of
 * its own. A driver that crashes ends that process and not the engine.
 *
 * Owns: the workers. Never does: batching across callers (that is the embedder actor's),
 * tokenization.
 *
 * OX1  On a CPU a query never waits for an ingest batch: the lanes share no thread and no queue. On
 *    another device it waits for the batch that runs, and for no other.
 * OX2  What comes out has passed `checkVector`, so no bad value reaches native index code.
 * OX3  A call larger than one batch is split by length, and its results come back in the caller's
 *    order.
 */

import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { FreshetError } from "../contract/errors.ts";
import { limits } from "../contract/limits.ts";
import type { Clock } from "../runtime/clock.ts";
import { type BatchSize, batchSizeOf } from "./batch-size.ts";
import { splitByLength } from "./batching.ts";
import { checkInputs, checkNotAborted, checkVector } from "./checks.ts";
import { type LaneLogger, OnnxLane } from "./onnx-lane.ts";
import { packBatch } from "./onnx-protocol.ts";
import type { Embedder, EmbeddingModel, EmbedInput, EmbedOptions, Lane } from "./port.ts";
import type { EmbedProvider } from "./precision.ts";
import { timeoutFactor } from "./timeout-factor.ts";

export interface OnnxEmbedderOptions {
  /** A graph made by `ops/model`. */
  readonly graphFile: string;
  /** Default: `cpu`. Never another one in its place. */
  readonly provider?: EmbedProvider | undefined;
  readonly model: Omit<EmbeddingModel, "fingerprint">;
  readonly clock: Clock;
  /** Threads inside one run of the ingest and of the query lane. */
  readonly ingestThreads: number;
  readonly queryThreads: number;
  readonly logger?: LaneLogger | undefined;
  /** The worker's entry; tests pass one that dies on demand. */
  readonly workerUrl?: URL | undefined;
  /** For a worker that is a process: where the libraries of its device are. */
  readonly device?: DeviceRuntime | undefined;
  /** The longest that a thread may work on one batch; by provider unless given. */
  readonly hangMs?: number | undefined;
  /**
   * Called when threads hang that only the end of the process can end; by default the process is
   * killed.
   */
  readonly onHopeless?: (() => void) | undefined;
}

export interface DeviceRuntime {
  /** Main file of a copy of onnxruntime's npm package; unset means our own. */
  readonly runtimeModule?: string | undefined;
  /** Searched for libraries before all others. */
  readonly libraryFolders?: readonly string[] | undefined;
  /** Added to the engine's environment. */
  readonly env?: Readonly<Record<string, string>> | undefined;
}

export interface OnnxEmbedder extends Embedder {
  readonly model: EmbeddingModel;
}

const fingerprintHexChars = 16;

/**
 * Loads the graph into both lanes. Throws `embedding_unavailable` when the graph is missing or is
 * not one of ours, or when the provider cannot be used here; nothing is left running then.
 */
export async function createOnnxEmbedder(options: OnnxEmbedderOptions): Promise<OnnxEmbedder> {
  const { provider = "cpu" } = options;
  const batchSize = batchSizeOf(provider);
  const file = await openGraph(options.graphFile);
  const lanes = createLanes(options);
  const workers = [...new Set(Object.values(lanes))];
  const closeAll = async (): Promise<void> => {
    await Promise.all(workers.map((worker) => worker.close()));
  };
  // Side by side: each reads the graph, which takes as long as all else that it does.
  const starts = workers.map((worker) => worker.start());
  const [read, ...started] = await Promise.allSettled([
    fingerprintOf(file, options.graphFile),
    ...starts,
  ]);
  // A graph that cannot be read is the reason also for what the threads say of it.
  const failed = [read, ...started].find((each) => each.status === "rejected");
  if (read.status === "rejected" || failed !== undefined) {
    await closeAll();
    throw failed?.reason;
  }
  const model: EmbeddingModel = { ...options.model, fingerprint: read.value };
  return {
    model,
    embed: (batch, embedOptions) =>
      embed({ lanes, model, provider, batchSize, batch, options: embedOptions }),
    close: closeAll,
  };
}

function createLanes(options: OnnxEmbedderOptions): Readonly<Record<Lane, OnnxLane>> {
  const { provider = "cpu", ingestThreads, queryThreads } = options;
  if (provider !== "cpu") {
    const both = createWorker({ lanes: ["query", "ingest"], threads: 1, niceness: 0 }, options);
    return { ingest: both, query: both };
  }
  return {
    ingest: createWorker({ lanes: ["ingest"], threads: ingestThreads, niceness: 10 }, options),
    query: createWorker({ lanes: ["query"], threads: queryThreads, niceness: 0 }, options),
  };
}

interface WorkerShare {
  readonly lanes: readonly Lane[];
  readonly threads: number;
  /**
   * Ingest is bulk: on two cores a question, the log and the main thread must not wait for its
   * batch.
   */
  readonly niceness: number;
}

function createWorker(
  { lanes, threads, niceness }: WorkerShare,
  options: OnnxEmbedderOptions,
): OnnxLane {
  const { graphFile, provider = "cpu", model, device = {} } = options;
  const { runtimeModule, env = {}, libraryFolders = [] } = device;
  return new OnnxLane({
    lanes,
    settings: {
      graphFile,
      provider,
      threads,
      dimensions: model.dimensions,
      niceness,
      ...(runtimeModule === undefined ? {} : { runtimeModule }),
    },
    place: provider === "cpu" ? { kind: "thread" } : { kind: "process", env, libraryFolders },
    workerUrl: options.workerUrl ?? new URL("./onnx-worker.ts", import.meta.url),
    clock: options.clock,
    logger: options.logger,
    hangMs: options.hangMs ?? limits.embedHangMs * timeoutFactor(provider),
    startMs: limits.embedStartMs * timeoutFactor(provider),
    onHopeless: options.onHopeless ?? killProcess,
  });
}

/** As by `kill -9`, which the log outlives: a clean exit would wait for the threads that hang. */
function killProcess(): void {
  process.kill(process.pid, "SIGKILL");
}

interface EmbedRequest {
  readonly lanes: Readonly<Record<Lane, OnnxLane>>;
  readonly model: EmbeddingModel;
  readonly provider: EmbedProvider;
  readonly batchSize: BatchSize;
  readonly batch: readonly EmbedInput[];
  readonly options: EmbedOptions;
}

async function embed(request: EmbedRequest): Promise<Float32Array[]> {
  const { lanes, model, provider, batchSize, batch, options } = request;
  checkNotAborted(options.signal);
  checkInputs(batch, model);
  const results = new Array<Float32Array>(batch.length);
  const tokens = batch.map((input) => input.tokens);
  const lengths = tokens.map((ids) => ids.length);
  // One after the other, so that a large call takes one place in the lane's queue and not all of
  // them.
  for (const indexes of splitByLength(lengths, batchSize)) {
    const texts = indexes.map((index) => tokens[index] as Int32Array);
    const packed = packBatch(texts, provider);
    const flat = await lanes[options.lane].run(packed, options);
    for (const [row, index] of indexes.entries()) {
      const vector = flat.subarray(row * model.dimensions, (row + 1) * model.dimensions);
      checkVector(vector, model.dimensions);
      results[index] = vector;
    }
  }
  return results;
}

/**
 * Into the same memory again and again: fresh memory for each piece, as a stream takes it, costs as
 * much again as the digest, and so do small pieces.
 */
const hashedAtOnceBytes = 1024 * 1024;

/** @throws FreshetError embedding_unavailable */
async function openGraph(graphFile: string): Promise<FileHandle> {
  return open(graphFile).catch((cause: unknown) => {
    throw unreadable(graphFile, cause);
  });
}

/** Closes the file. @throws FreshetError embedding_unavailable */
async function fingerprintOf(file: FileHandle, graphFile: string): Promise<string> {
  const hash = createHash("sha256");
  try {
    const piece = Buffer.allocUnsafe(hashedAtOnceBytes);
    for (;;) {
      const { bytesRead } = await file.read(piece, 0, piece.length);
      if (bytesRead === 0) break;
      hash.update(piece.subarray(0, bytesRead));
    }
  } catch (cause) {
    throw unreadable(graphFile, cause);
  } finally {
    await file.close();
  }
  return hash.digest("hex").slice(0, fingerprintHexChars);
}

function unreadable(graphFile: string, cause: unknown): FreshetError {
  const code = cause instanceof Error && "code" in cause ? ` (${String(cause.code)})` : "";
  const why = `the embedding graph ${graphFile} cannot be read${code}`;
  const mend = "set FRESHET_MODEL_GRAPH to one that is there, or leave it unset";
  return new FreshetError("embedding_unavailable", `${why}: ${mend}`, {
    details: { graphFile },
    cause,
  });
}
