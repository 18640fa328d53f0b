/** How much one embed batch holds, by what computes it. Pure. */

import { limits } from "../contract/limits.ts";
import type { BatchLimits } from "./batching.ts";
import type { EmbedProvider } from "./precision.ts";

export interface BatchSize extends Pick<BatchLimits, "paddedTokensMax" | "itemsMax"> {
  /** Ingest batches handed over before the first comes back. */
  readonly inFlightMax: number;
}

export function batchSizeOf(backend: EmbedProvider | "remote"): BatchSize {
  switch (backend) {
    case "cpu":
      return {
        paddedTokensMax: limits.embedBatchPaddedTokensMax,
        itemsMax: limits.embedBatchItemsMax,
        inFlightMax: limits.embedBatchesInFlightMax,
      };
    case "cuda":
    case "tensorrt":
      return {
        paddedTokensMax: limits.embedGpuBatchPaddedTokensMax,
        itemsMax: limits.embedGpuBatchItemsMax,
        inFlightMax: limits.embedBatchesInFlightMax,
      };
    case "remote":
      // A batch is one request. The endpoint pads as it likes, so only the count matters here.
      return {
        paddedTokensMax: limits.embedGpuBatchPaddedTokensMax,
        itemsMax: limits.embedRemoteInputsMax,
        inFlightMax: limits.embedRemoteIngestInFlightMax,
      };
  }
}
