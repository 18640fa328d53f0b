/** How much longer than usual the first answers of a provider may take. */

import { limits } from "../contract/limits.ts";
import type { EmbedProvider } from "./precision.ts";

export function timeoutFactor(provider: EmbedProvider): number {
  return provider === "tensorrt" ? limits.embedTensorRtTimeoutFactor : 1;
}
