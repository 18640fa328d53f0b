/** How much one batch of the sparse encoder holds. Pure: actors batch by it, too. */

import { limits } from "../contract/limits.ts";

export const sparseBatch = {
  paddedTokensMax: limits.sparseBatchPaddedTokensMax,
  itemsMax: limits.sparseBatchItemsMax,
} as const;
