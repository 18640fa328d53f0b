/**
 * The embedder that runs our compiled graph with onnxruntime, one worker thread per lane.
 *
 * Owns: the two lanes. Never does: batching across callers (that is the embedder actor's),
 * tokenization.
 *
 * OX1  a query never waits for an ingest batch: the lanes share no thread and no queue.
 * OX2  What comes out has passed `checkVector`, so no bad value reaches native index code.
 * OX3  A call larger than one batch is split by length, and its results come back in the caller's
 *    order.
 */

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";
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
  /** The longest that a thread may work on one batch; by provider unless given. */
  readonly hangMs?: number | undefined;
  /**
   * Called when threads hang that only the end of the process can end; by default the process is
   * killed.
   */
  readonly onHopeless?: (() => void) | undefined;
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
  const fingerprint = await fileFingerprint(options.graphFile);
  const model: EmbeddingModel = { ...options.model, fingerprint };
  const batchSize = batchSizeOf(options.provider ?? "cpu");
  const lanes: Readonly<Record<Lane, OnnxLane>> = {
    ingest: createLane("ingest", options.ingestThreads, options),
    query: createLane("query", options.queryThreads, options),
  };
  const starts = await Promise.allSettled([lanes.ingest.start(), lanes.query.start()]);
  const failed = starts.find((start) => start.status === "rejected");
  if (failed !== undefined) {
    await Promise.all([lanes.ingest.close(), lanes.query.close()]);
    throw failed.reason;
  }
  return {
    model,
    embed: (batch, embedOptions) =>
      embed({ lanes, model, batchSize, batch, options: embedOptions }),
    close: async () => {
      await Promise.all([lanes.ingest.close(), lanes.query.close()]);
    },
  };
}

/**
 * Ingest is bulk: on two cores a question, the log and the main thread must not wait for its batch.
 */
const niceness: Readonly<Record<Lane, number>> = { ingest: 10, query: 0 };

function createLane(lane: Lane, threads: number, options: OnnxEmbedderOptions): OnnxLane {
  const { graphFile, provider = "cpu", model } = options;
  return new OnnxLane({
    lane,
    settings: {
      graphFile,
      provider,
      threads,
      dimensions: model.dimensions,
      niceness: niceness[lane],
    },
    workerUrl: options.workerUrl ?? new URL("./onnx-worker.ts", import.meta.url),
    clock: options.clock,
    logger: options.logger,
    hangMs: options.hangMs ?? limits.embedHangMs * timeoutFactor(provider),
    onHopeless: options.onHopeless ?? killProcess,
  });
}

/** As by `kill -9`, which the log outlives: a clean exit would wait for the threads that hang. */
export function killProcess(): void {
  process.kill(process.pid, "SIGKILL");
}

interface EmbedRequest {
  readonly lanes: Readonly<Record<Lane, OnnxLane>>;
  readonly model: EmbeddingModel;
  readonly batchSize: BatchSize;
  readonly batch: readonly EmbedInput[];
  readonly options: EmbedOptions;
}

async function embed(request: EmbedRequest): Promise<Float32Array[]> {
  const { lanes, model, batchSize, batch, options } = request;
  checkNotAborted(options.signal);
  checkInputs(batch, model);
  const results = new Array<Float32Array>(batch.length);
  const tokens = batch.map((input) => input.tokens);
  const lengths = tokens.map((ids) => ids.length);
  // One after the other, so that a large call takes one place in the lane's queue and not all of
  // them.
  for (const indexes of splitByLength(lengths, batchSize)) {
    const packed = packBatch(indexes.map((index) => tokens[index] as Int32Array));
    const flat = await lanes[options.lane].run(packed, options.signal);
    for (const [row, index] of indexes.entries()) {
      const vector = flat.subarray(row * model.dimensions, (row + 1) * model.dimensions);
      checkVector(vector, model.dimensions);
      results[index] = vector;
    }
  }
  return results;
}

async function fileFingerprint(graphFile: string): Promise<string> {
  const hash = createHash("sha256");
  try {
    await pipeline(createReadStream(graphFile), hash);
  } catch (error) {
    throw new FreshetError("embedding_unavailable", "the embedding graph cannot be read", {
      details: { graphFile },
      cause: error,
    });
  }
  return hash.digest("hex").slice(0, fingerprintHexChars);
}
