/**
 * The encoder of sparse vectors: our compiled graph of a model that weighs the words of its
 * vocabulary, with onnxruntime, a worker thread for each lane as the embedder has (onnx.ts).
 *
 * Owns: the two lanes. Never does: batching across callers (that is the embedder actor's).
 *
 *   OXS1  texts are cut into tokens by the model's own tokenizer, whatever the embedder's is;
 *   OXS2  batches are small: the graph makes a number for each token and word, 120 KB a token
 *        (sparse-batch.ts).
 */

import { FreshetError } from "../contract/errors.ts";
import { limits } from "../contract/limits.ts";
import type { SparseVector } from "../contract/sparse.ts";
import type { Clock } from "../runtime/clock.ts";
import { splitByLength } from "./batching.ts";
import { checkNotAborted } from "./checks.ts";
import { type LaneLogger, OnnxLane } from "./onnx-lane.ts";
import { packBatch } from "./onnx-protocol.ts";
import type { EmbeddingModel, EmbedInput, EmbedOptions, Encoder, Lane } from "./port.ts";
import type { EmbedProvider } from "./precision.ts";
import { sparseBatch } from "./sparse-batch.ts";
import { unpackSparseRows } from "./sparse-rows.ts";
import { timeoutFactor } from "./timeout-factor.ts";

export type SparseEncoder = Encoder<SparseVector>;

export interface SparseEncoderOptions {
  /** A graph made by `ops/model` of a model that weighs words. */
  readonly graphFile: string;
  readonly provider?: EmbedProvider | undefined;
  /** The model's own; ids with their two marks. */
  readonly tokenizer: { encode(text: string, maxTokens: number): Int32Array };
  /** Its dimensions are the words of the vocabulary. */
  readonly model: EmbeddingModel;
  readonly clock: Clock;
  readonly ingestThreads: number;
  readonly logger?: LaneLogger | undefined;
}

/** @throws FreshetError embedding_unavailable; nothing is left running then */
export async function createSparseEncoder(options: SparseEncoderOptions): Promise<SparseEncoder> {
  const { model } = options;
  const lanes: Readonly<Record<Lane, OnnxLane>> = {
    ingest: createLane("ingest", options),
    query: createLane("query", options),
  };
  const close = async (): Promise<void> => {
    await Promise.all([lanes.ingest.close(), lanes.query.close()]);
  };
  const starts = await Promise.allSettled([lanes.ingest.start(), lanes.query.start()]);
  const failed = starts.find((start) => start.status === "rejected");
  if (failed !== undefined) {
    await close();
    throw failed.reason;
  }
  return {
    model,
    embed: (batch, { lane, signal }) => encode(lanes[lane], { ...options, lane, batch, signal }),
    close,
  };
}

function createLane(lane: Lane, options: SparseEncoderOptions): OnnxLane {
  const { graphFile, provider = "cpu", model, clock, logger, ingestThreads } = options;
  const worker: OnnxLane = new OnnxLane({
    lanes: [lane],
    place: { kind: "thread" },
    settings: {
      ...{ graphFile, provider, dimensions: model.dimensions },
      threads: lane === "ingest" ? ingestThreads : 1,
      // As the embedder's: a question goes first.
      niceness: lane === "ingest" ? 10 : 0,
      sparseTermsMax: limits.sparseTermsMax,
    },
    workerUrl: new URL("./onnx-worker.ts", import.meta.url),
    clock,
    logger,
    hangMs: limits.embedHangMs * timeoutFactor(provider),
    // The signal ends here, and nothing else does: documents and questions do without it.
    onHopeless: () => {
      logger?.warn({ lane }, "the sparse encoder hangs: it is off until the engine starts again");
      void worker.close();
    },
  });
  return worker;
}

interface EncodeRequest extends Pick<SparseEncoderOptions, "tokenizer" | "model" | "provider"> {
  readonly lane: Lane;
  readonly batch: readonly EmbedInput[];
  readonly signal: EmbedOptions["signal"];
}

async function encode(worker: OnnxLane, request: EncodeRequest): Promise<SparseVector[]> {
  const { lane, batch, signal, tokenizer, model, provider = "cpu" } = request;
  checkNotAborted(signal);
  const tokens = batch.map(({ text }) => tokenizer.encode(text, model.maxTokens)); // OXS1
  const results = new Array<SparseVector>(batch.length);
  const lengths = tokens.map(({ length }) => length);
  for (const indexes of splitByLength(lengths, sparseBatch)) {
    const packed = packBatch(
      indexes.map((index) => tokens[index] as Int32Array),
      provider,
    );
    const rows = unpackSparseRows(await worker.run(packed, { lane, signal }), indexes.length);
    for (const [row, index] of indexes.entries()) {
      const vector = rows[row];
      if (vector === undefined) throw new FreshetError("internal", "a text has no sparse vector");
      results[index] = vector;
    }
  }
  return results;
}
