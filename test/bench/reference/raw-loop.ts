/**
 * The reference of the embedding rows: onnxruntime-node called in a plain loop on this thread, with
 * nothing of Freshet around it but the shapes of the batches, which both sides share.
 */

import { InferenceSession, Tensor } from "onnxruntime-node";
import { packBatch, unpackBatch } from "../../../src/embedding/onnx-protocol.ts";
import { shortSpin } from "../../../src/embedding/onnx-provider.ts";

export interface RawSession {
  /** One vector of unit length per text, flat. */
  run(texts: readonly Int32Array[]): Promise<Float32Array>;
  close(): Promise<void>;
}

export interface RawOptions {
  readonly graphFile: string;
  readonly threads: number;
  /** `as ours`: at most between operators (src/embedding/onnx-provider.ts); `default`: the runtime's own. */
  readonly spinning: "as ours" | "default";
}

export function createSession(options: RawOptions): Promise<InferenceSession> {
  const spinning = options.spinning === "as ours" ? shortSpin : { allow_spinning: "1" };
  return InferenceSession.create(options.graphFile, {
    executionProviders: ["cpu"],
    graphOptimizationLevel: "all",
    intraOpNumThreads: options.threads,
    interOpNumThreads: 1,
    logSeverityLevel: 3,
    extra: { session: { intra_op: spinning } },
  });
}

/** For a graph of ops/model: int32 in, pooled vectors out. */
export async function openRaw(options: RawOptions): Promise<RawSession> {
  const session = await createSession(options);
  return {
    async run(texts) {
      const batch = packBatch(texts, "cpu");
      const { ids, mask } = unpackBatch(batch);
      const dims = [batch.rows, batch.columns];
      const { embedding } = await session.run({
        input_ids: new Tensor("int32", ids, dims),
        attention_mask: new Tensor("int32", mask, dims),
      });
      return embedding?.data as Float32Array;
    },
    close: () => session.release(),
  };
}
