/** How much one embed batch holds, by what computes it. Pure. */

import { limits } from "../contract/limits.ts";
import type { BatchLimits } from "./batching.ts";
import type { EmbedProvider } from "./precision.ts";

export interface BatchSize
  extends Pick<BatchLimits, "paddedTokensMax" | "itemsMax" | "seeksOverhead"> {
  /** The same for questions. */
  readonly queryItemsMax: number;
  /** Batches that the backend works on at once. */
  readonly parallelMax: number;
  /**
   * Ingest batches handed over before the first comes back; those beyond `parallelMax` wait there,
   * to leave no gap.
   */
  readonly inFlightMax: number;
}

/** @param servers of a remote backend, which share the work */
export function batchSizeOf(backend: EmbedProvider | "remote", servers = 1): BatchSize {
  switch (backend) {
    case "cpu":
      return {
        paddedTokensMax: limits.embedBatchPaddedTokensMax,
        itemsMax: limits.embedBatchItemsMax,
        // An int8 graph scales activations by batch, so company changes a vector a little: a
        // question asked twice should find the same twice. Nor would a batch save time: one by one
        // costs a CPU the same.
        queryItemsMax: 1,
        parallelMax: 1,
        inFlightMax: limits.embedBatchesInFlightMax,
      };
    case "cuda":
    case "tensorrt":
    case "webgpu":
      return {
        seeksOverhead: true,
        paddedTokensMax: limits.embedGpuBatchPaddedTokensMax,
        itemsMax: limits.embedGpuBatchItemsMax,
        queryItemsMax: limits.embedGpuBatchItemsMax,
        parallelMax: 1,
        inFlightMax: limits.embedBatchesInFlightMax,
      };
    case "remote":
      // A batch is one request. The endpoint pads as it likes, so only the count matters here.
      return {
        seeksOverhead: true,
        paddedTokensMax: limits.embedGpuBatchPaddedTokensMax,
        itemsMax: limits.embedRemoteInputsMax,
        queryItemsMax: limits.embedRemoteInputsMax,
        parallelMax: limits.embedRemoteIngestInFlightMax * servers,
        inFlightMax: limits.embedRemoteIngestInFlightMax * servers,
      };
  }
}
